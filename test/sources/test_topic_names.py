# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics are absolute, however they were recorded and however they are asked for."""

from __future__ import annotations

import pytest
import recordings
from recordings import ROS1, SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.report.bags import Bag
from mdepth_ros.report.run import choose_topic
from mdepth_ros.ros.bag_topics import split_names
from mdepth_ros.ros.player import offered_profiles
from mdepth_ros.sources import open_source
from mdepth_ros.sources.base import absolute
from mdepth_ros.sources.recording import Recording
from mdepth_ros.sources.stored import LATCHED


def strange(name: str) -> str:
    """Without the slash in front, with two in the middle, with one at the end."""
    return name[1:].replace('/', '//') + '/'


def write(path, rename, count=3):
    messages = [(rename(t), m, s) for t, m, s in recordings.drive(count, store=ROS1)]
    if path.suffix == '.mcap':
        return recordings.write_ros1_mcap(path, messages)
    return recordings.write_ros1(path, messages)


@pytest.mark.parametrize(
    'name, wanted',
    [
        ('image', '/image'),
        ('/image', '/image'),
        ('//camera//image/', '/camera/image'),
        ('~image', '/~image'),
        ('', '/'),
    ],
)
def test_absolute(name, wanted):
    assert absolute(name) == wanted == absolute(wanted)


@pytest.mark.parametrize('ending', ['bag', 'mcap'])
@pytest.mark.parametrize('rename', [lambda name: name[1:], strange])
def test_a_drive_without_slashes_is_the_same_drive(tmp_path, ending, rename):
    plain = write(tmp_path / f'plain.{ending}', str)
    other = write(tmp_path / f'other.{ending}', rename)
    with Recording(plain) as one, Recording(other) as two:
        assert one.topics == two.topics
        assert list(one.messages(one.topics)) == list(two.messages(two.topics))
    source = open_source(other)
    assert source.extrinsics.lookup('base_link', 'cam') is not None
    assert len(list(source)) == 3


@pytest.mark.parametrize('name', ['camera/image_raw', '/camera//image_raw/'])
def test_topics_are_asked_for_by_any_name(tmp_path, name):
    path = write(tmp_path / 'a.bag', strange)
    info = name.replace('image_raw', 'camera_info')
    source = open_source(path, topic=name, camera_info=info)
    assert (source.topic, source.info_topic) == ('/camera/image_raw', '/camera/camera_info')
    bag = Bag(path)
    assert choose_topic(bag, ['/camera/image_raw'], name, '--depth-topic', 'x') == source.topic
    assert len(list(bag.messages(name))) == 3
    assert split_names(f'{name},x/*') == ['/camera/image_raw', '/x/*']


def test_what_an_error_offers_is_accepted(tmp_path):
    path = write(tmp_path / 'a.bag', lambda n: n[1:].replace('camera/camera_info', 'calibration'))
    with pytest.raises(MdepthError, match='--camera-info can be /calibration'):
        open_source(path)
    assert len(list(open_source(path, camera_info='/calibration'))) == 3
    assert len(list(open_source(path, camera_info='calibration'))) == 3


def test_speed_by_any_name(tmp_path):
    vector = recordings.make('geometry_msgs/msg/Vector3', ROS1, x=3.0, y=0.0, z=0.0)
    twist = recordings.make('geometry_msgs/msg/Twist', ROS1, linear=vector, angular=vector)
    stamped = recordings.make(
        'geometry_msgs/msg/TwistStamped', ROS1, twist=twist,
        header=recordings.header(100 * SECOND, store=ROS1),
    )  # fmt: skip
    messages = [('wheels/speed', stamped, 100 * SECOND), *recordings.drive(3, store=ROS1)]
    path = recordings.write_ros1(tmp_path / 'a.bag', messages)
    for name in ('wheels/speed', '/wheels/speed'):
        assert next(iter(open_source(path, speed=name))).speeds == ((100 * SECOND, 3.0),)


def test_two_names_that_are_one(tmp_path):
    """'image' and '/image' are one topic; of other types on it the larger part is read."""
    pictures = [('image', recordings.image(n, n, store=ROS1), n) for n in range(3)]
    more = [('/image', recordings.image(n, n, store=ROS1), n) for n in range(3, 5)]
    other = [('//image', recordings.camera_info(9, store=ROS1), 9)]
    with Recording(recordings.write_ros1(tmp_path / 'a.bag', [*pictures, *more, *other])) as bag:
        assert bag.topics == {'/image': ('/image', 'sensor_msgs/msg/Image', 5)}
        assert [m.time for m in bag.messages(['image'])] == [0, 1, 2, 3, 4]
        line = 'sensor_msgs/msg/CameraInfo on /image, which is of sensor_msgs/msg/Image'
        assert bag.losses.lines() == [f'1 messages skipped: {line}']


def test_static_transforms_are_latched_by_any_name(tmp_path):
    with Recording(write(tmp_path / 'a.bag', strange)) as recording:
        assert offered_profiles(recording)['/tf_static'] == [LATCHED]


def test_images_of_another_package_are_named_in_full(tmp_path):
    file = recordings.Mcap(tmp_path / 'a.mcap')
    file.message(file.channel('/cam', 'foxglove_msgs/msg/CompressedImage'), 1, bytes(8))
    with pytest.raises(MdepthError, match=r'/cam \(foxglove_msgs/msg/CompressedImage, 1\)'):
        open_source(file.close())
