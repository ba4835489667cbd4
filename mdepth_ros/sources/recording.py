# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Any bag as serialised ROS 2 messages: sqlite3, MCAP and ROS 1, whole or damaged.

Messages of ROS 1 are handed out as CDR: the messages that this project reads have the same fields
in the same order in both, so nothing behind this file knows the difference.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rosbags import rosbag1, rosbag2
from rosbags.interfaces import Connection
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_typestore
from rosbags.typesys.store import Typestore

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import damaged
from mdepth_ros.sources.base import Losses, RawMessage, by_name
from mdepth_ros.texts import TextError, read_yaml

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILE_SUFFIXES = {'.mcap', '.db3', '.bag'}
SALVAGED = {'.mcap', '.bag'}
# What `ros2 bag record` and, with the time of each part, `rosbag record --split` add to a name.
_PART = re.compile(r'(_?\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)?_\d+$')
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'


class Topic(NamedTuple):
    """A topic of a recording: name, type as 'pkg/msg/Name', number of messages."""

    name: str
    type: str
    messages: int


class Recording:
    """A bag that is open for reading; use it as a context manager.

    path is a bag directory (with or without metadata.yaml), an .mcap, .db3 or .bag file, or a
    folder of such files, which are read one after the other. A file that cannot be opened in order
    is read record by record, and `losses` says so.

    Raises MdepthError if the path is missing, is no bag, or holds no message at all.
    """

    def __init__(self, path: Path, losses: Losses | None = None) -> None:
        if not path.exists():
            raise MdepthError(f'no such recording: {path}')
        self.path = path
        self.losses = Losses() if losses is None else losses
        self._parts: list[_Indexed | _Salvaged] = []
        try:
            for file in _files(path, self.losses):
                self._parts.append(_open(file, self.losses))
        except BaseException:
            self.close()
            raise
        self.topics: dict[str, Topic] = {}
        for topic in (topic for part in self._parts for topic in part.topics):
            before = self.topics.get(topic.name)
            count = topic.messages + (before.messages if before else 0)
            self.topics[topic.name] = topic._replace(messages=count)
        if not any(topic.messages for topic in self.topics.values()):
            self.close()
            lost = '; '.join(self.losses.lines())
            raise MdepthError(f'{path} holds no messages' + (f' ({lost})' if lost else ''))

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of some topics in the order of their bag time.

        Damage that shows up on the way is counted; what lies behind it is still tried.
        """
        for number, part in enumerate(self._parts):
            last = -1
            try:
                for message in part.messages(topics):
                    last = message.time
                    yield from self._readable(message, part.path)
                continue
            except Exception as error:  # rosbags passes on whatever damaged bytes made it raise
                self.losses.note(f'{part.path.name} is damaged ({_first_line(error)})')
            if part.path.suffix in SALVAGED:
                part.close()
                self._parts[number] = _Salvaged(part.path, self.losses)
                for message in self._parts[number].messages(topics):
                    if message.time > last:
                        yield from self._readable(message, part.path)

    def _readable(self, message: RawMessage, path: Path) -> Iterator[RawMessage]:
        """Yield the message as plain CDR, or count it as lost.

        Compression per message is not announced by an MCAP file on its own; CDR begins with a zero
        byte, so that the two cannot be mistaken.
        """
        try:
            if path.suffix == '.bag':
                cdr = bytes(_ros2_types().ros1_to_cdr(message.data, message.type))
                message = message._replace(data=cdr)
            elif message.data[:4] == ZSTD_MAGIC:
                message = message._replace(data=zstd.decompress(message.data))
        except (SerdeError, TypesysError, zstd.ZstdError) as error:
            self.losses.add('messages skipped', _first_line(error))
            return
        yield message

    def close(self) -> None:
        """Close the files."""
        for part in self._parts:
            part.close()
        self._parts = []

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_recording(path: Path) -> bool:
    """Tell from names alone whether a path is a bag."""
    if path.is_dir():
        return (path / 'metadata.yaml').is_file() or bool(_listed(path))
    return path.suffix in FILE_SUFFIXES


class _Indexed:
    """A file, or a directory of compressed files, that rosbags can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: rosbag1.Reader | rosbag2.Reader
        self._reader = rosbag1.Reader(path) if path.suffix == '.bag' else rosbag2.Reader(path)
        self._reader.open()
        self.topics = [Topic(c.topic, _type(c.msgtype), c.msgcount) for c in self._connections()]

    def _connections(self) -> list[Connection]:
        return list(self._reader.connections)

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        wanted = [c for c in self._connections() if c.topic in topics]
        if not wanted:
            return
        for connection, time, data in self._reader.messages(wanted):
            yield RawMessage(connection.topic, _type(connection.msgtype), time, bytes(data))

    def close(self) -> None:
        self._reader.close()


class _Salvaged:
    """A file that is read record by record because its index is missing or wrong."""

    def __init__(self, path: Path, losses: Losses) -> None:
        self.path = path
        self._losses = losses
        counts: dict[tuple[str, str], int] = {}
        for record in damaged.scan(path, losses):
            key = (record.topic, _type(record.type))
            counts[key] = counts.get(key, 0) + 1
        self.topics = [Topic(*key, count) for key, count in counts.items()]

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        # The losses were counted when the file was opened.
        for record in damaged.scan(self.path, Losses()):
            if record.topic in topics:
                yield RawMessage(record.topic, _type(record.type), record.time, record.data)

    def close(self) -> None:
        """Nothing stays open."""


@functools.cache
def _ros2_types() -> Typestore:
    # What this project reads is the same in every distribution.
    return get_typestore(Stores.ROS2_HUMBLE)


def _open(path: Path, losses: Losses) -> _Indexed | _Salvaged:
    try:
        return _Indexed(path)
    except PermissionError:
        raise MdepthError(f'cannot read {path}: permission denied') from None
    except Exception as error:  # rosbags passes on whatever damaged bytes made it raise
        reason = _first_line(error)
    if path.suffix in SALVAGED:
        salvaged = _Salvaged(path, losses)
        if salvaged.topics:
            losses.note(f'{path.name} is damaged ({reason}): read what could be read')
            return salvaged
    raise MdepthError(f'cannot read {path}: {reason}')


def _files(path: Path, losses: Losses) -> list[Path]:
    """Return what has to be opened, in order."""
    if not path.is_dir():
        return [path]
    named = []
    try:
        tree = read_yaml(path / 'metadata.yaml')
        names = tree['rosbag2_bagfile_information']['relative_file_paths']
        named = [path / Path(name).name for name in names]
    except FileNotFoundError:
        losses.note(
            'no metadata.yaml: the recorder was stopped hard'
            if parts_of_one(_listed(path))
            else 'several recordings, read as one in the order of their names: take each by itself'
        )
    except (OSError, TextError, KeyError, TypeError):
        losses.note('metadata.yaml cannot be read')
    there = [file for file in named if file.is_file()]
    if there and there[0].suffix not in FILE_SUFFIXES:
        return [path]  # compressed files: rosbags unpacks them with the help of metadata.yaml
    if len(there) < len(named):
        losses.note(
            f'{len(named) - len(there)} of {len(named)} files of metadata.yaml are missing'
        )
    found = there or _listed(path)
    if not found:
        raise MdepthError(f'{path} is an empty bag: it holds no .mcap, .db3 or .bag file')
    return found


def parts_of_one(files: Sequence[Path]) -> bool:
    """Tell from the names of bag files whether they are one recording in parts."""
    return len({_PART.sub('', file.stem) for file in files}) <= 1


def _listed(path: Path) -> list[Path]:
    """Return the bag files of a folder, bag_2 before bag_10."""
    files = (f for f in path.iterdir() if f.suffix in FILE_SUFFIXES and f.is_file())
    return sorted(files, key=by_name)


def _type(name: str) -> str:
    """Return 'pkg/msg/Name' for that and for the old 'pkg/Name'."""
    package, _, rest = name.partition('/')
    return f'{package}/msg/{rest.rpartition("/")[2]}'


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip('.')
