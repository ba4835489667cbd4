# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags: MCAP, sqlite3 and ROS 1 files, spoilt, and some that are made to burst."""

from __future__ import annotations

import itertools
import struct
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
from lz4.frame import compress as lz4  # type: ignore[import-untyped]
from recordings import ROS1, drive, write_ros1, write_ros2

from fuzz.mutations import bytes_like, text_like
from fuzz.runner import Files, Target, sound
from fuzz.targets.messages import sound_image
from mdepth_ros.report.bags import ODOMETRY, Bag
from mdepth_ros.sources import Recording, open_source

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAMES = 3
BURST = 3_000_000_000  # bytes that a small chunk says it has, or has
MAGIC = b'\x89MCAP0\r\n'


@cache
def _seeds() -> dict[str, Files]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_ros2(folder / 'mcap', drive(3), 'mcap')
        write_ros2(folder / 'db3', drive(3), 'sqlite3')
        (folder / 'bag').mkdir()
        write_ros1(folder / 'bag' / 'drive.bag', drive(3, ROS1))
        return {
            kind: {file.name: file.read_bytes() for file in sorted((folder / kind).iterdir())}
            for kind in ('mcap', 'db3', 'bag')
        }


def bag_files(kind: str) -> Files:
    """The files of a sound bag: mcap, db3 or bag (ROS 1)."""
    return _seeds()[kind]


def _make(kind: str, rng: Random) -> Files:
    files = dict(_seeds()[kind])
    name = rng.choice(sorted(files))
    if name == 'metadata.yaml':
        files[name] = text_like(rng, files[name].decode())
    else:
        files[name] = bytes_like(rng, files[name])
        if rng.random() < 0.7:
            files.pop('metadata.yaml', None)
    return files


def _record(op: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack('<BQ', op, len(body) if length is None else length) + body


def _named(text: str) -> bytes:
    return struct.pack('<I', len(text)) + text.encode()


@cache
def _zeros(compression: str) -> bytes:
    """Some kilobytes that unpack to BURST zeros, in pieces that need little memory here."""
    piece = bytes(50_000_000)
    pack = {'zstd': zstd.compress, 'lz4': lz4}[compression]
    return bytes(pack(piece)) * (BURST // len(piece))


def _chunk(rng: Random) -> bytes:
    compression = rng.choice(('zstd', 'zstd', 'zstd', 'lz4'))
    data = _zeros(compression)
    said = rng.choice((0, len(data), BURST, 2**63, 2**64 - 1))
    body = struct.pack('<QQQI', 0, 1, said, 0) + _named(compression)
    return _record(6, body + struct.pack('<Q', len(data)) + data)


def _nested(rng: Random) -> bytes:
    """Chunks in chunks: no file has them."""
    inner = _record(5, struct.pack('<HIQQ', 1, 0, 1, 1))
    for _ in range(rng.choice((2, 50, 3000))):
        body = struct.pack('<QQQI', 0, 1, len(inner), 0) + _named('')
        inner = _record(6, body + struct.pack('<Q', len(inner)) + inner)
    return inner


def _burst(rng: Random) -> Files:
    for compression in ('zstd', 'lz4'):
        _zeros(compression)  # once, before the limits
    schema = _record(3, struct.pack('<H', 1) + _named('sensor_msgs/msg/Image') + _named('ros2msg')
                     + _named(''))  # fmt: skip
    channel = _record(4, struct.pack('<HH', 1, 1) + _named('/image') + _named('cdr') + bytes(4))
    long = _record(5, struct.pack('<HIQQ', 1, 0, 1, 1), rng.choice((2**32, 2**62, 2**64 - 1)))
    message = _record(
        5, struct.pack('<HIQQ', 1, 0, 1, 1) + rng.choice((b'', _zeros('zstd'), b'\0\1\0\0'))
    )
    parts = [schema, channel]
    for _ in range(rng.randrange(1, 4)):
        ways = (lambda: _chunk(rng), lambda: _nested(rng), lambda: long, lambda: message)
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(ways)())
    end = rng.choice((b'', _record(2, bytes(20)) + MAGIC))
    header = _record(1, _named('ros2') + _named('fuzz'))
    return {'drive.mcap': MAGIC + header + b''.join(parts) + end}


def _use(folder: Path, rng: Random) -> None:
    names = sorted(file.name for file in folder.iterdir())
    bags = [name for name in names if name != 'metadata.yaml']
    path = folder if rng.random() < 0.5 or len(bags) != 1 else folder / bags[0]
    with Recording(path) as recording:
        for raw in itertools.islice(recording.messages(list(recording.topics)), 50):
            sound(isinstance(raw.data, bytes), 'no bytes')
        recording.losses.lines()
    bag = Bag(path)
    for topic in bag.topics(ODOMETRY):
        sound(np.isfinite(bag.odometry(topic)[0].poses).all(), 'a pose that is not finite')
    for _, _, matrix in bag.transforms().edges():
        sound(np.isfinite(matrix).all(), 'a transform that is not finite')
    for frame in itertools.islice(open_source(path), FRAMES):
        sound_image(frame.image)
        sound(np.isfinite(frame.camera.normalised).all(), 'a camera that is not finite')


TARGETS = {
    **{f'bag-{kind}': Target(partial(_make, kind), _use) for kind in ('mcap', 'db3', 'bag')},
    'bag-burst': Target(_burst, _use),
}
