# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.ros.clouds import points_xyz
from mdepth_ros.ros.conversions import camera_from_info, pose_to_matrix, transform_to_matrix
from mdepth_ros.ros.images import to_depth, to_rgb
from mdepth_ros.ros.outputs import PATH_POSES, TOPICS, Outputs, topic_name
from mdepth_ros.ros.recording import message_type

# isort: split
from rclpy.serialization import deserialize_message, serialize_message

CAMERA = Camera(8, 4, 6.0, 6.5, 3.5, 1.5)
# The camera sits 1 m ahead of and 1.5 m above the base.
T_BASE_CAMERA = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])


def estimate(frame: int = 0) -> Any:
    """The camera drives along its axis, 1 m per frame of 0.1 s."""
    rng = np.random.default_rng(frame)
    depth = rng.uniform(2, 50, (4, 8)).astype(np.float32)
    depth[0, :3] = [np.nan, np.inf, 70.0]
    pose = T_BASE_CAMERA.copy()
    pose[0, 3] += frame
    return SimpleNamespace(
        stamp=1_700_000_000_123_456_789 + frame * 100_000_000,
        stale=False,
        frame_id='camera_optical_frame',
        image=rng.integers(0, 256, (4, 8, 3), dtype=np.uint8),
        depth=depth,
        camera=CAMERA,
        confidence=rng.uniform(0, 1, (4, 8)).astype(np.float32),
        pose=pose,
        twist=np.array([0, 0, 10.0, 0, 0, 0]),
        pose_covariance=np.eye(6) * 0.01,
        twist_covariance=np.eye(6) * 0.04,
    )


def test_every_topic_has_its_type_and_the_stamp_of_the_image() -> None:
    source = estimate()
    made = dict(Outputs(T_base_camera=T_BASE_CAMERA).messages(source))
    assert {name: message_type(made[f'/{name}']) for name in TOPICS} == TOPICS
    assert list(made) == [f'/{name}' for name in TOPICS]
    for topic, message in made.items():
        header = message.transforms[0].header if topic == '/tf' else message.header
        assert header.stamp.sec * 10**9 + header.stamp.nanosec == source.stamp
        frame = 'camera_optical_frame' if topic.startswith('/depth') else 'odom'
        assert header.frame_id == frame
        assert deserialize_message(serialize_message(message), type(message)) == message


def test_contents_are_those_of_the_estimate() -> None:
    source = estimate()
    made = dict(Outputs(T_base_camera=T_BASE_CAMERA, cloud_max_step=0).messages(source))
    np.testing.assert_array_equal(to_depth(made['/depth/image_rect']), source.depth)
    np.testing.assert_array_equal(to_depth(made['/depth/confidence']), source.confidence)
    info = made['/depth/camera_info']
    assert camera_from_info(info) == CAMERA
    image = made['/depth/image_rect']
    assert (info.width, info.height) == (image.width, image.height) == (8, 4)
    np.testing.assert_array_equal(to_rgb(made['/depth/image_rect_color']), source.image)
    assert made['/depth/color'].encoding == 'bgr8'
    assert not to_rgb(made['/depth/color'])[0, 0].any()  # NaN is black
    z = points_xyz(made['/depth/points'])[:, 2].reshape(4, 8)
    known = np.isfinite(source.depth)
    np.testing.assert_array_equal(z[known], source.depth[known])
    assert np.isnan(z[~known]).all()


def test_odometry_path_and_tf_are_of_the_base() -> None:
    outputs = Outputs(T_base_camera=T_BASE_CAMERA, odom_frame='o', base_frame='b', path_every=1)
    for frame in range(4):
        made = dict(outputs.messages(estimate(frame)))
    expected = np.eye(4)
    expected[0, 3] = 3.0
    odometry, transform = made['/odom'], made['/tf'].transforms[0]
    assert (odometry.header.frame_id, odometry.child_frame_id) == ('o', 'b')
    assert (transform.header.frame_id, transform.child_frame_id) == ('o', 'b')
    np.testing.assert_allclose(pose_to_matrix(odometry.pose.pose), expected, atol=1e-12)
    np.testing.assert_allclose(transform_to_matrix(transform.transform), expected, atol=1e-12)
    np.testing.assert_allclose(odometry.twist.twist.linear.x, 10.0)
    diagonal = odometry.pose.covariance.reshape(6, 6).diagonal()
    # The base is 1 m behind and 1.5 m below the camera: its rotation moves the base.
    np.testing.assert_allclose(diagonal, 0.01 * np.array([3.25, 4.25, 2, 1, 1, 1]))
    along = [pose.pose.position.x for pose in made['/path'].poses]
    np.testing.assert_allclose(along, [0, 1, 2, 3], atol=1e-12)


def test_without_the_mount_of_the_camera_the_base_is_not_guessed() -> None:
    topics = [topic for topic, _ in Outputs().messages(estimate())]
    assert topics == [f'/{name}' for name in TOPICS if name not in ('odom', 'path', 'tf')]


def test_topics_can_be_chosen_and_named() -> None:
    outputs = Outputs(
        ['tf', 'depth/image_rect'],
        namespace='/left',
        T_base_camera=T_BASE_CAMERA,
        encoding='16UC1',
    )
    made = dict(outputs.messages(estimate()))
    assert list(made) == ['/left/depth/image_rect', '/tf']
    assert made['/left/depth/image_rect'].encoding == '16UC1'
    assert topic_name('odom') == '/odom' and topic_name('tf_static', 'left') == '/tf_static'
    with pytest.raises(MdepthError, match=r"unknown topic 'depth'.*depth/image_rect.*odom"):
        Outputs(['depth'])


def test_the_path_of_a_long_run_stays_bounded_and_whole() -> None:
    outputs = Outputs(['path'], T_base_camera=T_BASE_CAMERA, path_every=50)
    source, paths = estimate(), []
    for frame in range(5001):
        source.pose = T_BASE_CAMERA.copy()
        source.pose[0, 3] += frame
        for _, message in outputs.messages(source):
            paths.append((frame, [pose.pose.position.x for pose in message.poses]))
    assert [frame for frame, _ in paths] == list(range(0, 5001, 50))
    for frame, along in paths:
        assert len(along) <= PATH_POSES + 1
        assert (along[0], along[-1]) == pytest.approx((0, frame), abs=1e-9)
        gaps = np.diff(along)
        assert len(gaps) == 0 or (gaps > 0).all()
        assert len(gaps) < 2 or np.ptp(gaps[:-1]) < 1e-9
        assert len(along) > min(frame, PATH_POSES / 2)


def test_only_the_outputs_named_are_made_but_the_path_remembers_every_pose() -> None:
    outputs = Outputs(T_base_camera=T_BASE_CAMERA, path_every=1)
    assert dict(outputs.make(estimate(0), ())) == {}
    made = dict(outputs.make(estimate(1), {'depth/points', 'path'}))
    assert list(made) == ['depth/points', 'path']
    assert [pose.pose.position.x for pose in made['path'].poses] == pytest.approx([0, 1])
    outputs.start_again()
    made = dict(outputs.make(estimate(2), {'path'}))
    assert len(made['path'].poses) == 1


def test_a_message_is_made_when_its_turn_comes() -> None:
    source = estimate()
    del source.image  # only the cloud needs it
    made = Outputs(T_base_camera=T_BASE_CAMERA).make(source, {'depth/image_rect', 'depth/points'})
    assert next(made)[0] == 'depth/image_rect'
    with pytest.raises(AttributeError):
        next(made)


def test_what_may_change_from_frame_to_frame() -> None:
    outputs = Outputs(['depth/image_rect', 'odom'])
    assert list(dict(outputs.messages(estimate()))) == ['/depth/image_rect']
    outputs.T_base_camera = T_BASE_CAMERA
    outputs.encoding = '16UC1'
    made = dict(outputs.messages(estimate()))
    assert list(made) == ['/depth/image_rect', '/odom']
    assert made['/depth/image_rect'].encoding == '16UC1'
