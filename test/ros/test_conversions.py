# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from rosbags.typesys import Stores, get_typestore

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, CameraError, se3_exp
from mdepth_ros.ros import conversions
from mdepth_ros.ros.conversions import (
    camera_from_info,
    camera_to_info,
    make_header,
    matrix_to_pose,
    matrix_to_transform,
    nanoseconds_to_stamp,
    odometry_message,
    pose_of_base,
    pose_to_matrix,
    stamp_to_nanoseconds,
    transform_stamped,
    transform_to_matrix,
    twist_of_base,
)

# isort: split
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform
from sensor_msgs.msg import CameraInfo, RegionOfInterest

RNG = np.random.default_rng(3)
# Optical axes in body axes: z forward -> x, x right -> -y, y down -> -z (REP-103).
OPTICAL = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def random_transform() -> np.ndarray:
    return se3_exp(torch.from_numpy(RNG.normal(size=6) * 1.5)).numpy()


def mounted(x: float, y: float, z: float) -> np.ndarray:
    T = OPTICAL.copy()
    T[:3, 3] = [x, y, z]
    return T


def exponential(x: np.ndarray) -> np.ndarray:
    return se3_exp(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize('stamp', [0, 1, 999_999_999, 1_000_000_000, 1_317_044_400_123_456_789])
def test_stamps_are_exact(stamp: int) -> None:
    time = nanoseconds_to_stamp(np.int64(stamp))  # type: ignore[arg-type]
    assert stamp_to_nanoseconds(time) == stamp
    assert (time.sec, time.nanosec) == (stamp // 10**9, stamp % 10**9)


def test_stamps_that_a_message_cannot_hold_are_one_line() -> None:
    """builtin_interfaces/Time has int32 seconds, and rclpy no time before 0."""
    last = 2**31 * 10**9 - 1
    assert nanoseconds_to_stamp(last) == Time(sec=2**31 - 1, nanosec=999_999_999)
    for stamp in (last + 1, -1, -(10**30), 10**30):
        with pytest.raises(
            MdepthError, match=r'ROS counts from 0 \(1970\) to 2147483647 \(2038\)'
        ):
            make_header(stamp, 'camera')


INFO = {
    'height': 480,
    'width': 640,
    'distortion_model': 'plumb_bob',
    'k': [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0],
    'r': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
    'd': [-0.3, 0.1, 0.001, 0.002, 0.0],
    'p': [450.0, 0.0, 310.0, 0.0, 0.0, 460.0, 250.0, 0.0, 0.0, 0.0, 1.0, 0.0],
}


def test_camera_infos_of_ros_2_and_ros_1_are_the_same_camera() -> None:
    roi = RegionOfInterest(x_offset=10, y_offset=20, width=600, height=400)
    info = CameraInfo(**INFO, binning_x=2, binning_y=2, roi=roi)
    expected = Camera.from_info(
        640, 480, 'plumb_bob', *(INFO[name] for name in 'dkrp'), 2, 2, (10, 20, 400, 600, False)
    )
    assert camera_from_info(info) == expected
    assert (expected.width, expected.height) == (300, 200)

    old: Any = get_typestore(Stores.ROS1_NOETIC)
    types = {name.split('/')[-1]: cls for name, cls in old.types.items()}
    numbers = {name.upper(): np.array(INFO[name]) for name in 'dkrp'}
    theirs = types['CameraInfo'](
        header=None,
        height=480,
        width=640,
        distortion_model='plumb_bob',
        binning_x=2,
        binning_y=2,
        roi=roi,
        **numbers,
    )
    assert camera_from_info(theirs) == expected


def test_an_uncalibrated_camera_is_refused() -> None:
    with pytest.raises(CameraError, match='uncalibrated'):
        camera_from_info(CameraInfo(width=640, height=480))


def test_camera_info_of_a_rectified_image() -> None:
    camera = Camera(640, 192, 400.5, 401.5, 319.25, 95.75)
    header = make_header(7, 'camera_optical_frame')
    info = camera_to_info(camera, header)
    assert info.header == header
    assert (info.width, info.height, info.distortion_model) == (640, 192, 'plumb_bob')
    assert info.d.tolist() == [0.0] * 5
    assert info.r.reshape(3, 3).tolist() == np.eye(3).tolist()
    assert info.k.reshape(3, 3).tolist() == camera.matrix(torch.float64).tolist()
    np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], info.k.reshape(3, 3))
    assert not info.p.reshape(3, 4)[:, 3].any()
    assert camera_from_info(info) == camera
    with pytest.raises(ValueError, match='not rectified'):
        camera_to_info(camera_from_info(CameraInfo(**INFO)), header)


def test_transforms_there_and_back() -> None:
    for _ in range(20):
        T = random_transform()
        np.testing.assert_allclose(transform_to_matrix(matrix_to_transform(T)), T, atol=1e-12)
        np.testing.assert_allclose(pose_to_matrix(matrix_to_pose(T)), T, atol=1e-12)
    # A quarter turn to the left: x of the child points along y of the parent.
    turn = transform_to_matrix(Transform(rotation=Quaternion(z=0.5**0.5, w=0.5**0.5)))
    np.testing.assert_allclose(turn[:3, 0], [0, 1, 0], atol=1e-12)
    with pytest.raises(MdepthError, match='no unit quaternion'):
        transform_to_matrix(Transform(rotation=Quaternion(w=0.0)))


def test_stamped_transform_names_both_frames() -> None:
    message = transform_stamped(mounted(1, 2, 3), make_header(5, 'base_link'), 'camera')
    assert (message.header.frame_id, message.child_frame_id) == ('base_link', 'camera')
    assert (message.transform.translation.x, message.transform.translation.z) == (1.0, 3.0)


def test_motion_along_the_optical_axis_is_forward() -> None:
    start = mounted(1.2, 0.1, 1.5)
    step = np.eye(4)
    step[2, 3] = 2.0  # the camera moves 2 m along its z axis
    before, _ = pose_of_base(start, np.eye(6), start)
    after, _ = pose_of_base(start @ step, np.eye(6), start)
    np.testing.assert_allclose(before, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(after[:3, 3], [2, 0, 0], atol=1e-12)


def test_pure_yaw_with_the_camera_ahead_leaves_the_base_where_it_is() -> None:
    T_base_camera = mounted(1.0, 0.0, 1.5)
    rate = 0.3
    # The base turns to the left; the camera swings along an arc: in its own axes it moves to
    # -x (left) at rate * 1 m and turns about -y (up).
    twist = np.array([-rate * 1.0, 0, 0, 0, -rate, 0])
    moved, _ = twist_of_base(twist, np.eye(6), T_base_camera)
    np.testing.assert_allclose(moved, [0, 0, 0, 0, 0, rate], atol=1e-12)
    for angle in (0.1, 1.0, 3.0):
        turn = exponential(np.array([0, 0, 0, 0, 0, angle]))
        base, _ = pose_of_base(turn @ T_base_camera, np.eye(6), T_base_camera)
        np.testing.assert_allclose(base, turn, atol=1e-12)


def test_twist_is_in_the_frame_of_the_base() -> None:
    """Start turned by 90 degrees and drive straight: the speed is along x of the base."""
    T_base_camera = mounted(1.0, 0.2, 1.5)
    turned = exponential(np.array([0, 0, 0, 0, 0, np.pi / 2]))
    twist, covariance = twist_of_base(np.array([0, 0, 5.0, 0, 0, 0]), np.eye(6), T_base_camera)
    pose = pose_of_base(turned @ T_base_camera, np.eye(6), T_base_camera)
    header = make_header(5, 'odom')
    message = odometry_message(pose, (twist, covariance), header, 'base_link')
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    np.testing.assert_allclose([linear.x, linear.y, linear.z], [5, 0, 0], atol=1e-12)
    np.testing.assert_allclose([angular.x, angular.y, angular.z], [0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(pose_to_matrix(message.pose.pose), turned, atol=1e-12)
    assert (message.header, message.child_frame_id) == (header, 'base_link')


def test_twist_agrees_with_the_difference_of_poses() -> None:
    for _ in range(10):
        T_base_camera, T_odom_camera = random_transform(), random_transform()
        twist, dt = RNG.normal(size=6), 1e-6
        before, _ = pose_of_base(T_odom_camera, np.eye(6), T_base_camera)
        after, _ = pose_of_base(T_odom_camera @ exponential(twist * dt), np.eye(6), T_base_camera)
        motion = (np.linalg.inv(before) @ after - np.eye(4)) / dt
        expected = [*motion[:3, 3], motion[2, 1], motion[0, 2], motion[1, 0]]
        moved, _ = twist_of_base(twist, np.eye(6), T_base_camera)
        np.testing.assert_allclose(moved, expected, atol=1e-4)


def random_covariance(std: float) -> np.ndarray:
    root = RNG.normal(size=(6, 6)) * std
    return root @ root.T


def test_pose_covariance_agrees_with_monte_carlo() -> None:
    """Shift the camera along odom and turn it about the axes of odom; see where the base goes."""
    T_base_camera, T_odom_camera = mounted(1.5, 0.3, 1.2), random_transform()
    covariance = random_covariance(0.004)
    base, predicted = pose_of_base(T_odom_camera, covariance, T_base_camera)
    errors = RNG.multivariate_normal(np.zeros(6), covariance, 20_000)
    turns = se3_exp(
        torch.from_numpy(np.concatenate([0 * errors[:, :3], errors[:, 3:]], 1))
    ).numpy()
    rotation = turns[:, :3, :3] @ T_odom_camera[:3, :3]
    position = T_odom_camera[:3, 3] + errors[:, :3]
    base_in_camera = np.linalg.inv(T_base_camera)
    shift = rotation @ base_in_camera[:3, 3] + position - base[:3, 3]
    turn = rotation @ base_in_camera[:3, :3] @ base[:3, :3].T
    angles = np.stack([turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]], 1)
    sampled = np.cov(np.concatenate([shift, angles], 1).T)
    scale = np.sqrt(np.outer(np.diag(predicted), np.diag(predicted)))
    np.testing.assert_allclose(sampled / scale, predicted / scale, atol=0.04)
    np.testing.assert_array_equal(predicted, predicted.T)
    assert not np.allclose(covariance / scale, predicted / scale, atol=0.2)


def test_twist_covariance_agrees_with_monte_carlo() -> None:
    T_base_camera = mounted(1.5, 0.3, 1.2)
    mean, covariance = RNG.normal(size=6), random_covariance(0.2)
    _, predicted = twist_of_base(mean, covariance, T_base_camera)
    samples = RNG.multivariate_normal(mean, covariance, 20_000)
    moved = np.stack([twist_of_base(s, covariance, T_base_camera)[0] for s in samples[:4000]])
    scale = np.sqrt(np.outer(np.diag(predicted), np.diag(predicted)))
    np.testing.assert_allclose(np.cov(moved.T) / scale, predicted / scale, atol=0.08)


def test_covariances_fill_the_message_row_by_row() -> None:
    pose, twist = random_covariance(1.0), random_covariance(1.0)
    pair = (np.eye(4), pose), (np.zeros(6), twist)
    message = odometry_message(*pair, conversions.make_header(0, 'odom'), 'base_link')
    np.testing.assert_array_equal(message.pose.covariance.reshape(6, 6), pose)
    np.testing.assert_array_equal(message.twist.covariance.reshape(6, 6), twist)
