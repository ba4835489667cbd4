# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file (mcap.dev/spec), one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from rosbags.interfaces import Qos

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.stored import read_profiles

MAGIC = b'\x89MCAP0\r\n'
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 0x02, 0x03, 0x04, 0x05, 0x06
CHUNK_INDEX, STATISTICS, DATA_END = 0x08, 0x0B, 0x0F


class Chunk(NamedTuple):
    """Where messages lie: offset, end, and whether it is a record or messages outside of chunks.

    first is the time of the first message; channels are those of all, None: not known.
    """

    at: int
    end: int
    is_record: bool = True
    first: int = 0
    channels: frozenset[int] | None = None


def records(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int, bool]]:
    """Kind, offset and length of the records up to `end`; False: it ends before the record."""
    while at + 9 <= end:
        file.seek(at)
        head = file.read(9)
        if len(head) < 9:
            return
        op, length = struct.unpack('<BQ', head)
        at += 9
        yield op, at, min(length, end - at), length <= end - at
        at += length


def head(file: BinaryIO, at: int) -> tuple[int, int]:
    """Channel and time of the message at an offset."""
    file.seek(at)
    channel, _, time = struct.unpack('<HIQ', file.read(14))
    return channel, time


def chunk_of_index(body: bytes) -> Chunk:
    """The chunk that a record of the index is about."""
    first, at, length, size = struct.unpack_from('<Q8xQQI', body)
    channels = frozenset(key for key, _ in struct.iter_unpack('<HQ', body[36 : 36 + size]))
    return Chunk(at, at + length, first=first, channels=channels or None)


def text(body: bytes, at: int) -> tuple[str, int]:
    """Return the length-prefixed string at an offset, and the offset behind it."""
    (length,) = struct.unpack_from('<I', body, at)
    if at + 4 + length > len(body):
        raise MdepthError('a text without an end')
    return body[at + 4 : at + 4 + length].decode(), at + 4 + length


def profiles(metadata: bytes) -> tuple[Qos, ...]:
    """The QoS that the publishers of a channel offered, where its metadata say so."""
    at = 0
    try:
        while at < len(metadata):
            key, at = text(metadata, at)
            value, at = text(metadata, at)
            if key == 'offered_qos_profiles':
                return read_profiles(value)
    except (struct.error, ValueError, MdepthError):
        pass
    return ()
