# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every reason for no output has its line, and the nearest cause comes first."""

from __future__ import annotations

import pytest

from mdepth_ros.ros.no_output import (
    Announcer,
    Cause,
    Facts,
    why_no_odometry,
    why_no_output,
    why_no_speed,
)

NAMES = ('/image', '/camera_info')
NO_IMAGES = {'images_arrive': False}
CASES = {
    'disabled': ({'enabled': False, 'model_ready': False}, ['~/enable', 'data: true']),
    'the bag has ended': (
        {'publishers': (), 'before': ('rosbag2_player',), 'use_sim_time': True, **NO_IMAGES},
        ['the bag is over', 'rosbag2_player has ended'],
    ),
    'the simulation has ended': (
        {
            'publishers': (),
            'before': ('gazebo',),
            'use_sim_time': True,
            'clock_before': True,
            **NO_IMAGES,
        },
        ['over', '/clock any more'],
    ),
    'a simulation has ended, and gave no images': (
        {'publishers': (), 'use_sim_time': True, 'clock_before': True, **NO_IMAGES},
        ['is over and had no images on /image: remap image'],
    ),
    'the camera has ended': (
        {'publishers': (), 'before': ('usb_cam',), 'clock_before': True, **NO_IMAGES},
        ['usb_cam published /image, but not any more'],
    ),
    'the clock has ended, the camera has not': (
        {'use_sim_time': True, 'clock_before': True, **NO_IMAGES},
        ['nobody publishes /clock any more'],
    ),
    'another type': (
        {
            'publishers': (),
            'unreadable': (('/image', 'sensor_msgs/msg/PointCloud2'),),
            **NO_IMAGES,
        },
        ['/image is published as sensor_msgs/msg/PointCloud2', 'remap image'],
    ),
    'only theora': (
        {
            'publishers': (),
            'unreadable': (('/image/theora', 'theora_image_transport/msg/Packet'),),
            **NO_IMAGES,
        },
        ['/image/theora is published as theora_image_transport/msg/Packet', 'republish'],
    ),
    'raw beside the compressed one': (
        {'publishers': (), 'other': '/a', 'other_publishers': ('camera',), **NO_IMAGES},
        ['but /a is published: remap image to /a'],
    ),
    'model': (
        {'model_problem': 'the model is not loaded: x.safetensors: No such file', **NO_IMAGES},
        ['x.safetensors: No such file'],
    ),
    'nobody publishes, others do': (
        {'publishers': (), 'image_topics': ('/cam/image_raw', '/image'), **NO_IMAGES},
        ['nobody publishes /image;', 'images are on /cam/image_raw: remap'],
    ),
    'nobody publishes anything': (
        {'publishers': (), **NO_IMAGES},
        ['nobody publishes /image', 'no images are published at all', 'ROS_DOMAIN_ID'],
    ),
    'incompatible QoS of the image': (
        {'publishers': (), 'incompatible': (('/image', 'reliability'),), **NO_IMAGES},
        ['/image', 'policy reliability', 'qos_overrides./image.subscription.reliability'],
    ),
    'only compressed': (
        {
            'publishers': (),
            'other': '/image/compressed',
            'other_publishers': ('camera',),
            'transport': 'raw',
            **NO_IMAGES,
        },
        ['/image as Image', '/image/compressed is published', 'image_transport is raw', 'auto'],
    ),
    'only raw': (
        {
            'publishers': (),
            'image_type': 'CompressedImage',
            'other': '/image_raw',
            'other_publishers': ('camera',),
            'transport': 'compressed',
            **NO_IMAGES,
        },
        ['/image as CompressedImage', '/image_raw is published', 'auto'],
    ),
    'clock': (
        {'publishers': (), 'use_sim_time': True, **NO_IMAGES},
        ['use_sim_time is true', '/clock', '--clock'],
    ),
    'published, but nothing comes': (
        NO_IMAGES,
        ['/image is published by camera, but no image arrives', 'bag paused'],
    ),
    'no camera_info': (
        {'camera_known': False, 'info_publishers': ()},
        ['nobody publishes their camera_info on /camera_info', 'remap camera_info'],
    ),
    'camera_info is silent': (
        {'camera_known': False},
        ['no camera_info on /camera_info, which is published'],
    ),
    'incompatible QoS of the camera_info': (
        {'camera_known': False, 'incompatible': (('/camera_info', 'durability'),)},
        ['/camera_info', 'policy durability'],
    ),
    'uncalibrated': (
        {'camera_known': False, 'camera_problem': 'uncalibrated camera: K is zero'},
        ['uncalibrated camera: K is zero'],
    ),
    'loading': ({'model_ready': False}, ['being loaded']),
    'stuck': ({'stuck': True}, ['a step of the networks does not end']),
}

EXPECTED = ('disabled', 'the bag has ended', 'the simulation has ended')


@pytest.mark.parametrize('name', CASES)
def test_one_line_says_why_there_is_no_output(name: str) -> None:
    facts, words = CASES[name]
    line, expected = why_no_output(Facts(*NAMES, **facts))  # type: ignore[arg-type]
    assert '\n' not in line
    assert expected == (name in EXPECTED)
    for word in words:
        assert word in line


def test_the_lines_differ() -> None:
    lines = {why_no_output(Facts(*NAMES, **facts)).line for facts, _ in CASES.values()}  # type: ignore[arg-type]
    assert len(lines) == len(CASES)


def test_nothing_is_wrong_with_a_healthy_camera() -> None:
    assert why_no_output(Facts(*NAMES)) == Cause('', False)


def test_missing_extrinsics_name_both_frames() -> None:
    line = why_no_odometry('base_link', 'cam_optical', 'no such frame')
    assert 'base_link' in line and 'cam_optical' in line and '\n' not in line
    line = why_no_odometry('base_link', 'cam_optical', 'no such frame', ('rosbag2_player',))
    assert 'rosbag2_player publishes /tf_static as volatile' in line
    # What to add is in the line, and is what the launch file adds.
    assert 'add to `ros2 bag play`: --qos-profile-overrides-path ' in line
    assert 'ros2 pkg prefix --share mdepth_ros)/config/play_qos.yaml' in line


def test_a_speed_that_does_not_come() -> None:
    wanted = ('nav_msgs/msg/Odometry', 'geometry_msgs/msg/TwistStamped')
    lines = [
        why_no_speed('/speed', kinds, wanted) for kinds in ((), ('a/msg/B',), (wanted[1], 'a/b'))
    ]
    words = ('nobody publishes', 'which is a/msg/B: remap speed to nav_msgs', 'wait for it')
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_a_line_is_said_when_it_is_new_and_then_rarely() -> None:
    announcer = Announcer(repeat=30.0)
    said = [t for t in range(100) if announcer.due('a', t)]
    assert said == [0, 30, 60, 90]
    assert announcer.due('b', 101.0) and not announcer.due('b', 102.0)
    assert not announcer.due('', 103.0)
    assert announcer.due('b', 104.0) and announcer.holds
    assert not announcer.due('b', 200.0, again=False)
    assert announcer.due('c', 201.0, again=False)
    announcer.due('', 202.0)
    assert not announcer.holds
