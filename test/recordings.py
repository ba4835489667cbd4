# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings made by rosbags, for the tests of sources, of the offline run and of `run`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ROS2 = get_typestore(Stores.ROS2_JAZZY)
ROS1 = get_typestore(Stores.ROS1_NOETIC)
TF = 'tf2_msgs/msg/TFMessage'
ROS1.register(get_types_from_msg('geometry_msgs/TransformStamped[] transforms', TF))
SECOND = 1_000_000_000
WIDTH, HEIGHT = 48, 32
Message = tuple[str, Any, int]  # topic, message, log time


def make(kind: str, store: Any = ROS2, **fields: Any) -> Any:
    """A message of 'pkg/msg/Name' with these fields."""
    return store.types[kind](**fields)


def header(stamp: int, frame_id: str = 'cam', store: Any = ROS2) -> Any:
    time = make('builtin_interfaces/msg/Time', store, sec=stamp // SECOND, nanosec=stamp % SECOND)
    more = {'seq': 0} if store is ROS1 else {}
    return make('std_msgs/msg/Header', store, stamp=time, frame_id=frame_id, **more)


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture that differs from number to number: its top left pixel says which."""
    generator = np.random.default_rng(number)
    image = generator.integers(0, 255, (height, width, 3), np.uint8)
    image[0, 0] = (number % 256, 1, 2)
    return image


def image(
    stamp: int,
    number: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    encoding: str = 'rgb8',
    frame_id: str = 'cam',
    data: np.ndarray | None = None,
    store: Any = ROS2,
) -> Any:
    pixels = picture(number, *size).reshape(-1) if data is None else data
    return make(
        'sensor_msgs/msg/Image', store, header=header(stamp, frame_id, store), height=size[1],
        width=size[0], encoding=encoding, is_bigendian=0, step=3 * size[0], data=pixels,
    )  # fmt: skip


def jpeg(stamp: int, number: int = 0, data: bytes | None = None, store: Any = ROS2) -> Any:
    if data is None:
        data = cv2.imencode('.png', picture(number)[..., ::-1])[1].tobytes()
    return make(
        'sensor_msgs/msg/CompressedImage', store, header=header(stamp, store=store),
        format='rgb8; png compressed bgr8', data=np.frombuffer(data, np.uint8),
    )  # fmt: skip


def camera_info(
    stamp: int,
    focal: float = 40.0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    store: Any = ROS2,
    frame_id: str = 'cam',
) -> Any:
    k = np.array([focal, 0, size[0] / 2, 0, focal, size[1] / 2, 0, 0, 1], float)
    p = np.array([focal, 0, size[0] / 2, 0, 0, focal, size[1] / 2, 0, 0, 0, 1, 0], float)
    kw = {'k': k, 'd': np.zeros(5), 'r': np.eye(3).reshape(-1), 'p': p}
    if store is ROS1:
        kw = {name.upper(): value for name, value in kw.items()}
    roi = make(
        'sensor_msgs/msg/RegionOfInterest', store, x_offset=0, y_offset=0, height=0, width=0,
        do_rectify=False,
    )  # fmt: skip
    return make(
        'sensor_msgs/msg/CameraInfo', store, header=header(stamp, frame_id, store),
        width=size[0], height=size[1], distortion_model='plumb_bob', binning_x=0, binning_y=0,
        roi=roi, **kw,
    )  # fmt: skip


def static_transforms(
    *edges: tuple[str, str, Sequence[float], Sequence[float]], store: Any = ROS2
) -> Any:
    """A TFMessage of (parent, child, translation, quaternion x y z w)."""

    def stamped(parent: str, child: str, t: Sequence[float], q: Sequence[float]) -> Any:
        transform = make(
            'geometry_msgs/msg/Transform', store,
            translation=make('geometry_msgs/msg/Vector3', store, x=t[0], y=t[1], z=t[2]),
            rotation=make('geometry_msgs/msg/Quaternion', store, x=q[0], y=q[1], z=q[2], w=q[3]),
        )  # fmt: skip
        return make(
            'geometry_msgs/msg/TransformStamped', store, header=header(0, parent, store),
            child_frame_id=child, transform=transform,
        )  # fmt: skip

    return make(TF, store, transforms=[stamped(*edge) for edge in edges])


OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # rotation of a camera that looks along x of its parent


def drive(
    count: int = 5, store: Any = ROS2, step: int = SECOND // 10, start: int = 100 * SECOND
) -> list[Message]:
    """A drive as it should be: tf_static, camera_info and raw images at 10 Hz from 100 s on."""
    tree = static_transforms(('base_link', 'cam', (1.0, 0.0, 1.5), OPTICAL), store=store)
    messages: list[Message] = [('/tf_static', tree, start)]
    for number in range(count):
        stamp = start + number * step
        messages.append(('/camera/camera_info', camera_info(stamp, store=store), stamp))
        messages.append(('/camera/image_raw', image(stamp, number, store=store), stamp))
    return messages


def write_ros2(path: Path, messages: Iterable[Message], storage: str = 'mcap') -> Path:
    plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
    with Writer2(path, version=8, storage_plugin=plugin) as writer:
        topics: dict[str, Any] = {}
        for topic, message, time in messages:
            kind = message.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=ROS2)
            writer.write(topics[topic], time, ROS2.serialize_cdr(message, kind))
    return path


def write_ros1(path: Path, messages: Iterable[Message]) -> Path:
    with Writer1(path) as writer:
        topics: dict[str, Any] = {}
        for topic, message, time in messages:
            kind = message.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=ROS1)
            writer.write(topics[topic], time, ROS1.serialize_ros1(message, kind))
    return path


def _text(text: str) -> bytes:
    return struct.pack('<I', len(text.encode())) + text.encode()


def _record(op: int, body: bytes) -> bytes:
    return struct.pack('<BQ', op, len(body)) + body


class Mcap:
    """An MCAP file by hand (mcap.dev/spec), for what rosbags does not write.

    compression  name of the chunks' compression and the function that does it; None: no chunks
    end          with a footer, without an index
    """

    def __init__(
        self,
        path: Path,
        profile: str = 'ros2',
        compression: tuple[str, Callable[[bytes], bytes]] | None = ('', bytes),
    ) -> None:
        self.path, self._compression = path, compression
        self._parts = [b'\x89MCAP0\r\n', _record(1, _text(profile) + _text('by hand'))]
        self._chunk: list[bytes] = []
        self._times: list[int] = []
        self._channels = 0

    def channel(
        self, topic: str, schema: str, encoding: str = 'cdr', schema_encoding: str = 'ros2msg',
        definition: str = '',
    ) -> int:  # fmt: skip
        """Add a channel with a schema of its own; no schema where its name is empty."""
        self._channels += 1
        number = self._channels if schema else 0
        if schema:
            body = struct.pack('<H', number) + _text(schema) + _text(schema_encoding)
            self._chunk.append(_record(3, body + _text(definition)))
        body = struct.pack('<HH', self._channels, number) + _text(topic) + _text(encoding)
        self._chunk.append(_record(4, body + struct.pack('<I', 0)))
        return self._channels

    def message(self, channel: int, time: int, data: bytes, published: int | None = None) -> None:
        times = struct.pack('<QQ', time, time if published is None else published)
        self._chunk.append(_record(5, struct.pack('<HI', channel, 0) + times + bytes(data)))
        self._times.append(time)

    def end_chunk(self, packed: bytes | None = None, size: int | None = None) -> None:
        """Write the chunk; `packed` and `size`: in place of what it holds."""
        data = b''.join(self._chunk)
        if self._compression is None:
            self._parts.append(data)
        else:
            name, compress = self._compression
            packed = compress(data) if packed is None else packed
            head = (min(self._times, default=0), max(self._times, default=0))
            head = struct.pack('<QQQI', *head, len(data) if size is None else size, 0)
            self._parts.append(
                _record(6, head + _text(name) + struct.pack('<Q', len(packed)) + packed)
            )
        self._chunk, self._times = [], []

    def close(self, end: bool = True) -> Path:
        if self._chunk:
            self.end_chunk()
        if end:
            self._parts += [_record(0x0F, bytes(4)), _record(2, bytes(20)), b'\x89MCAP0\r\n']
        self.path.write_bytes(b''.join(self._parts))
        return self.path


def write_ros1_mcap(path: Path, messages: Iterable[Message], **options: Any) -> Path:
    """What `mcap convert` makes of a ROS 1 bag."""
    mcap = Mcap(path, 'ros1', **options)
    channels: dict[str, int] = {}
    for topic, message, time in messages:
        kind = message.__msgtype__
        if topic not in channels:
            channels[topic] = mcap.channel(topic, kind.replace('/msg/', '/'), 'ros1', 'ros1msg')
        mcap.message(channels[topic], time, ROS1.serialize_ros1(message, kind))
    return mcap.close()
