# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of a damaged bag: reads MCAP and ROS 1 files record by record, without an index.

Formats: mcap.dev/spec (records, chunks) and wiki.ros.org/Bags/Format/2.0. A recorder that was
killed leaves a file without the index at its end; everything before is usually whole.
"""

from __future__ import annotations

import bz2
import struct
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

from mdepth_ros.sources.base import Losses

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor
else:
    from backports.zstd import ZstdDecompressor

MCAP_MAGIC = b'\x89MCAP0\r\n'
ROS1_MAGIC = b'#ROSBAG V2.0\n'

# Decompressors that give what they can of a stream that is cut off.
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    '': lambda data: data,
    'none': lambda data: data,
    'zstd': lambda data: ZstdDecompressor().decompress(data),
    'lz4': lambda data: bytes(LZ4FrameDecompressor().decompress(data)),
    'bz2': lambda data: bz2.BZ2Decompressor().decompress(data),
}


class Record(NamedTuple):
    """One message: topic, type, log time in ns, payload."""

    topic: str
    type: str
    time: int
    data: bytes


def scan(path: Path, lost: Losses) -> Iterator[Record]:
    """Yield every message that can be read, chunk by chunk; count the rest in `lost`."""
    with path.open('rb') as file:
        size = path.stat().st_size
        magic = file.read(len(ROS1_MAGIC))
        if magic == ROS1_MAGIC:
            yield from _ros1(file, size, {}, lost)
        elif magic.startswith(MCAP_MAGIC):
            file.seek(len(MCAP_MAGIC))
            yield from _mcap(file, size, {}, {}, lost)


def _unpack(compression: str, data: bytes, lost: Losses) -> BytesIO:
    try:
        return BytesIO(_UNPACK[compression](data))
    except Exception:  # each library has its own errors, and an unknown name is a KeyError
        lost.add('damaged chunks skipped')
        return BytesIO()


def _in_order(chunk: Iterator[Record]) -> list[Record]:
    """Messages lie in a chunk in the order of arrival at the disk; readers sort them by time."""
    return sorted(chunk, key=lambda record: record.time)


def _mcap(
    file: BinaryIO,
    size: int,
    schemas: dict[int, str],
    channels: dict[int, tuple[str, str]],
    lost: Losses,
) -> Iterator[Record]:
    while file.tell() + 9 <= size:
        op, length = struct.unpack('<BQ', file.read(9))
        whole = file.tell() + length <= size
        if not whole and op != 0x06:
            break
        if op not in {0x03, 0x04, 0x05, 0x06}:
            file.seek(length, 1)
            continue
        body = file.read(min(length, size - file.tell()))
        try:
            if op == 0x03:
                schemas[struct.unpack_from('<H', body)[0]] = _text(body, 2)[0]
            elif op == 0x04:
                key, schema = struct.unpack_from('<HH', body)
                channels[key] = (_text(body, 4)[0], schemas.get(schema, ''))
            elif op == 0x05:
                key, _, time = struct.unpack_from('<HIQ', body)
                if key in channels:
                    yield Record(*channels[key], time, body[22:])
            else:
                compression, at = _text(body, 28)
                inner = _unpack(compression, body[at + 8 :], lost)
                yield from _in_order(_mcap(inner, len(inner.getbuffer()), schemas, channels, lost))
        except (struct.error, UnicodeDecodeError):
            lost.add('damaged records skipped')
        if not whole:
            break
    else:
        return
    lost.note('the recording ends in the middle of a record')


def _text(body: bytes, at: int) -> tuple[str, int]:
    """Return the length-prefixed string at an offset, and the offset behind it."""
    (length,) = struct.unpack_from('<I', body, at)
    return body[at + 4 : at + 4 + length].decode(), at + 4 + length


def _ros1(
    file: BinaryIO, size: int, connections: dict[bytes, tuple[str, str]], lost: Losses
) -> Iterator[Record]:
    while file.tell() < size:
        header, _ = _sized(file)
        data, whole = _sized(file)
        try:
            fields = _fields(header)
            op = fields.get(b'op', b'')
            if op == b'\x05':
                inner = _unpack(fields[b'compression'].decode(), data, lost)
                yield from _in_order(_ros1(inner, len(inner.getbuffer()), connections, lost))
            elif op == b'\x07' and whole:
                kind = _fields(data)[b'type'].decode()
                connections[fields[b'conn']] = (fields[b'topic'].decode(), kind)
            elif op == b'\x02' and whole and fields[b'conn'] in connections:
                seconds, nanoseconds = struct.unpack('<II', fields[b'time'])
                time = seconds * 10**9 + nanoseconds
                yield Record(*connections[fields[b'conn']], time, data)
        except (struct.error, UnicodeDecodeError, KeyError):
            lost.add('damaged records skipped')
        if not whole:
            lost.note('the recording ends in the middle of a record')
            return


def _sized(file: BinaryIO) -> tuple[bytes, bool]:
    """Read a length and that many bytes; False where the file ends before."""
    prefix = file.read(4)
    if len(prefix) < 4:
        return b'', False
    (length,) = struct.unpack('<I', prefix)
    data = file.read(length)
    return data, len(data) == length


def _fields(header: bytes) -> dict[bytes, bytes]:
    """Read a header of ROS 1: fields 'name=value', each with its length in front."""
    fields = {}
    at = 0
    while at < len(header):
        (length,) = struct.unpack_from('<I', header, at)
        name, _, value = header[at + 4 : at + 4 + length].partition(b'=')
        fields[name] = value
        at += 4 + length
    return fields
