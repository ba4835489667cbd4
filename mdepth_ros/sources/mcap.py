# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An MCAP file (mcap.dev/spec), whole or damaged, of any profile.

A recorder that was killed leaves a file without the index at its end: then it is walked through,
record by record; everything before the end is usually whole.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections import Counter
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE
from mdepth_ros.sources import mcap_records as record
from mdepth_ros.sources.base import Losses
from mdepth_ros.sources.stored import Channel, Stored, first_line, plain_type
from mdepth_ros.sources.unpack import unpack

_RUN = 1 << 22  # bytes of messages outside of chunks that are taken as one
_KEPT, _OPEN = 1 << 27, 100  # bytes and number of opened chunks; they are small, and few overlap
# What a file that does not name the encoding of its messages most likely means.
_ENCODINGS = {'ros1msg': 'ros1', 'ros2msg': 'cdr', 'ros2idl': 'cdr', 'omgidl': 'cdr'}
_Place = tuple[BinaryIO, int, int]  # a file, and where in it the records of a chunk begin and end
_Damage = (struct.error, MdepthError, OSError, ValueError, MemoryError)


class _Entry(NamedTuple):
    """A message: its time, the order among equal times, channel, and where its bytes are."""

    time: int
    order: tuple[int, int]
    channel: int
    chunk: record.Chunk
    at: int
    length: int


class _WrongIndexError(Exception):
    """No chunk lies where the index says."""


class Mcap:
    """An MCAP file that is open for reading.

    Raises MdepthError where it is no MCAP file.
    """

    def __init__(self, path: Path, losses: Losses) -> None:
        self.path = path
        self._losses = losses
        self._opened: dict[int, _Place] = {}  # by the offsets of chunks
        self._schemas: dict[int, tuple[str, str]] = {}
        self._channels: dict[int, Channel] = {}
        self._chunks: list[record.Chunk] = []
        self._counts: Counter[int] = Counter()
        self._size = path.stat().st_size
        self._file = path.open('rb')
        try:
            if self._file.read(len(record.MAGIC)) != record.MAGIC:
                raise MdepthError('it does not begin as an MCAP file')
            try:
                indexed = self._read_index()
            except _Damage as error:
                self._damaged(first_line(error))
                indexed = False
            if not indexed:
                self._walk()
        except BaseException:
            self._file.close()
            raise

    @property
    def channels(self) -> list[Channel]:
        """The channels, with their numbers of messages."""
        return [c._replace(messages=self._counts[key]) for key, c in self._channels.items()]

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        """Yield the messages of some topics, named as in the file, in the order of their time."""
        last = -1
        try:
            for entry in self._merged(topics):
                last = entry.time
                yield self._stored(entry)
            return
        except _WrongIndexError:
            self._damaged('its index is wrong')
        self._walk()
        yield from (self._stored(e) for e in self._merged(topics) if e.time > last)

    def close(self) -> None:
        """Close the file."""
        self._opened.clear()
        self._file.close()

    def _stored(self, entry: _Entry) -> Stored:
        file, _, _ = self._inside(entry.chunk)
        file.seek(entry.at)
        return Stored(self._channels[entry.channel], entry.time, file.read(entry.length))

    def _merged(self, topics: Collection[str]) -> Iterator[_Entry]:
        """The messages of all chunks in the order of time; a chunk is opened when it is next."""
        wanted = {key for key, channel in self._channels.items() if channel.topic in topics}
        chunks = [c for c in self._chunks if c.channels is None or wanted & c.channels]
        chunks = sorted(chunks, key=lambda chunk: chunk.first)[::-1]
        number, waiting = 0, list[_Entry]()  # the next one last
        while chunks or waiting:
            while chunks and (not waiting or chunks[-1].first <= waiting[-1].time):
                number += 1
                waiting += self._entries(chunks.pop(), number, wanted)
                waiting.sort(reverse=True)
            if waiting:
                yield waiting.pop()

    def _entries(
        self, chunk: record.Chunk, number: int, wanted: Collection[int]
    ) -> Iterator[_Entry]:
        for count, (op, file, at, length) in enumerate(self._inner(chunk)):
            if op == record.MESSAGE:
                channel, time = record.head(file, at)
                if channel in wanted and length > LARGEST_MESSAGE:
                    why = f'larger than {LARGEST_MESSAGE} bytes'
                    self._losses.add('messages skipped', why, (self.path, chunk.at, at))
                elif channel in wanted:
                    yield _Entry(time, (number, count), channel, chunk, at + 22, length - 22)

    def _inner(self, chunk: record.Chunk) -> Iterator[tuple[int, BinaryIO, int, int]]:
        """Kind, file, offset and length of the records of a chunk."""
        file, start, end = self._inside(chunk)
        for op, at, length, whole in record.records(file, start, end):
            if whole and (op != record.MESSAGE or length >= 22):
                yield op, file, at, length
            elif chunk.end < self._size:
                self._damaged('a record without an end')

    def _inside(self, chunk: record.Chunk) -> _Place:
        """Where the records of a chunk lie; nowhere, where it is damaged."""
        if not chunk.is_record:
            return self._file, chunk.at, chunk.end
        if self._losses.has((self.path, chunk.at)):  # counted before; unpacking may take long
            return BytesIO(), 0, 0
        if (known := self._opened.get(chunk.at)) is not None:
            return known
        try:
            self._file.seek(chunk.at)
            op, length = struct.unpack('<BQ', self._file.read(9))
            if op != record.CHUNK:
                raise _WrongIndexError
            size, crc, letters = struct.unpack('<16xQII', self._file.read(32))
            compression = self._file.read(min(letters, 64)).decode()
            (packed,) = struct.unpack('<Q', self._file.read(8))
            at = self._file.tell()
            packed = max(0, min(packed, chunk.at + 9 + length - at, self._size - at))
            if compression == '' and (not crc or packed > LARGEST_MESSAGE):
                return self._kept(chunk, (self._file, at, at + packed))
            if packed > LARGEST_MESSAGE or (size > LARGEST_MESSAGE and compression):
                raise MdepthError(f'unpacked they are larger than {LARGEST_MESSAGE} bytes')
            data = unpack(compression, self._file.read(packed))
        except _Damage as error:
            self._losses.add('damaged chunks skipped', first_line(error), (self.path, chunk.at))
            return BytesIO(), 0, 0
        if crc and crc32(data) != crc:
            self._damaged('a checksum is wrong')
        return self._kept(chunk, (BytesIO(data), 0, len(data)))

    def _kept(self, chunk: record.Chunk, place: _Place) -> _Place:
        """Keep an opened chunk; the oldest are forgotten, and opened again where needed."""
        self._opened[chunk.at] = place
        while len(self._opened) > 1:
            held = [end for file, _, end in self._opened.values() if file is not self._file]
            if len(self._opened) <= _OPEN and sum(held) <= _KEPT:
                break
            del self._opened[next(iter(self._opened))]
        return place

    def _damaged(self, why: str) -> None:
        self._losses.note(f'{self.path.name} is damaged ({why}): read what could be read')

    def _read_index(self) -> bool:
        """Read the summary at the end; False where there is none, or not enough in it."""
        self._file.seek(max(0, self._size - 37))
        op, length, start, magic = struct.unpack('<BQQ12x8s', self._file.read().rjust(37, b'\0'))
        if magic != record.MAGIC or (op, length) != (record.FOOTER, 20):
            raise MdepthError('its end is missing')
        chunks, messages = -1, 0
        found = record.records(self._file, start, self._size)
        for op, at, length, whole in found if start else ():
            if op == record.FOOTER or not whole:
                break
            if op in {record.SCHEMA, record.CHANNEL}:
                self._define(op, self._body(at, length))
            elif op == record.CHUNK_INDEX:
                self._chunks.append(record.chunk_of_index(self._body(at, length)))
            elif op == record.STATISTICS:
                body = self._body(at, length)
                messages, _, _, _, _, chunks = struct.unpack_from('<QHIIII', body)
                (size,) = struct.unpack_from('<I', body, 42)
                self._counts.update(dict(struct.iter_unpack('<HQ', body[46 : 46 + size])))
        told = chunks > 0 and chunks == len(self._chunks)
        known = messages == self._counts.total() and set(self._counts) <= set(self._channels)
        return told and known

    def _walk(self) -> None:
        """Go through the file from its beginning; find the channels, and count the messages."""
        self._counts.clear()
        self._chunks.clear()
        run = None  # messages outside of chunks
        for op, at, length, whole in record.records(self._file, len(record.MAGIC), self._size):
            is_message = op == record.MESSAGE and whole
            if run is not None and not (is_message and at - run.at < _RUN):
                self._examine(run)
                run = None
            if is_message:
                run = record.Chunk(at - 9 if run is None else run.at, at + length, is_record=False)
            elif op == record.CHUNK:
                self._examine(record.Chunk(at - 9, at + length))
            elif op in {record.SCHEMA, record.CHANNEL} and whole:
                self._try_define(op, at, self._body(at, length))
            if not whole:
                self._losses.note('the recording ends in the middle of a record')
            if op == record.DATA_END:
                break
        if run is not None:
            self._examine(run)

    def _examine(self, chunk: record.Chunk) -> None:
        """Count what is in a chunk, and keep it if there is a message in it."""
        counts: Counter[int] = Counter()
        first = 1 << 64
        for op, file, at, length in self._inner(chunk):
            if op == record.MESSAGE:
                channel, time = record.head(file, at)
                if channel in self._channels:
                    counts[channel] += 1
                    first = min(first, time)
            elif op in {record.SCHEMA, record.CHANNEL} and length <= LARGEST_MESSAGE:
                file.seek(at)
                self._try_define(op, chunk.at, file.read(length))
        if counts:
            self._counts += counts
            self._chunks.append(chunk._replace(first=first, channels=frozenset(counts)))

    def _try_define(self, op: int, at: int, body: bytes) -> None:
        try:
            self._define(op, body)
        except _Damage:
            self._losses.add('damaged records skipped', key=(self.path, 'record', at))

    def _define(self, op: int, body: bytes) -> None:
        """Take a schema or a channel."""
        if op == record.SCHEMA:
            (key,) = struct.unpack_from('<H', body)
            name, at = record.text(body, 2)
            self._schemas[key] = name, record.text(body, at)[0]
            return
        key, schema = struct.unpack_from('<HH', body)
        topic, at = record.text(body, 4)
        encoding, at = record.text(body, at)
        name, described = self._schemas.get(schema, ('', ''))
        encoding = encoding or _ENCODINGS.get(described, 'unknown')
        offered = record.profiles(body[at + 4 :])
        self._channels[key] = Channel(topic, plain_type(name), encoding, 0, offered)

    def _body(self, at: int, length: int) -> bytes:
        if length > LARGEST_MESSAGE:
            raise MdepthError('a record without an end')
        self._file.seek(at)
        return self._file.read(length)
