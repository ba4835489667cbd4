# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import recordings
from recordings import ROS1, ROS2, SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.report.bags import Bag
from mdepth_ros.sources import open_source

TENTH = SECOND // 10


def numbers(frames):
    return [int(frame.image[0, 0, 0]) for frame in frames]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_raw_images_of_a_ros2_bag(tmp_path, storage):
    source = open_source(recordings.write_ros2(tmp_path / 'bag', recordings.drive(), storage))
    frames = list(source)
    assert source.total == 5
    assert source.frame_id == 'cam'
    assert source.losses == []
    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert [frame.stamp for frame in frames] == [100 * SECOND + n * TENTH for n in range(5)]
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, recordings.picture(number))
        assert (frame.camera.width, frame.camera.height, frame.camera.fx) == (48, 32, 40.0)
        assert frame.speeds == ()


def test_a_file_alone_is_a_bag_too(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    assert numbers(open_source(bag / 'bag.mcap')) == [0, 1, 2, 3, 4]


def test_ros1_bag(tmp_path):
    path = recordings.write_ros1(tmp_path / 'drive.bag', recordings.drive(store=ROS1))
    source = open_source(path)
    frames = list(source)
    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert frames[0].camera.fx == 40.0
    np.testing.assert_array_equal(frames[3].image, recordings.picture(3))
    assert source.extrinsics.lookup('base_link', 'cam')[0, 3] == 1.0


def test_static_transforms_are_read_before_the_first_image(tmp_path):
    source = open_source(recordings.write_ros2(tmp_path / 'bag', recordings.drive()))
    pose = source.extrinsics.lookup('base_link', 'cam')
    # One metre along the optical axis is one metre further forward.
    np.testing.assert_allclose(pose @ [0, 0, 1, 1], [2.0, 0, 1.5, 1], atol=1e-12)


def test_start_and_frames(tmp_path):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    source = open_source(bag, start=0.15, frames=2)
    assert numbers(source) == [2, 3]
    assert open_source(bag, frames=2).total == 2
    with pytest.raises(MdepthError, match='60 s after'):
        list(open_source(bag, start=60))


def test_a_source_can_be_read_twice(tmp_path):
    source = open_source(recordings.write_ros2(tmp_path / 'bag', recordings.drive()))
    assert numbers(source) == numbers(source)


def test_compressed_images(tmp_path):
    messages = [
        ('/camera/camera_info', recordings.camera_info(SECOND), SECOND),
        ('/camera/image_raw/compressed', recordings.jpeg(SECOND, 7), SECOND),
    ]
    frames = list(open_source(recordings.write_ros2(tmp_path / 'bag', messages)))
    np.testing.assert_array_equal(frames[0].image, recordings.picture(7))


def test_raw_comes_before_compressed(tmp_path):
    messages = [*recordings.drive(1), ('/camera/image_raw/compressed', recordings.jpeg(1, 9), 1)]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    assert numbers(open_source(bag)) == [0]
    assert numbers(open_source(bag, topic='/camera/image_raw/compressed')) == [9]


def test_depth_is_no_camera(tmp_path):
    depth = recordings.image(1, encoding='32FC1', data=np.zeros(48 * 32 * 4, np.uint8))
    messages = [
        *recordings.drive(1),
        ('/camera/depth/image_raw', depth, 1),
        ('/z/image', depth, 1),
    ]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    assert numbers(open_source(bag)) == [0]
    with pytest.raises(MdepthError, match=r'/z/image holds depth'):
        open_source(bag, topic='/z/image')


def test_two_cameras_are_listed(tmp_path):
    messages = [
        ('/left/image_raw', recordings.image(1, 1), 1),
        ('/left/camera_info', recordings.camera_info(1), 1),
        ('/right/image_raw', recordings.image(1, 2), 1),
        ('/right/camera_info', recordings.camera_info(1, 60.0), 1),
    ]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match='--topic /left/image_raw or /right/image_raw'):
        open_source(bag)
    frames = list(open_source(bag, topic='right/image_raw'))
    assert numbers(frames) == [2]
    assert frames[0].camera.fx == 60.0
    with pytest.raises(MdepthError, match=r'no images on /middle; image topics: /left/image_raw'):
        open_source(bag, topic='/middle')


def test_no_camera_lists_the_topics(tmp_path):
    messages = [('/camera/camera_info', recordings.camera_info(1), 1)]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match=r'no camera .* /camera/camera_info \(CameraInfo, 1\)'):
        open_source(bag)


def test_no_camera_info_names_the_option(tmp_path):
    messages = [m for m in recordings.drive() if m[0] != '/camera/camera_info']
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match=r'no camera_info on /camera/camera_info .*--intrinsics'):
        open_source(bag)
    frames = list(open_source(bag, intrinsics='50,51,24,16'))
    assert (frames[0].camera.fx, frames[0].camera.fy) == (50, 51)


def test_camera_info_elsewhere(tmp_path):
    messages = [('/cal/info' if t == '/camera/camera_info' else t, m, s)
                for t, m, s in recordings.drive()]  # fmt: skip
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match='--camera-info can be /cal/info'):
        open_source(bag)
    assert len(list(open_source(bag, camera_info='/cal/info'))) == 5


def test_uncalibrated_camera(tmp_path):
    messages = [('/camera/camera_info', recordings.camera_info(SECOND, 0.0), SECOND),
                ('/camera/image_raw', recordings.image(SECOND), SECOND)]  # fmt: skip
    with pytest.raises(MdepthError, match='uncalibrated'):
        list(open_source(recordings.write_ros2(tmp_path / 'bag', messages)))


@pytest.mark.parametrize('store', [recordings.ROS2, ROS1])
def test_eight_coefficients_are_rational_and_said_once(tmp_path, store):
    messages = recordings.drive(store=store)
    for topic, message, _ in messages:
        if topic == '/camera/camera_info':
            eight = np.array([-0.3, 0.1, 0, 0, 0.02, 0.05, 0.01, 0.004])
            setattr(message, 'd' if store is recordings.ROS2 else 'D', eight)
    write = recordings.write_ros2 if store is recordings.ROS2 else recordings.write_ros1
    source = open_source(write(tmp_path / 'drive.bag', messages))
    assert {frame.camera.model for frame in source} == {'rational_polynomial'}
    (line,) = source.losses
    assert 'says plumb_bob, but has eight distortion coefficients: as in OpenCV' in line


@pytest.mark.parametrize(
    ('p', 'words'),
    [
        (np.eye(3, 4).reshape(12), 'wrong projection P, with focal lengths of 1 and 1'),
        (np.full(12, np.nan), 'NaN'),
        (np.array([1e300, 0, 24, 0, 0, 1e300, 16, 0, 0, 0, 1, 0]), 'wrong projection P'),
    ],
)
def test_a_projection_that_makes_no_view_is_one_line(tmp_path, p, words):
    messages = recordings.drive()
    for topic, message, _ in messages:
        if topic == '/camera/camera_info':
            message.p = p
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    with pytest.raises(MdepthError, match=f'no image could be read: .*{words}'):
        list(source)
    assert len(list(open_source(tmp_path / 'bag', intrinsics='40,40,24,16'))) == 5


def test_latest_camera_info_at_or_before_the_image(tmp_path):
    """The camera changes with the third image, whose camera_info is recorded behind it."""
    messages = [('/camera/image_raw', recordings.image(SECOND, 0), SECOND)]
    for number in range(1, 5):
        stamp = (number + 1) * SECOND
        messages.append(('/camera/image_raw', recordings.image(stamp, number), stamp))
        info = recordings.camera_info(stamp, 40.0 if number < 3 else 55.0)
        messages.append(('/camera/camera_info', info, stamp + 1))
    frames = list(open_source(recordings.write_ros2(tmp_path / 'bag', messages)))
    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert [frame.camera.fx for frame in frames] == [40, 40, 40, 55, 55]


def test_size_change_with_its_camera_info(tmp_path):
    messages = recordings.drive(2)
    for number in (2, 3):
        stamp = 200 * SECOND + number
        info = recordings.camera_info(stamp, 20.0, (24, 16))
        messages.append(('/camera/camera_info', info, stamp))
        messages.append(('/camera/image_raw', recordings.image(stamp, number, (24, 16)), stamp))
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    frames = list(source)
    assert [frame.image.shape[:2] for frame in frames] == [(32, 48)] * 2 + [(16, 24)] * 2
    assert [frame.camera.width for frame in frames] == [48, 48, 24, 24]
    assert source.losses == []


def test_size_change_without_camera_info_is_counted(tmp_path):
    messages = recordings.drive(2)
    stamp = 200 * SECOND
    messages.append(('/camera/image_raw', recordings.image(stamp, 2, (24, 16)), stamp))
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    assert numbers(source) == [0, 1]
    assert source.losses == [
        '1 images skipped: its camera_info is for 48x32 but the image is 24x16'
    ]


def test_backward_time_passes_through(tmp_path):
    messages = recordings.drive(3)
    for number, stamp in ((3, 50 * SECOND), (4, 50 * SECOND + TENTH)):
        messages.append(('/camera/image_raw', recordings.image(stamp, number), 200 * SECOND))
    frames = list(open_source(recordings.write_ros2(tmp_path / 'bag', messages)))
    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert frames[3].stamp == 50 * SECOND


def test_zero_stamps_fall_back_to_the_bag(tmp_path):
    messages = [('/camera/camera_info', recordings.camera_info(0), 7),
                ('/camera/image_raw', recordings.image(0), 9),
                ('/camera/image_raw', recordings.image(0, 1), 11)]  # fmt: skip
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    assert [frame.stamp for frame in source] == [9, 11]
    assert source.losses == ['headers without a stamp: the time of recording is used']


@pytest.mark.parametrize(('of_info', 'wanted'), [('/cam', 'cam'), ('', 'camera_optical_frame')])
def test_frame_id_missing(tmp_path, of_info, wanted):
    """The rule is that of the live node (test/ros/test_inputs.py)."""
    info = recordings.camera_info(SECOND, frame_id=of_info)
    messages = [('/camera/camera_info', info, SECOND),
                ('/camera/image_raw', recordings.image(SECOND, frame_id=''), SECOND)]  # fmt: skip
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    assert [frame.frame_id for frame in source] == [wanted]
    assert source.losses == [f'the images name no frame_id: {wanted} is assumed']


def test_single_bad_images_are_skipped_and_counted(tmp_path):
    messages = recordings.drive(3)
    short = recordings.image(200 * SECOND, data=np.zeros(100, np.uint8))
    unknown = recordings.image(201 * SECOND, encoding='yuv9')
    good = recordings.image(202 * SECOND, 9)
    for message in (short, unknown, unknown, good):
        messages.append(('/camera/image_raw', message, 300 * SECOND))
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    assert numbers(source) == [0, 1, 2, 9]
    assert len(source.losses) == 2
    assert '1 images skipped' in source.losses[0]
    assert '100 bytes' in source.losses[0]
    assert "2 images skipped: image encoding 'yuv9' is not decoded" in source.losses[1]


@pytest.mark.parametrize(
    'bad, message',
    [
        ({'encoding': 'yuv9'}, "no image could be read: image encoding 'yuv9' is not decoded"),
        ({'data': np.zeros(100, np.uint8)}, 'no image could be read: .*100 bytes'),
    ],
)
def test_only_bad_images(tmp_path, bad, message):
    messages = [('/camera/camera_info', recordings.camera_info(SECOND), SECOND)]
    messages += [('/camera/image_raw', recordings.image(SECOND, **bad), SECOND)]
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    with pytest.raises(MdepthError, match=message):
        list(source)


def test_rectified_images_have_no_distortion_left(tmp_path):
    info = recordings.camera_info(SECOND)
    info.d[:] = (-0.3, 0.1, 0, 0, 0)
    info.p[0] = info.p[5] = 35.0
    messages = [('/camera/camera_info', info, SECOND),
                ('/camera/image_raw', recordings.image(SECOND), SECOND),
                ('/camera/image_rect', recordings.image(SECOND), SECOND)]  # fmt: skip
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    raw = next(iter(open_source(bag)))
    rectified = next(iter(open_source(bag, topic='/camera/image_rect')))
    assert raw.camera.model == 'plumb_bob'
    assert rectified.camera.model == 'pinhole'
    assert (raw.camera.fx, rectified.camera.fx) == (40.0, 35.0)


def test_speeds_come_with_the_image_behind_them(tmp_path):
    messages = recordings.drive(3)
    for number in range(30):
        stamp = 100 * SECOND + number * TENTH // 10
        linear = recordings.make(
            'geometry_msgs/msg/Vector3', x=0.6 * number, y=0.8 * number, z=0.0
        )
        zero = recordings.make('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=0.0)
        twist = recordings.make('geometry_msgs/msg/Twist', linear=linear, angular=zero)
        message = recordings.make(
            'geometry_msgs/msg/TwistStamped', header=recordings.header(stamp), twist=twist
        )
        messages.append(('/speed', message, stamp))
    messages.sort(key=lambda message: message[2])
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    source = open_source(bag, speed='/speed')
    frames = list(source)
    told = [one for frame in frames for one in frame.speeds]
    expected = [(100 * SECOND + n * TENTH // 10, float(n)) for n in range(len(told))]
    np.testing.assert_allclose(told, expected)
    assert source.has_speed and not open_source(bag).has_speed
    for before, frame in pairwise(frames):
        assert frame.speeds and min(frame.speeds)[0] >= before.stamp
        assert max(frame.speeds)[0] <= frame.stamp
    with pytest.raises(MdepthError, match='--speed'):
        open_source(bag, speed='/camera/image_raw')


def test_inputs_are_the_recorded_bytes(tmp_path):
    messages = recordings.drive(3)
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    seen = [message for _ in source for message in source.inputs]
    wanted = [m for m in messages if m[0] != '/tf_static']
    assert [(m.topic, m.time) for m in seen] == [(topic, time) for topic, _, time in wanted]
    for message, (_, original, _) in zip(seen, wanted, strict=True):
        assert message.data == recordings.ROS2.serialize_cdr(original, message.type)


def test_kitti_city(data_dir):
    source = open_source(data_dir / 'bags' / 'kitti_city')
    frames = list(source)
    assert len(frames) == source.total == 40
    assert source.frame_id == 'camera_optical'
    assert frames[0].image.shape == (frames[0].camera.height, frames[0].camera.width, 3)
    assert source.extrinsics.lookup('base_link', 'camera_optical') is not None
    assert source.losses == []


def test_messages_compressed_one_by_one(data_dir):
    path = data_dir / 'bags' / 'other' / 'per_message_zstd'
    with pytest.raises(MdepthError, match='--intrinsics'):
        open_source(path)
    source = open_source(path, intrinsics='500,500,320,240')
    frames = list(source)
    assert [frame.image.shape for frame in frames] == [(480, 640, 3)] * 2
    assert frames[0].image.std() > 10
    assert source.losses == ['12 of 13 files of metadata.yaml are missing']


def test_ros1_file_of_another_project(data_dir):
    path = data_dir / 'bags' / 'other' / 'ros1' / 'test.bag'
    with pytest.raises(MdepthError, match='/compressedimage or /image'):
        open_source(path)
    frames = list(open_source(path, topic='/compressedimage', intrinsics='2,2,0.5,0.5'))
    assert len(frames) == 1
    assert frames[0].stamp > SECOND


def test_a_bag_without_a_camera(data_dir):
    with pytest.raises(MdepthError, match=r'no camera .*/odom \(Odometry, 2639\)'):
        open_source(data_dir / 'bags' / 'other' / 'turtlebot' / 'nav2_turtlebot.mcap')


def restamped(messages, sec, store=ROS2):
    for number, (_, message, _) in enumerate(messages):
        if hasattr(message, 'header'):
            message.header.stamp = recordings.make(
                'builtin_interfaces/msg/Time', store, sec=sec, nanosec=number if sec else 0
            )
    return messages


@pytest.mark.parametrize(
    'sec, line', [(0, 'headers without a stamp'), (-7, 'headers of a time before 1970 or after')]
)
def test_headers_without_a_time_take_that_of_the_recording(tmp_path, sec, line):
    """ROS 1 counts to 2106 in what is negative in ROS 2."""
    for bag in (
        recordings.write_ros2(tmp_path / 'bag', restamped(recordings.drive(3), sec)),
        recordings.write_ros1(
            tmp_path / 'a.bag', restamped(recordings.drive(3, store=ROS1), sec, ROS1)
        ),
    ):
        source = open_source(bag)
        wanted = [100 * SECOND + n * SECOND // 10 for n in range(3)]
        assert [frame.stamp for frame in source] == wanted
        assert len(source.losses) == 1 and line in source.losses[0]
        assert [stamp for stamp, _ in Bag(bag).messages('/camera/image_raw')] == wanted


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_images_after_2038_are_one_line(tmp_path, storage):
    """Neither the headers nor the bag tell a time that a message can hold."""
    late = [(t, m, s + 2**31 * SECOND) for t, m, s in restamped(recordings.drive(3), 0)]
    with pytest.raises(MdepthError, match='their times are before 1970 or after 2038') as error:
        list(open_source(recordings.write_ros2(tmp_path / 'bag', late, storage)))
    assert '\n' not in str(error.value)
    # The headers count where they tell a time.
    late = [(t, m, s + 2**31 * SECOND) for t, m, s in recordings.drive(3)]
    source = open_source(recordings.write_ros2(tmp_path / 'good', late, storage))
    assert [frame.stamp for frame in source][-1] == 100 * SECOND + SECOND // 5
    assert source.losses == [
        'times of recording before 1970 or after 2038, which ROS cannot say, count as 1970 or 2038'
    ]
