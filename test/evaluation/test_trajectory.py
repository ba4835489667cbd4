# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from trajectories import associate

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.evaluation.trajectory import (
    Statistics,
    Trajectory,
    absolute_errors,
    align,
    inverse,
    relative_errors,
    rotation_angle,
    umeyama,
)


def rotation(axis, angle):
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def random_drive(n=60, seed=0):
    """A winding trajectory in three dimensions."""
    random = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(n - 1):
        motion = np.eye(4)
        motion[:3, :3] = rotation(random.normal(size=3), random.normal(0, 0.1))
        motion[:3, 3] = random.normal([1, 0, 0], 0.1)
        poses.append(poses[-1] @ motion)
    return Trajectory(np.arange(n, dtype=np.int64) * 100_000_000, np.array(poses))


TRANSFORM = np.eye(4)
TRANSFORM[:3, :3] = rotation([1, 2, 3], 2.5)
TRANSFORM[:3, 3] = [5, -2, 7]


@pytest.mark.parametrize('angle', [0.0, 1e-9, 1e-4, 1.0, np.pi - 1e-6, np.pi])
def test_rotation_angle(angle):
    assert rotation_angle(rotation([0.3, -2, 1], angle)) == pytest.approx(
        np.degrees(angle), rel=1e-6, abs=1e-13
    )


@pytest.mark.parametrize('with_scale', [False, True])
def test_umeyama_recovers_a_similarity(with_scale):
    points = np.random.default_rng(0).normal(size=(50, 3))
    scale = 2.5 if with_scale else 1.0
    target = scale * points @ TRANSFORM[:3, :3].T + TRANSFORM[:3, 3]
    found, transform = umeyama(points, target, with_scale)
    assert found == pytest.approx(scale)
    np.testing.assert_allclose(transform, TRANSFORM, atol=1e-12)


def test_umeyama_never_reflects():
    points = np.random.default_rng(0).normal(size=(50, 3))
    for target in (points * [1, 1, -1], points * [1, 1, 0]):
        assert np.linalg.det(umeyama(points, target, True)[1][:3, :3]) == pytest.approx(1)


def test_alignments_undo_what_they_are_for():
    truth = random_drive()
    turned = truth.moved(TRANSFORM)
    scaled = truth.moved(TRANSFORM, 0.3)
    for alignment in ('first', 'se3', 'sim3', 'scale'):
        aligned, scale = align(turned, truth, alignment)
        assert absolute_errors(aligned, truth).max() < 1e-9
        assert scale == pytest.approx(1)
    for alignment in ('sim3', 'scale'):
        aligned, scale = align(scaled, truth, alignment)
        assert absolute_errors(aligned, truth).max() < 1e-9
        assert scale == pytest.approx(1 / 0.3)
        np.testing.assert_allclose(aligned.poses, truth.poses, atol=1e-9)
    assert align(scaled, truth, 'none')[0] is scaled


def test_relative_errors_do_not_see_the_fixed_frame_but_the_moving_one():
    truth, estimate = random_drive(), random_drive(seed=1)
    here = relative_errors(estimate, truth)
    there = relative_errors(estimate.moved(TRANSFORM), truth)
    np.testing.assert_allclose(here, there, atol=1e-9)
    other = relative_errors(truth.of_frame(TRANSFORM), truth)[0]
    assert other.max() > 1
    back = truth.of_frame(TRANSFORM).of_frame(inverse(TRANSFORM))
    np.testing.assert_allclose(back.poses, truth.poses, atol=1e-9)


def test_statistics_by_hand():
    statistics = Statistics.of(np.array([0.0, 3.0, 0.0, 1.0]))
    assert statistics == Statistics(rmse=np.sqrt(2.5), mean=1.0, median=0.5, max=3.0)
    with pytest.raises(MdepthError):
        Statistics.of(np.array([]))


# --- evo judges ------------------------------------------------------------------------------


def evo_trajectory(trajectory):
    pytest.importorskip('evo')
    from evo.core.trajectory import PoseTrajectory3D

    return PoseTrajectory3D(poses_se3=list(trajectory.poses), timestamps=trajectory.stamps / 1e9)


@pytest.fixture(
    params=['freiburg1_xyz-rgbdslam.txt', 'freiburg1_xyz-rgbdslam_drift.txt', 'KITTI_00_ORB.txt']
)
def pair(request, data_dir):
    folder = data_dir / 'trajectories'
    if request.param.startswith('KITTI'):
        times = folder / 'KITTI_00_gt_times.txt'
        estimate = read_trajectory(folder / request.param, times)
        truth = read_trajectory(folder / 'kitti_gt' / '00.txt', times)
    else:
        estimate = read_trajectory(folder / request.param)
        truth = read_trajectory(folder / 'freiburg1_xyz-groundtruth.txt')
    return associate(estimate, truth)


@pytest.mark.parametrize('alignment', ['none', 'first', 'se3', 'sim3'])
def test_ate_is_evos(pair, alignment):
    pytest.importorskip('evo')
    from evo.core import metrics

    estimate, truth = pair
    theirs, reference = evo_trajectory(estimate), evo_trajectory(truth)
    if alignment == 'first':
        theirs.align_origin(reference)
    elif alignment != 'none':
        theirs.align(reference, correct_scale=alignment == 'sim3')
    metric = metrics.APE(metrics.PoseRelation.translation_part)
    metric.process_data((reference, theirs))
    aligned, _ = align(estimate, truth, alignment)
    ours = Statistics.of(absolute_errors(aligned, truth))
    for name, value in metric.get_all_statistics().items():
        if hasattr(ours, name):
            assert getattr(ours, name) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize('alignment', ['none', 'sim3'])
def test_rpe_is_evos(pair, alignment):
    pytest.importorskip('evo')
    from evo.core import metrics

    estimate, truth = pair
    theirs, reference = evo_trajectory(estimate), evo_trajectory(truth)
    if alignment != 'none':
        theirs.align(reference, correct_scale=alignment == 'sim3')
    aligned, _ = align(estimate, truth, alignment)
    translation, angle = relative_errors(aligned, truth)
    for relation, ours in (
        (metrics.PoseRelation.translation_part, translation),
        (metrics.PoseRelation.rotation_angle_deg, angle),
    ):
        metric = metrics.RPE(
            relation, 1, metrics.Unit.frames, all_pairs=True, pairs_from_reference=True
        )
        metric.process_data((reference, theirs))
        assert len(ours) == len(metric.error)
        values = metric.get_all_statistics()
        statistics = Statistics.of(ours)
        for name in ('rmse', 'mean', 'median', 'max'):
            assert getattr(statistics, name) == pytest.approx(values[name], rel=1e-6, abs=1e-9)
