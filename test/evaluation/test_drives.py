# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from trajectories import associate

from mdepth_ros.evaluation.drives import (
    KITTI_LENGTHS,
    MotionErrors,
    five_frame_errors,
    kitti_drift,
    relative_motion_errors,
)
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.evaluation.trajectory import Trajectory, align, inverse


def yaw(angle):
    """About y, the vertical axis of a camera."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def motion(z, angle=0.0, x=0.0):
    result = np.eye(4)
    result[:3, :3] = yaw(angle)
    result[:3, 3] = [x, 0, z]
    return result


def drive(motions):
    poses = [np.eye(4)]
    for m in motions:
        poses.append(poses[-1] @ m)
    return Trajectory(np.arange(len(poses)) * 10**8, np.array(poses))


def test_scale_error_is_translation_drift():
    truth = drive([motion(1.0)] * 1000)
    drift = kitti_drift(drive([motion(1.03)] * 1000), truth)
    # a segment ends at the first pose *beyond* its length: L + 1 metres here, divided by L
    for length in KITTI_LENGTHS:
        translation, rotation = drift.by_length()[length]
        assert translation == pytest.approx(3 * (length + 1) / length)
        assert rotation == pytest.approx(0, abs=1e-6)
    starts = [len(range(0, 1001 - length - 1, 10)) for length in KITTI_LENGTHS]
    assert len(drift) == sum(starts)
    # fine steps: 3 % whatever the length
    fine = kitti_drift(drive([motion(0.0103)] * 11000), drive([motion(0.01)] * 11000), (100,))
    assert fine.translation == pytest.approx(3, rel=1e-3)


def test_yaw_drift_is_degrees_per_100_metres():
    truth = drive([motion(1.0)] * 500)
    estimate = drive([motion(1.0, math.radians(0.02))] * 500)  # 2 degrees per 100 m
    drift = kitti_drift(estimate, truth, (100, 200))
    for length, (_, rotation) in drift.by_length().items():
        assert rotation == pytest.approx(2 * (length + 1) / length, rel=1e-6)
    # the estimate bends: 101 steps of 1 m, each turned a little further, against the straight line
    heading = np.radians(0.02) * np.arange(101)
    error = math.hypot(np.sin(heading).sum(), 101 - np.cos(heading).sum())
    assert drift.by_length()[100][0] == pytest.approx(error)


def test_drift_does_not_see_a_rigid_move_and_scale_alignment_removes_scale():
    random = np.random.default_rng(0)
    truth = drive([motion(1.0, a) for a in random.normal(0, 0.02, 400)])
    assert kitti_drift(truth.moved(motion(3, 1.0, 2)), truth).translation < 1e-9
    shrunk = truth.moved(motion(3, 1.0, 2), 0.1)
    assert kitti_drift(shrunk, truth).translation > 50
    for alignment in ('scale', 'sim3'):
        aligned, scale = align(shrunk, truth, alignment)
        assert scale == pytest.approx(10)
        assert kitti_drift(aligned, truth).translation < 1e-6


def test_drift_of_a_short_drive_is_nan():
    drift = kitti_drift(drive([motion(1.0)] * 50), drive([motion(1.0)] * 50))
    assert len(drift) == 0
    assert math.isnan(drift.translation)
    assert drift.by_length() == {}


@pytest.mark.parametrize(
    ('sequence', 'poses', 'translation', 'rotation'),
    [('09', 1589, 2.87, 0.25), ('10', 1197, 3.33, 0.31)],
)
def test_drift_of_a_learned_odometry(data_dir, sequence, poses, translation, rotation, capsys):
    """The numbers are our own, kept so that a change is seen; what is known is tested above."""
    folder = data_dir / 'trajectories'
    truth = read_trajectory(folder / 'kitti_gt' / f'{sequence}.txt')
    estimate, truth = associate(read_trajectory(folder / 'learned_vo' / f'{sequence}.txt'), truth)
    assert len(estimate) == poses  # the estimate starts late: its leading column says where
    with capsys.disabled():
        for alignment in ('none', 'scale', 'sim3'):
            aligned, scale = align(estimate, truth, alignment)
            drift = kitti_drift(aligned, truth)
            print(
                f'\nlearned VO {sequence}, {alignment:5}: {drift.translation:6.2f} %, '
                f'{drift.rotation:.2f} deg/100 m, scale {scale:.3f}',
                end='',
            )
    assert drift.translation == pytest.approx(translation, abs=0.01)
    assert drift.rotation == pytest.approx(rotation, abs=0.01)


def test_five_frames_by_hand():
    truth = np.array([motion(1.0)] * 4)
    estimate = np.array([motion(2.0)] * 3 + [motion(4.0)])
    # g = 0 1 2 3 4, p = 0 2 4 6 10: scale = (2+8+18+40) / (4+16+36+100) = 68/156
    s = 68 / 156
    squares = (1 - 2 * s) ** 2 + (2 - 4 * s) ** 2 + (3 - 6 * s) ** 2 + (4 - 10 * s) ** 2
    assert five_frame_errors(estimate, truth) == pytest.approx([math.sqrt(squares) / 5])


def test_five_frames_starts_and_scale():
    random = np.random.default_rng(0)
    truth = np.array([motion(1.0, a) for a in random.normal(0, 0.02, 9)])
    estimate = truth.copy()
    estimate[:, :3, 3] *= 0.2
    errors = five_frame_errors(estimate, truth)
    assert len(errors) == 6
    assert errors.max() < 1e-12  # every window has its own scale
    still = np.broadcast_to(np.eye(4), truth.shape)
    assert five_frame_errors(still, truth)[0] > 1  # standing estimate: no scale, full error
    assert len(five_frame_errors(estimate[:3], truth[:3])) == 0


def test_motions_of_a_trajectory_are_its_steps():
    steps = np.array([motion(1.0, 0.1), motion(2.0, -0.3), motion(0.5, 0.0, 0.2)])
    np.testing.assert_allclose(drive(steps).motions, steps, atol=1e-12)


def test_relative_motion_errors_by_hand():
    truth = np.array([motion(1.0), motion(3.0)])
    estimate = np.array([motion(0.5, math.radians(1)), motion(1.0, math.radians(-3))])
    errors, scale = relative_motion_errors(estimate, truth)
    assert scale == pytest.approx((0.5 + 3) / (0.25 + 1))  # 2.8
    assert errors.translation == pytest.approx([0.4, 0.2])
    assert errors.translation_percent == pytest.approx(100 * 0.6 / 4)
    assert errors.rotation_deg == pytest.approx(2)
    given, scale = relative_motion_errors(estimate, truth, scale=2.0)
    assert scale == 2.0
    assert given.translation == pytest.approx([0, 1])
    pooled = MotionErrors.pooled([errors, given])
    assert pooled.translation_percent == pytest.approx(100 * 1.6 / 8)
    assert pooled.rotation_deg == pytest.approx(2)


def test_inverse():
    m = motion(1.0, 0.4, 2.0)
    np.testing.assert_allclose(inverse(m) @ m, np.eye(4), atol=1e-15)
