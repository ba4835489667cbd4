# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The conventions of odometry, TF and stamps; each test names its rule."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live import MOUNT, at, stamp_of
from oracle import FORWARD, Oracle, drive, node
from small_model import write_model

from mdepth_ros.ros.conversions import pose_to_matrix, transform_to_matrix

NOISE = (0.01, 0.02)  # of the model's motion: share of the way, and rad


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('model') / 'small.safetensors'
    return write_model(path, motion_noise=NOISE)


def turn(axis: str, angle: float) -> Any:
    """A rotation as 4x4."""
    c, s = math.cos(angle), math.sin(angle)
    matrix = np.eye(4)
    i, j = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def base_motion_seen_by_camera(base: Any, mount: Any, metres_per_unit: float = 4.0) -> Any:
    """Motion of the camera, in units, when the base moves by `base` [4, 4] in metres."""
    motion = np.linalg.inv(mount) @ base @ mount
    motion[:3, 3] /= metres_per_unit
    return motion


def test_1_forward_in_the_image_is_x_of_the_base(model: Path, oracle: Oracle) -> None:
    """Rule 1 (REP-103): optical z is x of the body; covariance is row-major, about fixed axes."""
    with node(model) as (running, heard):
        drive(running, heard, 5)
        pose = pose_to_matrix(heard['/odom'][-1].pose.pose)
        np.testing.assert_allclose(pose[:3, 3], [2.0, 0, 0], atol=1e-9)
        np.testing.assert_allclose(pose[:3, :3], np.eye(3), atol=1e-9)
        covariance = np.asarray(heard['/odom'][-1].pose.covariance).reshape(6, 6)
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)


def test_1_the_covariance_is_that_of_a_cloud_of_drives(model: Path, oracle: Oracle) -> None:
    """Rule 1: position and fixed-axis rotation, compared with a Monte Carlo of the same drive."""
    rng = np.random.default_rng(0)
    step, samples = np.eye(4), []
    step[0, 3] = 0.5
    increment = np.linalg.inv(MOUNT) @ step @ MOUNT
    for _ in range(4000):
        pose = MOUNT
        for _ in range(4):
            x, y, z = rng.normal(0, NOISE[1], 3)
            error = turn('x', x) @ turn('y', y) @ turn('z', z)
            error[:3, 3] = rng.normal(0, NOISE[0] * 0.5, 3)
            pose = pose @ increment @ error
        base = pose @ np.linalg.inv(MOUNT)
        samples.append([*base[:3, 3], math.atan2(base[1, 0], base[0, 0])])
    expected = np.cov(np.array(samples).T)
    with node(model) as (running, heard):
        drive(running, heard, 5)
        covariance = np.asarray(heard['/odom'][-1].pose.covariance).reshape(6, 6)
    rows = [0, 1, 2, 5]
    got = covariance[np.ix_(rows, rows)]
    np.testing.assert_allclose(np.diag(got), np.diag(expected), rtol=0.15)
    # The base is behind the camera: y and yaw are uncertain together.
    assert got[1, 3] == pytest.approx(expected[1, 3], rel=0.2) and got[1, 3] < 0


def test_2_without_publish_tf_nothing_is_sent_on_tf(model: Path, oracle: Oracle) -> None:
    """Rule 2 (REP-105): one parent per frame; publish_tf:=false sends nothing at all."""
    with node(model, publish_tf=False) as (running, heard):
        drive(running, heard, 3, tf=False)
        running.spin(0.3)
        assert heard['/tf'] == [] and len(heard['/odom']) == 3


def test_2_tf_is_the_odometry_and_has_one_parent(model: Path, oracle: Oracle) -> None:
    """Rule 2 (REP-105): odom -> base_link, never inverted, no other transform."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        for odometry, message in zip(heard['/odom'], heard['/tf'], strict=True):
            (transform,) = message.transforms
            assert (transform.header.frame_id, transform.child_frame_id) == ('odom', 'base_link')
            np.testing.assert_array_equal(
                transform_to_matrix(transform.transform), pose_to_matrix(odometry.pose.pose)
            )


def test_3_every_output_has_the_stamp_of_the_image(model: Path, oracle: Oracle) -> None:
    """Rule 3: stamps are the image's, never now()."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        stamps = [at(n) for n in range(3)]
        for topic, messages in heard.items():
            headers = [m.transforms[0] if topic == '/tf' else m for m in messages]
            assert [stamp_of(h) for h in headers] == stamps, topic


def test_3_the_lever_arm_is_in_pose_and_twist(model: Path, oracle: Oracle) -> None:
    """Rule 3: a vehicle that turns on the spot does not move, though its camera does."""
    rate = 0.05  # rad in 0.1 s
    oracle.motion = base_motion_seen_by_camera(turn('z', rate), MOUNT)
    assert np.linalg.norm(oracle.motion[:3, 3]) > 0.01
    with node(model) as (running, heard):
        drive(running, heard, 4)
        odometry = heard['/odom'][-1]
        pose = pose_to_matrix(odometry.pose.pose)
        np.testing.assert_allclose(pose, turn('z', 3 * rate), atol=1e-9)
        twist = odometry.twist.twist
        linear = [twist.linear.x, twist.linear.y, twist.linear.z]
        angular = [twist.angular.x, twist.angular.y, twist.angular.z]
        np.testing.assert_allclose(linear, 0, atol=1e-9)
        np.testing.assert_allclose(angular, [0, 0, 10 * rate], atol=1e-9)


def test_5_the_twist_is_in_the_frame_of_the_base(model: Path, oracle: Oracle) -> None:
    """Rule 5: after a left turn the vehicle drives along +y of odom, and its twist says +x."""
    with node(model) as (running, heard):
        oracle.motion = base_motion_seen_by_camera(turn('z', math.pi / 2), MOUNT)
        drive(running, heard, 2)
        oracle.motion = FORWARD
        drive(running, heard, 2, first=2)
        odometry = heard['/odom'][-1]
        moved = pose_to_matrix(odometry.pose.pose)[:3, 3]
        np.testing.assert_allclose(moved, [0, 1.0, 0], atol=1e-9)
        twist = odometry.twist.twist.linear
        np.testing.assert_allclose([twist.x, twist.y, twist.z], [5.0, 0, 0], atol=1e-9)
        assert (odometry.header.frame_id, odometry.child_frame_id) == ('odom', 'base_link')


def test_6_covariances_are_finite_and_positive(model: Path, oracle: Oracle) -> None:
    """Rule 6: also when the pose is held; robot_localization and Nav2 refuse anything else."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        drive(running, heard, 2, first=50)  # a gap
        assert len(heard['/odom']) == 5
        for odometry in heard['/odom']:
            for covariance in (odometry.pose.covariance, odometry.twist.covariance):
                matrix = np.asarray(covariance).reshape(6, 6)
                assert np.isfinite(matrix).all() and np.abs(matrix).max() < 1e9
                assert np.linalg.eigvalsh(matrix).min() > 0
