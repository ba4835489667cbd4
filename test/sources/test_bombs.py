# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small files that unpack to more than the memory: each costs what it is, and nothing else."""

from __future__ import annotations

import bz2
import json
import sqlite3
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import lz4.frame
import pytest
import recordings
from recordings import ROS1, ROS2
from rosbags.rosbag1 import Writer as Writer1

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE
from mdepth_ros.sources.recording import Recording
from mdepth_ros.sources.unpack import unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 700_000_000
READ = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
from mdepth_ros import limits
limits.LARGEST_MESSAGE, limits.LARGEST_RATIO = 50_000_000, 100
from pathlib import Path
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.recording import Recording
for path in sys.argv[1:]:
    try:
        with Recording(Path(path)) as recording:
            for _ in range(2):
                messages = [m.time for m in recording.messages(recording.topics)]
            print(json.dumps([messages, recording.losses.lines()]))
    except MdepthError as error:
        print(json.dumps(str(error)))
"""


def zstd_bomb(blocks: int = 80_000, announced: int | None = None) -> bytes:
    """A frame of blocks of 128 KiB of one repeated byte (RFC 8878), 10.5 GB in 320 kB."""
    if announced is None:
        head = b'\x28\xb5\x2f\xfd\x00\x58'  # no content size; a window of 2 MiB
    else:
        head = b'\x28\xb5\x2f\xfd\xc0\x58' + struct.pack('<Q', announced)
    block = (1 << 1 | (1 << 17) << 3).to_bytes(3, 'little') + b'\0'
    last = (1 | 1 << 1 | (1 << 17) << 3).to_bytes(3, 'little') + b'\0'
    return head + block * (blocks - 1) + last


def lz4_bomb() -> bytes:
    """Frames of 64 MB, one behind the other: 6.4 GB in 26 MB."""
    return lz4.frame.compress(bytes(64_000_000), block_size=lz4.frame.BLOCKSIZE_MAX4MB) * 100


def bz2_bomb() -> bytes:
    return bz2.compress(bytes(20_000_000)) * 200


def read(*paths: Path) -> list:
    """What a process with little memory makes of recordings."""
    done = subprocess.run(
        [sys.executable, '-c', READ.replace('MEMORY', str(MEMORY)), *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def mcap(path: Path, name: str, bomb: bytes) -> Path:
    """A file of three chunks with a message each; that in the middle is the bomb."""
    compress = {'zstd': zstd.compress, 'lz4': lz4.frame.compress, '': bytes}[name]
    file = recordings.Mcap(path, compression=(name, compress))
    channel = file.channel('/text', 'std_msgs/msg/String')
    data = b'\0\1\0\0\1\0\0\0\0'
    file.message(channel, 1, data)
    file.end_chunk()
    file.message(channel, 2, bomb if name == '' else data)
    file.end_chunk(*(() if name == '' else (bomb, 100)))
    file.message(channel, 3, data)
    return file.close()


def test_the_bomb_is_one(tmp_path):
    for size in (None, 3 << 17):
        assert len(zstd.decompress(zstd_bomb(3, size))) == 3 << 17


def test_bombs_in_mcap(tmp_path):
    chunks = [mcap(tmp_path / f'{n}.mcap', n, b()) for n, b in
              (('zstd', zstd_bomb), ('lz4', lz4_bomb))]  # fmt: skip
    messages = [
        mcap(tmp_path / f'{n}.mcap', '', bomb)
        for n, bomb in (('streamed', zstd_bomb()), ('announced', zstd_bomb(10, 10**10)))
    ]
    for messages, lost in read(*chunks):
        assert messages == [1, 3]
        assert lost == ['1 damaged chunks skipped: unpacked they are larger than 50000000 bytes']
    paths = [tmp_path / 'streamed.mcap', tmp_path / 'announced.mcap']
    for messages, lost in read(*paths):
        assert messages == [1, 3]
        assert lost == ['1 messages skipped: unpacked they are larger than 50000000 bytes']


def test_chunks_of_the_same_time_are_not_held_at_once(tmp_path, monkeypatch):
    """40 chunks of 1 MB that all begin before the first of them ends: a few kB on the disk."""
    monkeypatch.setattr('mdepth_ros.sources.mcap._KEPT', 2_000_000)
    file = recordings.Mcap(tmp_path / 'a.mcap', compression=('zstd', zstd.compress))
    channel = file.channel('/text', 'std_msgs/msg/String')
    for time in range(1, 41):
        file.message(channel, time, bytes(1_000_000))
        file.message(channel, 100, b'')
        file.end_chunk()
    path = file.close()
    tracemalloc.start()
    with Recording(path) as recording:
        times = [message.time for message in recording.messages(recording.topics)]
        _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert times == [*range(1, 41), *[100] * 40]
    assert most < 10_000_000


def test_bombs_in_ros_1(tmp_path):
    paths = []
    for kind, make in (('bz2', bz2_bomb), ('lz4', lz4_bomb)):
        path, bomb = tmp_path / f'{kind}.bag', make()
        writer = Writer1(path)
        writer.set_compression(Writer1.CompressionFormat[kind.upper()])
        writer.chunk_threshold, whole = 0, writer.compressor  # a chunk for each message
        with writer:
            topic = writer.add_connection('/text', 'std_msgs/msg/String', typestore=ROS1)
            for time in (1, 2, 3):
                writer.compressor = (lambda _, bomb=bomb: bomb) if time == 2 else whole
                writer.write(topic, time, b'\0\0\0\0')
        paths.append(path)
    for messages, lost in read(*paths):
        assert messages == [1, 3]
        assert '1 damaged chunks skipped: unpacked they are larger than 50000000 bytes' in lost


def test_bombs_in_sqlite(tmp_path):
    text = ROS2.types['std_msgs/msg/String'](data='')
    bag = recordings.write_ros2(
        tmp_path / 'bag', [('/text', text, t) for t in (1, 2, 3)], 'sqlite3'
    )
    file = bag / 'bag.db3'
    with sqlite3.connect(file) as database:
        database.execute('UPDATE messages SET data = ? WHERE id = 2', (zstd_bomb(),))
    database.close()
    packed = tmp_path / 'packed'
    packed.mkdir()
    (packed / 'bag.db3.zstd').write_bytes(zstd.compress(file.read_bytes()))
    bomb = tmp_path / 'bomb.db3.zstd'
    bomb.write_bytes(zstd_bomb())
    row, whole, larger = read(file, packed, bomb)
    assert row == [[1, 3], ['1 messages skipped: unpacked they are larger than 50000000 bytes']]
    assert whole[0] == [1, 3]
    assert 'unpacked it is larger than 50000000 bytes' in larger


def test_the_real_limit():
    with pytest.raises(MdepthError, match=f'larger than {LARGEST_MESSAGE}'):
        unpack('zstd', zstd_bomb(10, LARGEST_MESSAGE + 1))
    assert len(unpack('zstd', zstd_bomb(10, 10 << 17))) == 10 << 17
