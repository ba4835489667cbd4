# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MCAP files of all profiles, encodings and layouts."""

from __future__ import annotations

import sys

import lz4.frame
import pytest
import recordings
from recordings import ROS1, ROS2, SECOND
from rosbags.rosbag2 import Reader

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.sources import open_source
from mdepth_ros.sources.recording import Recording

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TIMES = 'times of recording before 1970 or after 2038, which ROS cannot say, count as 1970 or 2038'
TEXT = b'\0\1\0\0\2\0\0\0x\0'
LAYOUTS = {
    'plain': ('', bytes),
    'zstd': ('zstd', zstd.compress),
    'lz4': ('lz4', lz4.frame.compress),
    'without chunks': None,
}


def everything(path):
    with Recording(path) as recording:
        return list(recording.messages(recording.topics)), recording.losses.lines()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_ros_1_messages_are_those_of_ros_2(tmp_path, layout):
    path = recordings.write_ros1_mcap(
        tmp_path / 'drive.mcap', recordings.drive(3, store=ROS1), compression=LAYOUTS[layout]
    )
    messages, lost = everything(path)
    assert lost == []
    assert [(m.topic, m.type, m.time, m.data) for m in messages] == [
        (t, m.__msgtype__, s, bytes(ROS2.serialize_cdr(m, m.__msgtype__)))
        for t, m, s in recordings.drive(3)
    ]


def test_a_drive_of_ros_1_messages_is_a_source(tmp_path):
    path = recordings.write_ros1_mcap(tmp_path / 'a.mcap', recordings.drive(3, store=ROS1))
    source = open_source(path)
    frames = list(source)
    assert [frame.stamp for frame in frames] == [100 * SECOND + n * SECOND // 10 for n in range(3)]
    assert (frames[1].image == recordings.picture(1)).all()
    assert source.extrinsics.lookup('base_link', 'cam') is not None
    assert source.losses == []


@pytest.mark.parametrize(
    'schema, encoding, described, line',
    [
        ('foxglove.Image', 'protobuf', 'protobuf', 'foxglove.Image (protobuf)'),
        ('foxglove.Image', 'json', 'jsonschema', 'foxglove.Image (json)'),
        ('foxglove.RawImage', 'flatbuffer', 'flatbuffer', 'foxglove.RawImage (flatbuffer)'),
        ('', 'cbor', '', 'no schema (cbor)'),
        ('Image', '', 'x', 'Image (unknown)'),
    ],
)  # fmt: skip
def test_messages_that_are_not_of_ros_are_one_line(tmp_path, schema, encoding, described, line):
    for expected in ('holds no ROS messages', 'no camera in this bag'):
        file = recordings.Mcap(tmp_path / 'a.mcap', '')
        file.message(file.channel('/cam', schema, encoding, described), 1, b'{}')
        if expected == 'no camera in this bag':
            file.message(file.channel('/text', 'std_msgs/msg/String'), 1, TEXT)
        with pytest.raises(MdepthError, match=expected) as error:
            open_source(file.close())
        assert line in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
    'schema, encoding, described',
    [
        ('std_msgs/String', 'cdr', ''),
        ('std_msgs/msg/String', '', 'ros2msg'),
        ('std_msgs::msg::String', 'cdr', 'ros2idl'),
        ('std_msgs::msg::dds_::String_', 'cdr', 'omgidl'),
        ('std_msgs/msg/String', 'cdr', 'unknown'),
    ],
)
def test_types_by_all_their_names(tmp_path, schema, encoding, described):
    file = recordings.Mcap(tmp_path / 'a.mcap', '')
    file.message(file.channel('text', schema, encoding, described), 1, TEXT)
    messages, lost = everything(file.close())
    assert messages == [('/text', 'std_msgs/msg/String', 1, TEXT)] and lost == []


def test_a_type_that_is_not_known_costs_its_messages(tmp_path):
    """A custom ROS 1 type cannot be translated; what is beside it is read."""
    file = recordings.Mcap(tmp_path / 'a.mcap', 'ros1')
    file.message(file.channel('/wheel', 'wheel_msgs/Rpm', 'ros1', 'ros1msg'), 1, bytes(8))
    file.message(file.channel('/text', 'std_msgs/String', 'ros1', 'ros1msg'), 2, b'\1\0\0\0x')
    messages, lost = everything(file.close())
    assert [m.topic for m in messages] == ['/text']
    assert len(lost) == 1 and 'wheel_msgs/msg/Rpm' in lost[0]


def test_chunks_that_overlap_are_read_in_order(tmp_path):
    """As rosbags does, by the index; without it all the same."""
    size, step = (100, 80), 7 * SECOND
    times = [(n * step) % (100 * SECOND) for n in range(100)]
    bag = recordings.write_ros2(
        tmp_path / 'bag', [('/i', recordings.image(t, n, size), t) for n, t in enumerate(times)]
    )
    with Reader(bag) as reader:
        oracle = [(time, bytes(data)) for _, time, data in reader.messages()]
    assert [time for time, _ in oracle] == sorted(times)
    assert [(m.time, m.data) for m in everything(bag)[0]] == oracle
    (bag / 'bag.mcap').write_bytes((bag / 'bag.mcap').read_bytes()[:-30])
    assert [(m.time, m.data) for m in everything(bag)[0]] == oracle


def test_an_index_that_is_wrong_is_left_alone(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(5))
    whole, _ = everything(bag)
    file = bag / 'bag.mcap'
    data = file.read_bytes()
    at = data.index(b'\x06', 9)  # the chunk
    assert data.count(at.to_bytes(8, 'little')) == 1
    file.write_bytes(data.replace(at.to_bytes(8, 'little'), (at + 3).to_bytes(8, 'little')))
    messages, lost = everything(bag)
    assert messages == whole
    assert lost == ['bag.mcap is damaged (its index is wrong): read what could be read']


def test_a_flipped_bit_is_said_once_and_costs_nothing(tmp_path):
    """A chunk whose checksum is wrong, but whose records are whole."""
    data = [bytes([n]) * 50 for n in range(3)]
    file = recordings.Mcap(tmp_path / 'a.mcap')
    channel = file.channel('/text', 'std_msgs/msg/String')
    for time, text in enumerate(data):
        file.message(channel, time, text)
    path = file.close()
    content = path.read_bytes()
    at = content.index(b'\x06', 9) + 9 + 24
    path.write_bytes(content[:at] + b'\1\2\3\4' + content[at + 4 :])
    messages, lost = everything(path)
    assert [m.data for m in messages] == data
    assert lost == ['a.mcap is damaged (a checksum is wrong): read what could be read']


def test_times_that_ros_cannot_say(tmp_path):
    """MCAP counts to the year 2554, builtin_interfaces/Time to 2038."""
    file = recordings.Mcap(tmp_path / 'a.mcap')
    channel = file.channel('/text', 'std_msgs/msg/String')
    for time in (0, LATEST_STAMP, LATEST_STAMP + 1, 2**63, 2**64 - 1):
        file.message(channel, time, TEXT)
    messages, lost = everything(file.close())
    assert [m.time for m in messages] == [0] + [LATEST_STAMP] * 4
    assert lost == [TIMES]


@pytest.mark.parametrize('layout', LAYOUTS)
def test_messages_of_chunks_that_overlap_come_in_the_order_of_time(tmp_path, layout, monkeypatch):
    file = recordings.Mcap(tmp_path / 'a.mcap', compression=LAYOUTS[layout])
    channel = file.channel('/text', 'std_msgs/msg/String')
    times = [(7 * n) % 60 // 2 for n in range(60)]
    for number, time in enumerate(times):
        file.message(channel, time, b'%03d' % number)
        if number % 6 == 5:
            file.end_chunk()
    path = file.close()
    for kept, opened in ((1 << 27, 100), (500, 100), (0, 100), (1 << 27, 2)):
        monkeypatch.setattr('mdepth_ros.sources.mcap._KEPT', kept)
        monkeypatch.setattr('mdepth_ros.sources.mcap._OPEN', opened)
        messages, lost = everything(path)
        assert [m.time for m in messages] == sorted(times)
        assert all(times[int(m.data)] == m.time for m in messages)
        assert len({m.data for m in messages}) == 60 and lost == []


def test_a_type_that_only_ros_1_has_is_told(tmp_path):
    file = recordings.Mcap(tmp_path / 'a.mcap', 'ros1')
    channel = file.channel('/log', 'rosgraph_msgs/Log', 'ros1', 'ros1msg')
    file.message(channel, 1, bytes(100))
    messages, lost = everything(file.close())
    assert messages == []
    assert lost == [
        '1 messages skipped: rosgraph_msgs/msg/Log of ROS 1 is a type that ROS 2 does not have'
    ]


def test_images_that_all_cannot_be_read_are_told(tmp_path):
    file = recordings.Mcap(tmp_path / 'a.mcap')
    images = file.channel('/cam/image', 'sensor_msgs/msg/Image')
    for time in range(3):
        file.message(images, time, b'\0\1\0\0nothing')
    intrinsics = tmp_path / 'a.txt'
    intrinsics.write_text('fx 40\nfy 40\ncx 24\ncy 16\n')
    source = open_source(file.close(), intrinsics=intrinsics)
    with pytest.raises(MdepthError, match=r'there are no images \(.*3 messages skipped: '):
        list(source)
