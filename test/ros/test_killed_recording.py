# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A process that is killed in the middle of a bag: what is left, and what the next one does."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recordings

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.recorder import TopicsBag
from mdepth_ros.ros.recording import BagWriter, remains
from mdepth_ros.sources.recording import Recording

STORAGES = {'mcap': 'bag_0.mcap', 'sqlite3': 'bag_0.db3'}
TEXT = 'std_msgs/msg/String'


def data(number: int) -> bytes:
    """A text of 10 kB, as CDR."""
    return b'\0\1\0\0\x10\x27\0\0' + number.to_bytes(2, 'little') * 4999 + b'x\0'


def killed(write: Callable[[], None]) -> None:
    """Let a child write until it kills itself."""
    child = os.fork()
    if child == 0:
        try:
            write()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def fill(bag: BagWriter, count: int) -> None:
    for number in range(count):
        bag.write_raw('/text', TEXT, data(number), number)


def messages(path: Path) -> tuple[list[tuple[int, bytes]], list[str]]:
    with Recording(path) as recording:
        found = [(m.time, m.data) for m in recording.messages(['/text'])]
        return found, recording.losses.lines()


@pytest.mark.parametrize('storage', STORAGES)
def test_what_a_killed_writer_left_is_read_and_kept(tmp_path: Path, storage: str) -> None:
    def write() -> None:
        with BagWriter(tmp_path / 'bag', storage) as bag:
            fill(bag, 500)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(write)
    folder = tmp_path / 'bag.partial' / 'bag_0'
    file = folder / STORAGES[storage]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    found, lost = messages(folder)
    # Of 5 MB all but the last chunk or transaction of one.
    assert 380 <= len(found) <= 500
    assert found == [(number, data(number)) for number in range(len(found))]
    assert lost[0] == 'no metadata.yaml: the recorder was stopped hard'
    assert any(f'{file.name} was not closed' in line or 'end is missing' in line for line in lost)
    assert messages(file)[0] == found
    with pytest.raises(MdepthError, match=f'{file} is of an earlier run .*, or add --overwrite'):
        BagWriter(tmp_path / 'bag', storage)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with BagWriter(tmp_path / 'bag', storage, overwrite=True) as bag:
        fill(bag, 2)
    assert [path.name for path in tmp_path.iterdir()] == ['bag']
    assert len(messages(tmp_path / 'bag')[0]) == 2


@pytest.mark.parametrize('storage', STORAGES)
def test_a_recorder_gives_away_little_messages_too(tmp_path: Path, storage: str) -> None:
    def write() -> None:
        with TopicsBag(tmp_path / 'bag', storage) as bag:
            bag.add_topic('/text', TEXT, [])
            fill(bag, 3)
            bag.flush()
            fill(bag, 2)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(write)
    left = remains(tmp_path / 'bag.partial')
    assert left is not None and left.name == STORAGES[storage]
    assert messages(left)[0] == [(number, data(number)) for number in range(3)]


@pytest.mark.parametrize('storage', STORAGES)
def test_a_writer_that_was_killed_before_any_message_left_nothing(
    tmp_path: Path, storage: str
) -> None:
    def write() -> None:
        with BagWriter(tmp_path / 'bag', storage):
            os.kill(os.getpid(), signal.SIGKILL)

    killed(write)
    assert (tmp_path / 'bag.partial').exists()
    with BagWriter(tmp_path / 'bag', storage) as bag:
        fill(bag, 1)
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def wal_of_another_recorder(path: Path) -> None:
    """rosbag2's resilient preset keeps a write-ahead log."""
    with sqlite3.connect(path) as database:
        database.execute('PRAGMA journal_mode=WAL')
        database.execute('INSERT INTO messages VALUES (99, 1, 9, ?)', (data(9),))
        database.commit()
        for file in path.parent.iterdir():
            shutil.copy(file, path.parent.parent / 'copy' / file.name)
    database.close()


def test_a_write_ahead_log_is_read(tmp_path: Path) -> None:
    (tmp_path / 'copy').mkdir()
    with BagWriter(tmp_path / 'bag', 'sqlite3') as bag:
        fill(bag, 3)
    wal_of_another_recorder(tmp_path / 'bag' / 'bag_0.db3')
    copy = tmp_path / 'copy' / 'bag_0.db3'
    assert copy.with_name('bag_0.db3-wal').stat().st_size
    before = {path.name: path.read_bytes() for path in copy.parent.iterdir()}
    found, lost = messages(copy)
    assert [time for time, _ in found] == [0, 1, 2, 9]
    assert lost == ['bag_0.db3 was not closed: its recorder was stopped hard, or runs']
    assert {path.name: path.read_bytes() for path in copy.parent.iterdir()} == before


def test_a_link_as_output_is_followed(tmp_path: Path) -> None:
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'link').symlink_to('disk')
    with BagWriter(tmp_path / 'link') as bag:
        fill(bag, 1)
    assert len(messages(tmp_path / 'disk')[0]) == 1 and (tmp_path / 'link').is_symlink()
    (tmp_path / 'gone').symlink_to('nowhere')
    with pytest.raises(MdepthError, match='a link that leads nowhere'):
        BagWriter(tmp_path / 'gone')


def test_a_name_that_is_no_address(tmp_path: Path) -> None:
    """SQLite takes addresses, in which some characters mean something."""
    folder = tmp_path / 'drive #3, 50%20?'
    recordings.write_ros2(tmp_path / 'bag', recordings.drive(2), 'sqlite3').rename(folder)
    with Recording(folder) as recording:
        found: list[Any] = list(recording.messages(recording.topics))
        assert len(found) == 5 and recording.losses.lines() == []
    with pytest.raises(MdepthError, match='has one of'):
        BagWriter(folder / 'bag', 'sqlite3')
    with BagWriter(folder / 'bag') as bag:
        fill(bag, 1)
    assert len(messages(folder / 'bag')[0]) == 1
