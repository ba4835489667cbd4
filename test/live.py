# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node under test and a peer that feeds and hears it, on rclpy or on its stand-in.

Everything is spun by the test's own thread and waited for by condition: no test depends on how
quick the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdepth_ros import ros2
from mdepth_ros.geometry import Camera
from mdepth_ros.ros.conversions import make_header, matrix_to_transform, stamp_to_nanoseconds
from mdepth_ros.ros.images import image_message, jpeg_message
from mdepth_ros.ros.mdepth_node import MdepthNode

# isort: split
import rclpy
import rclpy.logging
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo
from tf2_ros import StaticTransformBroadcaster

if ros2.ensure():
    pytest.importorskip('cyclonedds')  # has no wheels for the newest Pythons

SECOND = 1_000_000_000
TENTH = SECOND // 10
CAMERA = Camera(120, 80, 100.0, 100.0, 59.5, 39.5)
DEADLINE = 60.0  # seconds: for a machine that is busy with something else
# x forward, y left, z up -> a camera that looks along x, 1 m ahead of and 1.5 m above the base.
MOUNT = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])


def picture(number: int, width: int = 120, height: int = 80) -> np.ndarray:
    """A picture that differs from number to number."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def qos(reliable: bool = True, latched: bool = False, depth: int = 20) -> Any:
    """A profile with history keep last."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def stamp_of(message: Any) -> int:
    """Nanoseconds of the header's stamp."""
    return stamp_to_nanoseconds(message.header.stamp)


class Live:
    """The node under test and its peer, in one executor."""

    def __init__(self, make: Callable[..., Any], args: list[str], values: dict[str, Any]) -> None:
        self.peer = Node('peer', use_global_arguments=False)
        self.heard: dict[str, list[Any]] = {}
        self._publishers: dict[str, Any] = {}
        self._tf = StaticTransformBroadcaster(self.peer)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.peer)
        self.node: Any = None
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        cli_args = ['--ros-args', *args] if args else None
        self.node = make(cli_args=cli_args, parameter_overrides=overrides)
        self.executor.add_node(self.node)

    def close(self) -> None:
        """Take everything down."""
        if hasattr(self.node, 'cameras'):
            # However long a step takes on a busy machine: its thread must not outlive the test.
            assert self.node.close(DEADLINE), 'the networks did not end'
        for node in (self.node, self.peer):
            if node is not None:
                self.executor.remove_node(node)
                node.destroy_node()
        self.executor.shutdown()

    def until(self, done: Callable[[], Any], what: str, timeout: float = DEADLINE) -> None:
        """Spin until `done()`; the test fails where that does not come."""
        end = time.monotonic() + timeout
        while not done():
            assert time.monotonic() < end, f'waited {timeout:.0f} s for {what}'
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds: float) -> None:
        """Spin for a time: where a test is about something that must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def listen(self, kind: Any, topic: str, profile: Any = None) -> list[Any]:
        """Collect the messages of a topic, reliable unless told otherwise."""
        heard = self.heard.setdefault(topic, [])
        self.peer.create_subscription(kind, topic, heard.append, profile or qos())
        return heard

    def publisher(self, kind: Any, topic: str, profile: Any = None) -> Any:
        """The peer's publisher of a topic, made when it is new."""
        if topic not in self._publishers:
            made = self.peer.create_publisher(kind, topic, profile or qos())
            self._publishers[topic] = made
        return self._publishers[topic]

    def connect(self, *topics: str) -> None:
        """Wait until the node hears the peer on these topics, and the peer it."""
        for topic in topics:
            if topic in self._publishers:
                publisher = self._publishers[topic]
                self.until(publisher.get_subscription_count, f'a subscription to {topic}')
            else:
                self.until(lambda t=topic: self.node.count_subscribers(t), f'{topic} to be heard')

    def info(self, stamp: int = 0, topic: str = '/camera_info', **changes: Any) -> None:
        """Publish the camera_info of CAMERA."""
        message = camera_info(stamp, **changes)
        self.publisher(CameraInfo, topic)
        self.connect(topic)
        self._publishers[topic].publish(message)

    def image(
        self,
        stamp: int,
        topic: str = '/image',
        frame_id: str = 'camera',
        size: tuple[int, int] = (120, 80),
        compressed: bool = False,
        number: int | None = None,
        profile: Any = None,
    ) -> None:
        """Publish a picture."""
        pixels = picture(stamp // TENTH if number is None else number, *size)
        header = make_header(stamp, frame_id)
        make = (
            jpeg_message(pixels, header) if compressed else image_message(pixels, header, 'rgb8')
        )
        publisher = self.publisher(type(make), topic, profile)
        self.connect(topic)
        publisher.publish(make)

    def mount(
        self, frame_id: str = 'camera', base: str = 'base_link', matrix: Any = MOUNT
    ) -> None:
        """Say by /tf_static how the camera is mounted, and wait until the node knows."""
        self._tf.sendTransform(
            TransformStamped(
                header=make_header(0, base),
                child_frame_id=frame_id,
                transform=matrix_to_transform(np.asarray(matrix, float)),
            )
        )
        self.until(lambda: self.node._mounts.find(frame_id) is not None, 'the mount')

    def call(self, kind: Any, name: str, request: Any = None) -> Any:
        """Call a service of the node."""
        client = self.peer.create_client(kind, name)
        self.until(client.service_is_ready, f'service {name}')
        future = client.call_async(request or kind.Request())
        self.until(future.done, f'an answer of {name}')
        self.peer.destroy_client(client)
        return future.result()


def camera_info(
    stamp: int = 0, frame_id: str = 'camera', camera: Camera = CAMERA, **changes: Any
) -> Any:
    """CameraInfo of a camera without distortion, with other fields where they are given."""
    k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    fields = {
        'header': make_header(stamp, frame_id),
        'width': camera.width,
        'height': camera.height,
        'distortion_model': 'plumb_bob',
        'd': [0.0] * 5,
        'k': k,
        'r': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        'p': [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    }
    return CameraInfo(**{**fields, **changes})


@contextmanager
def live(make: Callable[..., Any], args: list[str] | None = None, **values: Any) -> Iterator[Live]:
    """A node under test, in the domain of these tests; `values` are its parameters."""
    rclpy.init(args=[])
    made = None
    try:
        made = Live(make, args or [], values)
        yield made
    finally:
        if made is not None:
            made.close()
        rclpy.try_shutdown()


@contextmanager
def node(model: Path, args: list[str] | None = None, **values: Any) -> Iterator[Live]:
    """The node with a small model on the CPU."""
    common = {'model': str(model), 'device': 'cpu', 'precision': 'fp32', 'threads': 1}
    with live(MdepthNode, args, **{**common, **values}) as running:
        yield running


def drive(running: Live, depths: list[Any], stamps: list[int], **options: Any) -> None:
    """Images one after the other, each when the depth of the one before is there."""
    for stamp in stamps:
        running.image(stamp, **options)
        running.until(lambda s=stamp: depths and stamp_of(depths[-1]) == s, f'depth at {stamp}')


def at(number: int) -> int:
    return 100 * SECOND + number * TENTH


def statuses(heard: list[Any]) -> dict[str, Any]:
    """The newest status of every task, by its name without the node's."""
    found = {status.name: status for message in heard for status in message.status}
    return {name.split(': ', 1)[1]: status for name, status in found.items()}


def said(heard: list[Any], task: str) -> str:
    """The newest message of a task; '' before the first."""
    status = statuses(heard).get(task)
    return str(status.message) if status is not None else ''


def logged(capfd: Any) -> str:
    """What came to stderr since the last time.

    capfd empties its file after it has read it: what another thread logs in between is lost.
    """
    with getattr(rclpy.logging, '_lock', nullcontext()):  # ours; ROS 2 has none
        return str(capfd.readouterr().err)
