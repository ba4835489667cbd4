# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A ROS 1 bag (wiki.ros.org/Bags/Format/2.0), by its index or, where it is damaged, without."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from rosbags import rosbag1
from rosbags.interfaces import Connection, ConnectionExtRosbag1

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE
from mdepth_ros.sources.base import Losses, absolute
from mdepth_ros.sources.stored import LATCHED, Channel, Stored, first_line, plain_type
from mdepth_ros.sources.unpack import unpack

MAGIC = b'#ROSBAG V2.0\n'
_COMPRESSIONS = ('none', 'bz2', 'lz4')


class Ros1Bag:
    """A .bag file that is open for reading; its topics have absolute names.

    Raises MdepthError where it is no such file, PermissionError where it may not be read.
    """

    def __init__(self, path: Path, losses: Losses) -> None:
        self.path = path
        self._losses = losses
        self._reader: rosbag1.Reader | None = rosbag1.Reader(path)
        try:
            self._reader.open()
        except PermissionError:
            raise
        except Exception as error:  # rosbags passes on whatever damaged bytes made it raise
            self._salvage(first_line(error))
            return
        for at, chunk in self._reader.chunks.items():
            kind = next(k for k in _COMPRESSIONS if rosbag1.reader.decompressors[k] is chunk[2])
            self._reader.chunks[at] = chunk._replace(decompressor=partial(unpack, kind))
        self.channels = list(map(_channel, self._reader.connections))

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        """Yield the messages of some topics, in the order of their time."""
        last = -1
        if self._reader is not None:
            wanted = [c for c in self._reader.connections if absolute(c.topic) in topics]
            channels = {connection.id: _channel(connection) for connection in wanted}
            try:
                for connection, time, data in self._reader.messages(wanted):
                    last = time
                    yield Stored(channels[connection.id], time, bytes(data))
                return
            except Exception as error:  # rosbags passes on whatever damaged bytes made it raise
                self.close()
                self._salvage(first_line(error))
        # The losses were counted when the file was gone through.
        for record in scan(self.path, Losses()):
            if record.channel.topic in topics and record.time > last:
                yield record

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    def _salvage(self, why: str) -> None:
        """Go through the file record by record, from now on."""
        self._reader = None
        counts = Counter(record.channel for record in scan(self.path, self._losses))
        self.channels = [known._replace(messages=count) for known, count in counts.items()]
        if not counts:
            raise MdepthError(why)
        self._losses.note(f'{self.path.name} is damaged ({why}): read what could be read')


def _channel(connection: Connection) -> Channel:
    ext = connection.ext
    latched = isinstance(ext, ConnectionExtRosbag1) and ext.latching
    kind, profiles = plain_type(connection.msgtype), (LATCHED,) if latched else ()
    return Channel(absolute(connection.topic), kind, 'ros1', connection.msgcount, profiles)


def scan(path: Path, lost: Losses) -> Iterator[Stored]:
    """Yield every message that can be read, chunk by chunk; count the rest in `lost`."""
    with path.open('rb') as file:
        if file.read(len(MAGIC)) == MAGIC:
            yield from _records(file, path.stat().st_size, {}, lost)


def _records(
    file: BinaryIO, size: int, channels: dict[bytes, Channel], lost: Losses
) -> Iterator[Stored]:
    while file.tell() < size:
        header, _ = _sized(file, size)
        data, whole = _sized(file, size)
        try:
            fields = _fields(header)
            op = fields.get(b'op', b'')
            if op == b'\x05':
                inner = unpack(fields[b'compression'].decode(), data)
                found = _records(BytesIO(inner), len(inner), channels, lost)
                # Messages lie in a chunk in the order of arrival at the disk.
                yield from sorted(found, key=lambda record: record.time)
            elif op == b'\x07' and whole:
                topic = absolute(fields[b'topic'].decode())
                kind = plain_type(_fields(data)[b'type'].decode())
                channels[fields[b'conn']] = Channel(topic, kind, 'ros1', 0, ())
            elif op == b'\x02' and whole and fields[b'conn'] in channels:
                seconds, nanoseconds = struct.unpack('<II', fields[b'time'])
                yield Stored(channels[fields[b'conn']], seconds * 10**9 + nanoseconds, data)
        except (struct.error, UnicodeDecodeError, KeyError):
            lost.add('damaged records skipped')
        except MdepthError as error:
            lost.add('damaged chunks skipped', str(error))
        if not whole:
            lost.note('the recording ends in the middle of a record')
            return


def _sized(file: BinaryIO, size: int) -> tuple[bytes, bool]:
    """Read a length and that many bytes; False where the file ends before, or it is too long."""
    prefix = file.read(4)
    if len(prefix) < 4:
        return b'', False
    (length,) = struct.unpack('<I', prefix)
    there = min(length, size - file.tell())
    if there > LARGEST_MESSAGE:
        file.seek(there, 1)
        return b'', there == length
    return file.read(there), there == length


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
