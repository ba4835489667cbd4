# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motions become a trajectory without jumps, with a covariance that can be believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mdepth_ros.core.motion_noise import MotionNoise
from mdepth_ros.core.odometry import HELD_STD, LARGEST_STD, Odometry
from mdepth_ros.core.pairing import Pairing
from mdepth_ros.core.types import OPTICAL_ROTATION, Frame, FramePair, Pose, Scale
from mdepth_ros.geometry import Camera, axis_angle_from_rotation, se3_exp
from mdepth_ros.ros.conversions import pose_of_base

CAMERA = Camera(8, 6, 8.0, 8.0, 3.5, 2.5)
IMAGE = np.zeros((6, 8, 3), np.uint8)
UNIT = Scale(1.0, 0.0, 'fixed')
STRAIGHT = np.array([0.0, 0.0, 10.0, 0.0, 0.0, 0.0])
BEND = np.array([0.3, -0.1, 8.0, 0.02, 0.4, -0.05])


def moved(twist: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    result: NDArray[np.float64] = se3_exp(torch.from_numpy(twist * seconds)).numpy()
    return result


def drive(
    odometry: Odometry,
    times: list[float],
    twist: NDArray[np.float64],
    scale: Scale = UNIT,
    pairing: Pairing | None = None,
) -> list[Pose]:
    """What the odometry says of a camera that moves at a constant twist."""
    pairing = pairing or Pairing(0.1)
    poses = []
    for time in times:
        pair = pairing.pair(Frame(round(time * 1e9), IMAGE, CAMERA))
        motion = moved(twist, pair.interval)
        motion[:3, 3] /= scale.value
        poses.append(odometry.advance(motion, scale, pair))
    return poses


def at_rate(rate: float, seconds: float) -> list[float]:
    return [100 + index / rate for index in range(round(seconds * rate) + 1)]


def test_forward_along_the_optical_axis_is_x_of_odom() -> None:
    last = drive(Odometry(), at_rate(10, 1.0), STRAIGHT)[-1]
    np.testing.assert_allclose(last.pose[:3, 3], [10, 0, 0], atol=1e-9)
    np.testing.assert_allclose(last.pose[:3, :3], OPTICAL_ROTATION[:3, :3], atol=1e-12)
    np.testing.assert_allclose(last.twist, STRAIGHT, atol=1e-6)
    assert last.status == 'tracking'


def test_turning_right_in_the_image_is_clockwise_in_odom() -> None:
    # A positive rotation about y (down) turns the camera to its right.
    last = drive(Odometry(), at_rate(10, 1.0), np.array([0, 0, 5.0, 0, 0.3, 0]))[-1]
    forward = last.pose[:3, 2]
    assert math.atan2(forward[1], forward[0]) == pytest.approx(-0.3)
    assert last.pose[1, 3] < 0


@pytest.mark.parametrize('rate', [20, 30, 60])
def test_a_fast_camera_gives_the_same_path(rate: float) -> None:
    slow = drive(Odometry(), at_rate(10, 3.0), BEND)[-1]
    fast = drive(Odometry(), at_rate(rate, 3.0), BEND)[-1]
    np.testing.assert_allclose(slow.pose, OPTICAL_ROTATION @ moved(BEND, 3.0), atol=1e-7)
    np.testing.assert_allclose(fast.pose, slow.pose, atol=1e-6)
    # It sees the same road: no more and no less certain than the slow one.
    ratio = np.diag(fast.pose_covariance) / np.diag(slow.pose_covariance)
    assert np.all((ratio > 0.8) & (ratio < 1.25))


def test_without_overlap_the_path_is_the_product_of_the_motions() -> None:
    generator = np.random.default_rng(1)
    pairing, odometry, product = Pairing(0.1), Odometry(np.eye(4)), np.eye(4)
    for index in range(20):
        motion = moved(generator.normal(size=6) * [0.1, 0.1, 1, 0.1, 0.1, 0.1], 1.0)
        pair = pairing.pair(Frame(index * 100_000_000, IMAGE, CAMERA))
        pose = odometry.advance(motion, UNIT, pair)
        product = product @ motion if index else product
        np.testing.assert_array_equal(pose.pose, product)


def test_a_circle_closes() -> None:
    circle = np.array([0, 0, 5.0, 0, 2 * math.pi / 8, 0])
    poses = drive(Odometry(), at_rate(10, 8.0), circle)
    np.testing.assert_allclose(poses[-1].pose, poses[0].pose, atol=1e-9)
    diameter = np.linalg.norm(poses[40].pose[:3, 3] - poses[0].pose[:3, 3])
    assert diameter == pytest.approx(2 * 5.0 / (2 * math.pi / 8))


def test_a_gap_holds_the_pose_and_goes_on_from_it() -> None:
    times = [0.0, 0.1, 0.2, 2.0, 2.1]
    poses = drive(Odometry(), times, STRAIGHT)
    assert [pose.status for pose in poses] == ['held', *['tracking'] * 2, 'held', 'tracking']
    np.testing.assert_array_equal(poses[3].pose, poses[2].pose)
    np.testing.assert_array_equal(poses[3].twist, np.zeros(6))
    np.testing.assert_allclose(poses[4].pose[:3, 3], [3, 0, 0], atol=1e-9)
    # At 10 m/s for 1.8 s it may be 18 m further; nobody knows how fast it is now.
    assert math.sqrt(poses[3].pose_covariance[0, 0]) == pytest.approx(18, rel=0.01)
    assert poses[3].twist_covariance[0, 0] > 100 * poses[2].twist_covariance[0, 0]


def test_what_is_lost_while_held_adds_up_as_one_motion() -> None:
    """A vehicle that drives on for three held frames is as far as after one long gap."""
    odometry = Odometry()
    narrow = Pairing(0.1, 0.01)
    poses = drive(odometry, [0.0, 0.1, 0.2, 0.7, 1.2, 1.7], STRAIGHT, pairing=narrow)
    assert [pose.status for pose in poses[3:]] == ['held'] * 3
    assert math.sqrt(poses[-1].pose_covariance[0, 0]) == pytest.approx(15, rel=0.02)


def test_a_pair_over_held_frames_covers_all_of_its_time() -> None:
    times = [0.0, 0.03, 0.06, 0.09, 0.12]
    poses = drive(Odometry(), times, STRAIGHT, pairing=Pairing(0.1, 0.02))
    assert [pose.status for pose in poses] == ['held'] * 3 + ['tracking'] * 2
    assert [pose.pose[0, 3] for pose in poses[2:]] == pytest.approx([0.0, 0.9, 1.2])


def test_time_that_runs_backward_does_not_move_the_pose() -> None:
    poses = drive(Odometry(), [10.0, 10.1, 10.2, 4.0, 4.1], STRAIGHT)
    assert poses[3].status == 'held'
    np.testing.assert_array_equal(poses[3].pose, poses[2].pose)
    np.testing.assert_allclose(poses[4].pose[:3, 3], [3, 0, 0], atol=1e-9)


def test_late_frames_change_nothing() -> None:
    """The way is that of the clock: 10 m/s for 0.8 s, whatever the order of arrival."""
    ordered = drive(Odometry(), [0.0, 0.1, 0.3, 0.4, 0.5, 0.7, 0.8], STRAIGHT)
    odometry, times = Odometry(), [0.0, 0.1, 0.3, 0.2, 0.4, 0.5, 0.7, 0.6, 0.6, 0.8]
    poses = drive(odometry, times, STRAIGHT)
    assert [i for i, pose in enumerate(poses) if pose.status == 'held'] == [0, 3, 7, 8]
    assert poses[-1].pose[0, 3] == pytest.approx(8.0)
    np.testing.assert_array_equal(poses[3].pose, poses[2].pose)
    np.testing.assert_array_equal(poses[3].pose_covariance, poses[2].pose_covariance)
    np.testing.assert_array_equal(poses[-1].pose_covariance, ordered[-1].pose_covariance)
    assert poses[3].twist_covariance[0, 0] == HELD_STD[0] ** 2


def at_steps(
    odometry: Odometry, times: list[float], twist_at: Callable[[float], NDArray[np.float64]]
) -> list[Pose]:
    """What is said by networks that take so long: each pair is of 0.1 s, with time between them.

    twist_at  the twist in the middle of a pair
    """
    first = Frame(round(times[0] * 1e9), IMAGE, CAMERA)
    poses = [odometry.advance(np.eye(4), UNIT, FramePair(first, first, 'first frame'))]
    for time in times[1:]:
        before, now = (Frame(round(t * 1e9), IMAGE, CAMERA) for t in (time - 0.1, time))
        motion = moved(twist_at(time - 0.05), 0.1)
        poses.append(odometry.advance(motion, UNIT, FramePair(now, before, '', 0.1)))
    return poses


@pytest.mark.parametrize('step', [0.2, 0.5, 1.9])
def test_slow_networks_cover_the_whole_path(step: float) -> None:
    times = [50 + index * step for index in range(9)]
    poses = at_steps(Odometry(), times, lambda time: BEND)
    assert [pose.status for pose in poses] == ['held'] + ['tracking'] * 8
    np.testing.assert_allclose(poses[-1].pose, OPTICAL_ROTATION @ moved(BEND, 8 * step), atol=1e-6)


def test_a_constant_acceleration_between_slow_pairs_is_no_error() -> None:
    # v(t) = 2 t along z: from 1 s to 5 s it is 5^2 - 1^2 = 24 m.
    times = [1 + 0.5 * index for index in range(9)]
    poses = at_steps(Odometry(), times, lambda time: np.array([0, 0, 2 * time, 0, 0, 0]))
    # Before the first pair no velocity is known: that one covers its step alone.
    known = 24 - (1.5**2 - 1**2)
    travelled = poses[-1].pose[0, 3] - poses[1].pose[0, 3]
    assert travelled == pytest.approx(known, abs=1e-6)


def test_the_covariance_grows_with_the_unseen_share() -> None:
    def std(step: float, twist_at: Callable[[float], NDArray[np.float64]]) -> float:
        times = [step * index for index in range(round(6 / step) + 1)]
        covariance = at_steps(Odometry(), times, twist_at)[-1].pose_covariance
        return math.sqrt(covariance[0, 0])

    steady = [std(step, lambda time: STRAIGHT) for step in (0.1, 0.2, 0.5, 1.0, 2.0)]
    assert all(slower > 1.2 * faster for faster, slower in pairwise(steady))
    # 10 m/s, 10 % of each 0.1 m/0.1 s pair: 60 pairs see 6 s; 12 pairs see a fifth of it.
    assert steady[0] == pytest.approx(0.1 * math.sqrt(60), rel=0.05)
    assert steady[2] == pytest.approx(math.sqrt(12) * 0.5, rel=0.05)
    # Stop and go: half of the change, for as long as nobody looked.
    wild = std(0.5, lambda time: STRAIGHT * (1 + round(2 * time) % 2))
    assert wild > 2 * steady[2]


def test_more_unseen_time_than_can_be_bridged_is_held() -> None:
    poses = at_steps(Odometry(), [0.0, 0.1, 0.2, 4.3, 4.8], lambda time: STRAIGHT)
    assert [pose.pose[0, 3] for pose in poses] == pytest.approx([0, 1, 2, 3, 8])
    assert math.sqrt(poses[3].pose_covariance[0, 0]) == pytest.approx(40, rel=0.01)


def test_the_loop_of_a_bag_is_no_drive() -> None:
    """REP-105: odom is continuous. A minute backward is not a minute of driving unseen."""
    odometry, pairing = Odometry(), Pairing(0.1)
    minute = at_rate(10, 60.0)
    before = drive(odometry, minute, STRAIGHT, pairing=pairing)[-1]
    after = drive(odometry, minute[:2], STRAIGHT, pairing=pairing)
    assert [pose.status for pose in after] == ['held', 'tracking']
    np.testing.assert_array_equal(after[0].pose, before.pose)
    std = [math.sqrt(pose.pose_covariance[0, 0]) for pose in (before, after[0], after[1])]
    assert std[0] < std[1] < std[0] + 1.0  # one pair's way, 1 m, at the most
    assert std[2] < std[0] + 1.0
    # A slow run does not take the first frame of the new round: the pair is one at once.
    here, there = (Frame(round(t * 1e9), IMAGE, CAMERA) for t in (30.0, 30.1))
    pair = FramePair(there, here, '', 0.1)
    slow = odometry.advance(moved(STRAIGHT, 0.1), UNIT, pair)
    assert slow.status == 'tracking'
    assert slow.pose[0, 3] - after[1].pose[0, 3] == pytest.approx(1.0)
    assert math.sqrt(slow.pose_covariance[0, 0]) < std[0] + 2.0


def test_reset_and_initial_pose() -> None:
    start = moved(np.array([1.0, 2.0, 3.0, 0.1, 0.2, 0.3]), 1.0)
    odometry = Odometry(start)
    drive(odometry, at_rate(10, 1.0), BEND)
    odometry.reset()
    first = drive(odometry, [500.0], BEND)[0]
    np.testing.assert_array_equal(first.pose, start)
    assert first.pose_covariance[0, 0] < 1e-5


def test_reset_on_the_road_counts_from_the_last_frame() -> None:
    odometry, pairing = Odometry(np.eye(4)), Pairing(0.1)
    drive(odometry, at_rate(30, 1.0), STRAIGHT, pairing=pairing)
    odometry.reset()
    pose = drive(odometry, [101 + 1 / 30], STRAIGHT, pairing=pairing)[0]
    np.testing.assert_allclose(pose.pose[:3, 3], [0, 0, 10 / 30], atol=1e-6)


def test_scale_makes_metres_and_its_spread_grows_with_the_distance() -> None:
    exact = drive(Odometry(), at_rate(10, 10.0), STRAIGHT, Scale(4.0, 0.0, 'fixed'))[-1]
    unsure = drive(Odometry(), at_rate(10, 10.0), STRAIGHT, Scale(4.0, 0.4, 'fixed'))[-1]
    np.testing.assert_allclose(exact.pose[:3, 3], [100, 0, 0], atol=1e-7)
    more = unsure.pose_covariance - exact.pose_covariance
    expected = np.zeros((6, 6))
    expected[0, 0] = 10.0**2
    np.testing.assert_allclose(more, expected, atol=1e-6)
    assert unsure.twist_covariance[2, 2] - exact.twist_covariance[2, 2] == pytest.approx(1.0)


def test_covariance_is_that_of_the_noise_that_it_names() -> None:
    """Against 4000 simulated drives whose motions have the noise of the model."""
    steps, relative, rotation = 30, 0.05, 0.004
    last = drive(
        Odometry(noise=MotionNoise.simple(relative, rotation)), at_rate(10, steps / 10), BEND
    )[-1]
    generator = torch.Generator().manual_seed(0)
    std = torch.tensor([relative * float(np.linalg.norm(BEND[:3])) * 0.1] * 3 + [rotation] * 3)
    motion = torch.from_numpy(moved(BEND, 0.1))
    poses = torch.from_numpy(OPTICAL_ROTATION).expand(4000, 4, 4)
    for _ in range(steps):
        noise = torch.randn(4000, 6, generator=generator, dtype=torch.float64) * std
        poses = poses @ motion @ se3_exp(noise)
    true = torch.from_numpy(last.pose)
    turned = axis_angle_from_rotation(poses[:, :3, :3] @ true[:3, :3].T)
    errors = torch.cat([poses[:, :3, 3] - true[:3, 3], turned], 1)
    sampled = torch.cov(errors.T).numpy()
    size = np.sqrt(np.diag(sampled))
    np.testing.assert_allclose(
        last.pose_covariance / np.outer(size, size), sampled / np.outer(size, size), atol=0.1
    )


def test_covariances_stay_finite_symmetric_positive_and_bounded() -> None:
    generator = np.random.default_rng(0)
    odometry, pairing, time = Odometry(), Pairing(0.1), 0
    for index in range(400):
        # Jumps of the clock, gaps, wild motions, then hours of standing still.
        time += round(generator.choice([0.1, 0.1, 0.033, 0.2, 5.0, 0.0, -1.0]) * 1e9)
        wild = generator.normal(size=6) * ([30, 30, 300, 1, 1, 1] if index % 3 else [0] * 6)
        pair = pairing.pair(Frame(time, IMAGE, CAMERA))
        pose = odometry.advance(moved(wild, 1.0), Scale(2.0, 0.5, 'fixed'), pair)
        for covariance in (pose.pose_covariance, pose.twist_covariance):
            assert np.all(np.isfinite(covariance))
            np.testing.assert_array_equal(covariance, covariance.T)
            size = np.sqrt(np.diag(covariance))
            assert np.linalg.eigvalsh(covariance / np.outer(size, size)).min() > -1e-9
            assert size.min() > 0
        assert np.all(np.sqrt(np.diag(pose.pose_covariance)) <= LARGEST_STD * (1 + 1e-9))


def test_another_camera_of_the_same_vehicle_goes_on_from_where_the_base_is() -> None:
    """The frame_id changed: neither the base nor what is known of it may jump."""
    front = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    rear = np.array([[0.0, 0, -1, -2], [1, 0, 0, 0.3], [0, -1, 0, 1.0], [0, 0, 0, 1]])
    odometry, pairing = Odometry(front), Pairing(0.1)
    before = drive(odometry, [0.0, 0.1, 0.2], BEND, pairing=pairing)[-1]
    odometry.remount(np.linalg.inv(front) @ rear)
    after = drive(odometry, [0.2], BEND, pairing=pairing)[-1]  # the same stamp: held
    was = pose_of_base(before.pose, before.pose_covariance, front)
    now = pose_of_base(after.pose, after.pose_covariance, rear)
    np.testing.assert_allclose(now[0], was[0], atol=1e-12)
    np.testing.assert_allclose(now[1], was[1], atol=1e-9)
    # The camera at the rear looks back: it sees the vehicle drive away from what it looks at.
    back = drive(odometry, [0.3], -STRAIGHT, pairing=pairing)[-1]
    moved_base = pose_of_base(back.pose, back.pose_covariance, rear)[0]
    np.testing.assert_allclose(np.linalg.inv(now[0]) @ moved_base, [
        [1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]
    ], atol=1e-9)  # fmt: skip


def test_the_end_of_a_drive_is_as_far_off_as_its_covariance_says() -> None:
    """Scale and motions that are off by their spreads: normalised errors of 120 end positions."""
    generator = np.random.default_rng(0)
    noise, spread, normalised = MotionNoise.simple(0.02, 0.003), 0.1, []
    for number in range(120):
        scale = Scale(4.0, 4.0 * spread * (number % 2), 'fixed')
        wrong = math.exp(generator.normal(0, spread)) if number % 2 else 1.0
        odometry, pairing = Odometry(noise=noise), Pairing(0.1)
        truth = OPTICAL_ROTATION.copy()
        for index, time in enumerate(at_rate(10, 1.5)):
            pair = pairing.pair(Frame(round(time * 1e9), IMAGE, CAMERA))
            true = moved(BEND, 0.1)
            off = generator.normal(size=6) * noise.std(0.2, 0.04) * ([4.0] * 3 + [1.0] * 3)
            seen = true @ moved(off, 1.0)
            seen[:3, 3] *= wrong / scale.value
            last = odometry.advance(seen, scale, pair)
            truth = truth @ true if index else truth
        error = last.pose[:3, 3] - truth[:3, 3]
        normalised.append(error @ np.linalg.solve(last.pose_covariance[:3, :3], error) / 3)
    assert np.mean(normalised[::2]) == pytest.approx(1.0, abs=0.25)
    assert np.mean(normalised[1::2]) == pytest.approx(1.0, abs=0.25)
