# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whole, damaged, empty and missing bags."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest
import recordings
from recordings import ROS1, ROS2, SECOND
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Reader as Reader2
from rosbags.rosbag2 import Writer as Writer2

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.recording import Recording, is_recording

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def everything(path: Path) -> tuple[list, list[str]]:
    with Recording(path) as recording:
        messages = list(recording.messages(set(recording.topics)))
        return messages, recording.losses.lines()


def compressed(path: Path, mode: CompressionMode, storage: StoragePlugin) -> Path:
    writer = Writer2(path, version=8, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        topics = {}
        for topic, message, time in recordings.drive(100):
            kind = message.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=ROS2)
            writer.write(topics[topic], time, ROS2.serialize_cdr(message, kind))
    return path


def test_types_and_counts(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(3))
    with Recording(bag) as recording:
        topic = recording.topics['/camera/image_raw']
        assert (topic.type, topic.messages) == ('sensor_msgs/msg/Image', 3)
        assert [m.time for m in recording.messages(['/camera/image_raw'])] == [
            100 * SECOND + n * SECOND // 10 for n in range(3)
        ]


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize('mode', [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_compression(tmp_path, mode, storage):
    messages, lost = everything(compressed(tmp_path / 'bag', mode, storage))
    original = [
        (t, bytes(ROS2.serialize_cdr(m, m.__msgtype__))) for t, m, _ in recordings.drive(100)
    ]
    assert sorted((m.topic, m.data) for m in messages) == sorted(original)
    assert lost == []


def test_no_such_bag(tmp_path):
    with pytest.raises(MdepthError, match=r'no such recording: .*nowhere'):
        Recording(tmp_path / 'nowhere')


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_bag_without_messages(tmp_path, storage):
    bag = recordings.write_ros2(tmp_path / 'bag', [], storage)
    with pytest.raises(MdepthError, match='holds no messages'):
        Recording(bag)


def test_bag_without_files(tmp_path):
    (tmp_path / 'metadata.yaml').write_text('rosbag2_bagfile_information:\n  version: 9\n')
    with pytest.raises(MdepthError, match='empty bag'):
        Recording(tmp_path)


@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a.bag'])
@pytest.mark.parametrize('content', [b'', b'nonsense' * 100])
def test_file_that_is_no_bag(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MdepthError, match=r'cannot read|holds no messages') as error:
        Recording(path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_lost_metadata(tmp_path, storage):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(3), storage)
    (bag / 'metadata.yaml').unlink()
    messages, lost = everything(bag)
    assert len(messages) == 7
    assert lost == ['no metadata.yaml: the recorder was stopped hard']


def test_split_bags_are_read_in_the_order_of_their_numbers(tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    for number in (2, 10, 1):
        bag = recordings.write_ros2(
            tmp_path / f'part{number}', [('/i', recordings.image(number), number)]
        )
        (bag / f'part{number}.mcap').rename(folder / f'bag_{number}.mcap')
    messages, lost = everything(folder)
    assert [message.time for message in messages] == [1, 2, 10]
    assert lost == ['no metadata.yaml: the recorder was stopped hard']
    (folder / 'bag_10.mcap').rename(folder / 'friday.mcap')
    assert 'several recordings, read as one' in everything(folder)[1][0]


@pytest.mark.parametrize('mode', [CompressionMode.NONE, CompressionMode.STORAGE])
def test_cut_mcap(tmp_path, mode):
    """A recorder that was killed: everything before the cut is there, and the loss is said."""
    bag = compressed(tmp_path / 'bag', mode, StoragePlugin.MCAP)
    whole, _ = everything(bag)
    path = bag / 'bag.mcap'
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    messages, lost = everything(bag)
    assert 0.3 * len(whole) < len(messages) < len(whole)
    assert messages == [m for m in whole if m in messages]
    assert any('middle of a record' in line for line in lost)
    assert any('bag.mcap is damaged' in line for line in lost)


def test_damage_in_the_middle(tmp_path):
    """What lies before it is read, and what lies behind it too where its place is known."""
    bag = tmp_path / 'bag'
    size = (320, 240)
    recordings.write_ros2(bag, [('/i', recordings.image(n, n, size), n) for n in range(20)])
    path = bag / 'bag.mcap'
    data = bytearray(path.read_bytes())
    at = data.index(recordings.picture(8, *size).tobytes()[:64]) - 150
    data[at : at + 140] = b'\xff' * 140  # the head of a record in the second of four chunks
    path.write_bytes(data)
    messages, lost = everything(bag)
    assert {0, 1, 2, 3, 4, 5, 18, 19} <= {message.time for message in messages}
    assert 8 not in {message.time for message in messages}
    assert [message.time for message in messages] == sorted(message.time for message in messages)
    assert any('is damaged' in line for line in lost)


@pytest.mark.parametrize('share', [0.35, 0.8, 0.999])
def test_cut_ros1_bag(tmp_path, share):
    path = recordings.write_ros1(tmp_path / 'drive.bag', recordings.drive(20, store=ROS1))
    whole, _ = everything(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    messages, lost = everything(path)
    assert messages == whole[: len(messages)]
    assert len(messages) > 0.2 * len(whole)
    assert any('is damaged' in line for line in lost)


def test_cut_anywhere_is_one_line_or_some_messages(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(2))
    data = (bag / 'bag.mcap').read_bytes()
    path = tmp_path / 'cut.mcap'
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        try:
            messages, lost = everything(path)
        except MdepthError as error:
            assert '\n' not in str(error)
        else:
            assert messages
            assert lost


@pytest.mark.parametrize('end', [37, 45, 3000])
def test_without_its_end_a_file_is_as_rosbags_reads_it_whole(tmp_path, end):
    """By the index, and record by record, the same messages as an implementation of others."""
    bag = compressed(tmp_path / 'bag', CompressionMode.STORAGE, StoragePlugin.MCAP)
    with Reader2(bag) as reader:
        oracle = [(c.topic, time, bytes(data)) for c, time, data in reader.messages()]
    assert [(m.topic, m.time, m.data) for m in everything(bag)[0]] == oracle
    data = (bag / 'bag.mcap').read_bytes()
    (bag / 'bag.mcap').write_bytes(data[:-end])
    messages, lost = everything(bag)
    assert [(m.topic, m.time, m.data) for m in messages] == oracle
    assert any('bag.mcap is damaged (its end is missing)' in line for line in lost)


def test_real_damaged_files(data_dir):
    folder = data_dir / 'bags' / 'other' / 'damaged'
    whole, _ = everything(folder / 'test_sample.mcap')
    cut, lost = everything(folder / 'test_sample_truncated.mcap')
    assert cut == whole[: len(cut)]
    assert any('truncated.mcap is damaged' in line for line in lost)
    # rosgraph_msgs/Log is no type of ROS 2: only the diagnostics can be handed out.
    with Recording(folder / 'test_unindexed.bag') as recording:
        times = [message.time for message in recording.messages(['/diagnostics_agg'])]
        assert len(times) == 4
        assert times == sorted(times)
        assert recording.topics['/rosout_agg'].messages == 10
        assert any('not indexed' in line for line in recording.losses.lines())


def test_what_a_killed_recorder_of_ros_1_left_is_read(tmp_path):
    path = recordings.write_ros1(tmp_path / 'drive.bag', recordings.drive(20, store=ROS1))
    (tmp_path / 'drive.bag.active').write_bytes(path.read_bytes()[:-3000])
    path.unlink()
    for name in ('drive.bag.active', '.'):
        assert is_recording(tmp_path / name)
        assert len(everything(tmp_path / name)[0]) >= 40


def test_a_packed_file_is_named_as_it_lies(tmp_path):
    (tmp_path / 'bag.db3.zstd').write_bytes(zstd.compress(b'nonsense' * 100))
    with pytest.raises(MdepthError, match=r'cannot read .*/bag.db3.zstd: file is not a database'):
        Recording(tmp_path)


def test_one_part_that_cannot_be_read_costs_that_part(tmp_path):
    for number in range(3):
        bag = recordings.write_ros2(tmp_path / f'p{number}', recordings.drive(1), 'sqlite3')
        (bag / f'p{number}.db3').rename(tmp_path / f'bag_{number}.db3')
    (tmp_path / 'bag_1.db3').write_bytes(b'nonsense' * 100)
    messages, lost = everything(tmp_path)
    assert len(messages) == 6
    assert any('cannot read' in line and 'bag_1.db3' in line for line in lost)


def test_a_bag_one_level_down_is_named(tmp_path):
    recordings.write_ros2(tmp_path / 'out' / 'bag', recordings.drive(1))
    with pytest.raises(MdepthError, match='out/bag is one'):
        Recording(tmp_path / 'out')


def test_a_database_of_other_messages_is_one_line(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(2), 'sqlite3')
    with sqlite3.connect(bag / 'bag.db3') as database:
        database.execute("UPDATE topics SET serialization_format = 'json'")
    database.close()
    with pytest.raises(MdepthError, match=r'no ROS messages, but .*msg/Image \(json\)'):
        Recording(bag)


def test_times_before_1970(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(2), 'sqlite3')
    with sqlite3.connect(bag / 'bag.db3') as database:
        database.execute('UPDATE messages SET timestamp = timestamp - 200000000000')
    database.close()
    messages, lost = everything(bag)
    assert [m.time for m in messages] == [0] * 5
    assert lost == [
        'times of recording before 1970 or after 2038, which ROS cannot say, count as 1970 or 2038'
    ]


def test_what_is_unpacked_is_removed_when_the_recording_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    bag = compressed(tmp_path / 'bag', CompressionMode.FILE, StoragePlugin.SQLITE3)
    with Recording(bag):
        assert len(list((tmp_path / 'temporary').iterdir())) == 1
    assert list((tmp_path / 'temporary').iterdir()) == []


def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / 'a.mcap')
    with pytest.raises(MdepthError, match=r'cannot read .*: it is no \.mcap, \.db3 or \.bag file'):
        Recording(tmp_path / 'a.mcap')
