# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writing a bag that is either whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal

from rclpy.serialization import serialize_message
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer
from rosbags.typesys import Stores, get_typestore

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import STANDALONE
from mdepth_ros.sources.sqlite import journals
from mdepth_ros.sources.stored import LATCHED

HEAD = 1024  # bytes of an .mcap that no message has reached yet
COMMIT = 1 << 20  # bytes of messages in one transaction, which a killed process loses
STORAGE = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
# Version 8 of metadata.yaml: every distribution from Humble on reads its QoS profiles.
VERSION: Literal[8] = 8


def message_type(message: Any) -> str:
    """Name of a message's type, such as 'sensor_msgs/msg/Image'."""
    cls = type(message)
    return f'{cls.__module__.split(".")[0]}/msg/{cls.__name__}'


class BagWriter:
    """A rosbag2 folder being written; the same calls give the same bytes.

    The bag is written beside its place, in `<folder>.partial`, and moved there when it is whole:
    at the end of the `with` block, and on Ctrl-C, which keeps what was written so far. After any
    other error nothing is left. A process that is killed leaves `<folder>.partial`, which is read
    as any bag, but for the last megabyte. Topics in `latched` offer transient-local durability.

    Raises MdepthError where the folder holds something already (`overwrite` replaces a bag, and
    nothing else) or a killed process left messages, and where the disk does not take the data.
    """

    def __init__(
        self,
        folder: Path,
        storage: str = 'mcap',
        *,
        overwrite: bool = False,
        latched: Sequence[str] = ('/tf_static',),
    ) -> None:
        self.folder = behind_link(Path(folder))
        if self.folder.name in ('', '..'):
            raise MdepthError(f'{folder} is no name for a bag: name a directory to be made')
        if storage == 'sqlite3' and set('#?%') & set(str(self.folder)):
            # rosbags takes the path for an address, and would write somewhere else.
            raise MdepthError(
                f'{folder} has one of #, ? and %, which sqlite3 cannot take: choose another name '
                'or --storage mcap'
            )
        self._latched = set(latched)
        if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
            if not overwrite:
                raise MdepthError(f'{folder} exists already: choose another name or overwrite it')
            if not (self.folder / 'metadata.yaml').is_file():
                raise MdepthError(f'{folder} is not a bag: it is not overwritten')
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Connection] = {}
        self._partial = self.folder.with_name(f'{self.folder.name}.partial')
        # rosbags names the file by its folder: bag_0.mcap, as rosbag2 does for a folder `bag`.
        self._bag = self._partial / f'{self.folder.name}_0'
        self._unflushed = 0
        clear_remains(self._partial, overwrite)
        self._writer = Writer(self._bag, version=VERSION, storage_plugin=STORAGE[storage])

    def __enter__(self) -> BagWriter:
        try:
            with self._complain():
                self._writer.open()
                if isinstance(self._writer.storage, Sqlite3Writer):
                    # The system keeps what a killed process wrote; waiting for the disk is slow.
                    self._writer.storage.conn.execute('PRAGMA synchronous=OFF')
        except KeyboardInterrupt:
            self._discard()
            raise
        return self

    def write(self, topic: str, message: Any, stamp: int) -> None:
        """Append a message to an absolute topic, at `stamp` nanoseconds."""
        msgtype, data = message_type(message), serialize_message(message)
        if not STANDALONE:
            # Fast DDS leaves in the padding what the memory held before: no two runs were equal.
            data = self._types.serialize_cdr(self._types.deserialize_cdr(data, msgtype), msgtype)
        self.write_raw(topic, msgtype, data, stamp)

    def write_raw(self, topic: str, msgtype: str, data: bytes | memoryview, stamp: int) -> None:
        """Append a message that is CDR already, such as one of another bag."""
        with self._complain(), _interrupt_later():
            if topic not in self._connections:
                self._connections[topic] = self._writer.add_connection(
                    topic,
                    msgtype,
                    typestore=self._types,
                    offered_qos_profiles=[LATCHED] if topic in self._latched else [],
                )
            self._writer.write(self._connections[topic], stamp, data)
            self._unflushed += len(data)
            self._give_away()

    def _give_away(self) -> None:
        """Give the system what is whole: it keeps that when the process is killed."""
        storage = self._writer.storage
        if isinstance(storage, McapWriter) and not storage.chunk.bio.tell():
            storage.bio.flush()  # a chunk was just closed
        elif isinstance(storage, Sqlite3Writer) and self._unflushed > COMMIT:
            storage.conn.commit()
            self._unflushed = 0

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None and not issubclass(exc_type, KeyboardInterrupt):
            self._discard()
            return
        with self._complain(), _interrupt_later():
            self._writer.close()
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self._bag.rename(self.folder)
            self._partial.rmdir()

    def _discard(self) -> None:
        with suppress(OSError, sqlite3.Error):
            self._writer.abort()
        shutil.rmtree(self._partial, ignore_errors=True)

    @contextmanager
    def _complain(self) -> Iterator[None]:
        """Turn what the disk refuses into one line, and leave nothing behind."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._discard()
            full = getattr(error, 'errno', None) in {errno.ENOSPC, errno.EDQUOT}
            why = getattr(error, 'strerror', None) or str(error)
            why = 'the disk is full' if full or 'is full' in why else why
            raise MdepthError(
                f'{why}: {self.folder} was not written; free some space or choose another place'
            ) from error


def behind_link(folder: Path) -> Path:
    """The folder that a link leads to: the link itself cannot be replaced by a folder."""
    if not folder.is_symlink():
        return folder
    if not folder.exists():
        raise MdepthError(f'{folder} is a link that leads nowhere: remove it')
    return Path(os.path.realpath(folder))


def remains(partial: Path) -> Path | None:
    """The bag file with messages that a killed process left in the folder it wrote in."""
    files = sorted(file for file in partial.rglob('*_0.*') if file.is_file())
    return next((file for file in files if _has_messages(file)), None)


def clear_remains(partial: Path, overwrite: bool) -> None:
    """Remove the folder in which a killed process wrote.

    Raises MdepthError where there are messages in it, unless `overwrite`.
    """
    left = remains(partial)
    if left is not None and not overwrite:
        raise MdepthError(
            f'{left} is of an earlier run or recording that was killed (or still runs), and can '
            f'be read: move {partial} away, or add --overwrite'
        )
    try:
        if partial.exists():
            shutil.rmtree(partial)
    except OSError as error:
        raise MdepthError(f'cannot remove {partial} ({error}): remove it') from error


def _has_messages(file: Path) -> bool:
    if file.suffix == '.mcap':
        return file.stat().st_size > HEAD
    if file.suffix != '.db3':
        return False
    if any(journal.stat().st_size for journal in journals(file)):
        return True  # whatever is in it: SQLite makes it whole where it is read
    try:
        address = f'{file.resolve().as_uri()}?immutable=1'
        database = sqlite3.connect(address, uri=True)
        return bool(database.execute('SELECT EXISTS(SELECT 1 FROM messages)').fetchone()[0])
    except sqlite3.Error:
        return False


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Hold Ctrl-C back while a record is half written."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    pending: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pending.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pending:
            handler(*pending[0])
