# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sqlite3 files of rosbag2, of every version, whole or as a killed recorder left them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE
from mdepth_ros.sources.base import Losses
from mdepth_ros.sources.stored import Channel, Stored, first_line, plain_type, read_profiles


class Sqlite:
    """A .db3 file that is open for reading; it is never changed.

    Raises MdepthError where it is no such file, or is damaged.
    """

    def __init__(self, path: Path, losses: Losses) -> None:
        self.path = path
        self._losses = losses
        self._remove: Callable[[], object] | None = None
        if any(file.stat().st_size for file in journals(path)):
            losses.note(f'{path.name} was not closed: its recorder was stopped hard, or runs')
            folder, self._remove = temporary_folder(self)
            path = _recovered(path, folder)
        try:
            # A plain open would ask for a lock, and write where the recorder was killed.
            address = f'{path.resolve().as_uri()}?immutable=1'
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
            self._database.text_factory = lambda text: text.decode(errors='replace')
            self._topics = self._read_topics()
        except MdepthError:
            raise
        except Exception as error:  # a damaged scheme makes sqlite3 raise errors of other kinds
            raise MdepthError(_advice(error, self.path)) from None

    @property
    def channels(self) -> list[Channel]:
        """The topics, with their numbers of messages."""
        return list(self._topics.values())

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        """Yield the messages of some topics, named as in the file, in the order of their time."""
        wanted = [key for key, channel in self._topics.items() if channel.topic in topics]
        query = (
            'SELECT id, topic_id, timestamp, CASE WHEN length(data) <= ? THEN data END '
            f'FROM messages WHERE topic_id IN ({",".join("?" * len(wanted))}) ORDER BY timestamp'
        )
        for row, key, time, data in self._database.execute(query, (LARGEST_MESSAGE, *wanted)):
            channel = self._topics[key]
            if isinstance(data, bytes) and isinstance(time, int):
                yield Stored(channel, time, data)
            else:
                why = f'no bytes, or more than {LARGEST_MESSAGE}'
                self._losses.add('messages skipped', why, (self.path, row))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        if self._remove is not None:
            self._remove()

    def _read_topics(self) -> dict[int, Channel]:
        has = {row[1] for row in self._database.execute('PRAGMA table_info(topics)')}
        if not {'id', 'name', 'type'} <= has:
            raise MdepthError('it is no bag: it has no table of topics')
        names = 'name', 'type', 'serialization_format', 'offered_qos_profiles'
        parts = ', '.join(name if name in has else "''" for name in names)
        query = 'SELECT topic_id, count(*) FROM messages GROUP BY topic_id'
        counts, topics = dict(self._database.execute(query)), {}
        rows = self._database.execute(f'SELECT id, {parts} FROM topics ORDER BY id')
        for key, name, kind, encoding, offered in rows:
            count, profiles = counts.get(key, 0), read_profiles(offered)
            kind, encoding = plain_type(str(kind)), str(encoding or 'cdr')
            topics[key] = Channel(str(name), kind, encoding, count, profiles)
        return topics


def journals(path: Path) -> list[Path]:
    """What SQLite has beside a database that was not closed: without it that is not whole."""
    files = (path.with_name(path.name + ending) for ending in ('-journal', '-wal'))
    return [file for file in files if file.is_file()]


def temporary_folder(owner: object) -> tuple[Path, Callable[[], object]]:
    """A folder that is removed by calling what comes with it, at the latest with its owner."""
    folder = tempfile.mkdtemp(prefix='mdepth-')
    return Path(folder), weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)


def _recovered(path: Path, folder: Path) -> Path:
    """A copy of a database and its journal in which SQLite undid what was half written."""
    copy = folder / path.name
    try:
        for file in (path, *journals(path)):
            shutil.copyfile(file, folder / file.name)
        database = sqlite3.connect(copy)
        database.execute('PRAGMA journal_mode=DELETE').fetchall()  # takes in what the log holds
        database.execute('SELECT count(*) FROM sqlite_master').fetchall()
        database.close()
    except sqlite3.Error as error:
        raise MdepthError(_advice(error, path)) from None
    return copy


def _advice(error: Exception, path: Path) -> str:
    why = first_line(error)
    if 'malformed' not in why:
        return why
    return f'{why}; `sqlite3 {path.name} .recover | sqlite3 WHOLE.db3` may save what is left'
