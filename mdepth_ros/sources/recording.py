# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Any bag as serialised ROS 2 messages: sqlite3, MCAP and ROS 1, whole or damaged."""

from __future__ import annotations

import errno
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import Qos

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.sources.base import Losses, RawMessage, absolute, by_name
from mdepth_ros.sources.mcap import Mcap
from mdepth_ros.sources.ros1_bag import Ros1Bag
from mdepth_ros.sources.sqlite import Sqlite, temporary_folder
from mdepth_ros.sources.stored import READ, Channel, Stored, first_line, to_cdr
from mdepth_ros.sources.unpack import unpack_file
from mdepth_ros.texts import TextError, read_yaml

PACKED = '.zstd'
"""What rosbag2 adds to the name of a file that it compressed as a whole."""
ACTIVE = '.active'
"""What a recorder of ROS 1 adds to the name of a file until it is whole."""
# What `ros2 bag record` and, with the time of each part, `rosbag record --split` add to a name.
_PART = re.compile(r'(_?\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)?_\d+$')


class Topic(NamedTuple):
    """A topic of a recording: absolute name, type as 'pkg/msg/Name', number of messages.

    The type of messages that are not read says so: 'foxglove.CompressedImage (protobuf)'.
    """

    name: str
    type: str
    messages: int


Part = Mcap | Sqlite | Ros1Bag
"""A file of a recording, open for reading."""
_FORMATS: dict[str, Callable[[Path, Losses], Part]] = {
    '.mcap': Mcap, '.db3': Sqlite, '.bag': Ros1Bag,
}  # fmt: skip


class Recording:
    """A bag that is open for reading; use it as a context manager.

    path is a bag directory (with or without metadata.yaml), an .mcap, .db3 or .bag file, or a
    folder of such files, which are read one after the other. What cannot be read in order is read
    record by record, and `losses` says so. Topics have absolute names, whatever was recorded:
    'image', '/image' and '//image/' are one. Times are from 0 to LATEST_STAMP.

    topics    by name
    profiles  the QoS that the publishers of each topic offered, where that is known

    Raises MdepthError if the path is missing, is no bag, or holds no ROS message at all.
    """

    def __init__(self, path: Path, losses: Losses | None = None) -> None:
        if not path.exists():
            raise MdepthError(f'no such recording: {path}')
        self.path = path
        self.losses = Losses() if losses is None else losses
        self._parts: list[Part] = []
        self._temporary: list[Callable[[], object]] = []
        try:
            files = _files(path, self.losses)
            for file in files:
                try:
                    self._parts.append(self._open(file))
                except MdepthError as error:
                    if len(files) == 1:
                        raise
                    self.losses.note(str(error))
            channels = [channel for part in self._parts for channel in part.channels]
            self.topics = _topics(channels)
            self._check(channels)
        except BaseException:
            self.close()
            raise
        self.profiles: dict[str, list[Qos]] = {name: [] for name in self.topics}
        for channel in channels:
            self.profiles[absolute(channel.topic)] += channel.profiles

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of some topics in the order of their bag time.

        Damage that shows up on the way is counted; what lies behind it is still tried.
        """
        wanted = set(map(absolute, topics))
        for part in self._parts:
            names = {c.topic: absolute(c.topic) for c in part.channels}
            names = {name: whole for name, whole in names.items() if whole in wanted}
            if not names:
                continue
            try:
                for stored in part.messages(names):
                    message = self._readable(stored, names[stored.channel.topic])
                    if message is not None:
                        yield message
            except Exception as error:  # libraries pass on whatever damaged bytes made them raise
                self.losses.note(f'{part.path.name} is damaged ({first_line(error)})')

    def skip(self, topic: str, time: int, why: str, size: int = 0) -> None:
        """Count a message that cannot be read, once, however often it is tried.

        size  of its bytes as they are stored, where they are at hand
        """
        self.losses.add('messages skipped', why, (topic, time, size))

    def _readable(self, stored: Stored, topic: str) -> RawMessage | None:
        """The message as plain CDR with a time that ROS has; None, and counted, if it is lost."""
        kind, channel = self.topics[topic].type, stored.channel
        if _label(channel) != kind:
            self.skip(topic, stored.time, f'{channel.type} on {topic}, which is of {kind}')
            return None
        size = len(stored.data)
        if self.losses.has((topic, stored.time, size)):
            return None  # counted before; unpacking may take long
        try:
            data = to_cdr(stored.data, channel)
        except MdepthError as error:
            self.skip(topic, stored.time, str(error), size)
            return None
        time = min(max(stored.time, 0), LATEST_STAMP)
        if time != stored.time:
            self.losses.note(
                'times of recording before 1970 or after 2038, which ROS cannot say, count as '
                '1970 or 2038'
            )
        return RawMessage(topic, kind, time, data)

    def _open(self, path: Path) -> Part:
        try:
            make = _FORMATS.get(_suffix(path))
            if make is None or not path.is_file():
                raise MdepthError('it is no .mcap, .db3 or .bag file')
            if path.suffix != PACKED:
                return make(path, self.losses)
            folder, remove = temporary_folder(self)
            self._temporary.append(remove)
            unpack_file(path, folder / path.stem)
            return make(folder / path.stem, self.losses)
        except PermissionError:
            raise MdepthError(f'cannot read {path}: permission denied') from None
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise MdepthError(
                    f'{tempfile.gettempdir()} has no room for a copy of {path}: name a place with '
                    'more room in TMPDIR'
                ) from None
            raise MdepthError(f'cannot read {path}: {error.strerror or error}') from None
        except MdepthError as error:
            raise MdepthError(f'cannot read {path}: {error}') from None

    def _check(self, channels: Sequence[Channel]) -> None:
        held = [channel for channel in channels if channel.messages]
        if not held:
            lost = '; '.join(self.losses.lines())
            raise MdepthError(f'{self.path} holds no messages' + (f' ({lost})' if lost else ''))
        if not any(channel.encoding in READ for channel in held):
            kinds = sorted({_label(channel) for channel in held})
            raise MdepthError(
                f'{self.path} holds no ROS messages, but {", ".join(kinds)}: convert them to '
                f'sensor_msgs in {" or ".join(READ)}'
            )

    def close(self) -> None:
        """Close the files."""
        for part in self._parts:
            part.close()
        for remove in self._temporary:
            remove()
        self._parts, self._temporary = [], []

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_recording(path: Path) -> bool:
    """Tell from names alone whether a path is a bag."""
    if path.is_dir():
        return (path / 'metadata.yaml').is_file() or bool(_listed(path))
    return _suffix(path) in _FORMATS


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(PACKED).removesuffix(ACTIVE)).suffix


def _label(channel: Channel) -> str:
    """The type of messages; of those that are not read, with their encoding."""
    kind, encoding = channel.type, channel.encoding
    return kind if encoding in READ and kind else f'{kind or "no schema"} ({encoding})'


def _topics(channels: Iterable[Channel]) -> dict[str, Topic]:
    """The topics of channels; of several types on one topic, that of most messages."""
    counts: dict[str, Counter[str]] = {}
    for channel in channels:
        kinds = counts.setdefault(absolute(channel.topic), Counter())
        kinds[_label(channel)] += channel.messages
    return {name: Topic(name, *kinds.most_common(1)[0]) for name, kinds in counts.items()}


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
    if len(there) < len(named):
        losses.note(
            f'{len(named) - len(there)} of {len(named)} files of metadata.yaml are missing'
        )
    found = there or _listed(path)
    if not found:
        inside = [*sorted(path.glob('*/')), *sorted(path.glob('*/*/'))]
        bag = next((folder for folder in inside if is_recording(folder)), None)
        where = f': {bag} is one' if bag is not None else ''
        raise MdepthError(f'{path} is an empty bag: it holds no .mcap, .db3 or .bag file{where}')
    return found


def parts_of_one(files: Sequence[Path]) -> bool:
    """Tell from the names of bag files whether they are one recording in parts."""
    return len({_PART.sub('', Path(file.name.removesuffix(PACKED)).stem) for file in files}) <= 1


def _listed(path: Path) -> list[Path]:
    """Return the bag files of a folder, bag_2 before bag_10."""
    files = (f for f in path.iterdir() if _suffix(f) in _FORMATS and f.is_file())
    return sorted(files, key=by_name)
