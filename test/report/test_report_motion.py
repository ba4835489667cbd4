# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories of runs against true ones of other rates, frames and files."""

import numpy as np
import pytest
from trajectories import write_kitti

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import poses_at
from mdepth_ros.evaluation.files import read_trajectory, write_tum
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.report.evaluate import evaluate_run
from mdepth_ros.report.run import Choice
from mdepth_ros.report.write import write_report


@pytest.mark.parametrize('rate', [7.0, 25.0])
def test_a_perfect_run_has_no_error_whatever_the_rate_of_the_truth(world, tmp_path, rate):
    """By the true pose nearest in time it would have up to 0.4 m at 20 m/s and 25 Hz."""
    world.record(odom=False)
    whole = world.drive()
    stamps = whole.stamps[0] + np.rint(np.arange(0, 1.1001, 1 / rate) * 1e9).astype(np.int64)
    write_tum(tmp_path / 'truth.tum', Trajectory(stamps, poses_at(whole, stamps)[1]))
    evaluation = evaluate_run(world.run(way=1.0), Choice(truth=tmp_path / 'truth.tum'))
    assert len(evaluation.motion.truth) >= 11
    # What is left: the corners of the path at its own poses, where the truth has none.
    assert evaluation.metrics['rpe_translation_percent'] < 1
    assert evaluation.metrics['ate_raw'] < 0.02


def test_a_truth_of_another_clock(world, tmp_path):
    world.record(odom=False, depth=False)
    truth = world.drive()
    write_tum(tmp_path / 'truth.tum', Trajectory(truth.stamps + 10**12, truth.poses))
    with pytest.raises(MdepthError, match=r'only 0 poses have .* \(estimate: 17.*of one clock'):
        evaluate_run(world.run(), Choice(truth=tmp_path / 'truth.tum'))


def test_trajectory_scale_and_errors(world):
    world.record()
    metrics = evaluate_run(world.run(way=0.25)).metrics
    assert metrics['trajectory_frames'] == 12
    assert metrics['trajectory_scale'] == pytest.approx(4)
    assert metrics['motion_scale'] == pytest.approx(4)
    for name in ('ate', 'ate5', 'rpe_translation', 'rpe_translation_percent', 'rpe_rotation'):
        assert metrics[name] == pytest.approx(0, abs=1e-6)
    assert metrics['rpe_translation_raw'] == pytest.approx(1.5)
    assert metrics['rpe_translation_percent_raw'] == pytest.approx(75)
    assert metrics['ate_raw'] > 3
    assert 'drift_translation' not in metrics  # 22 m are too short


def test_trajectory_of_a_run_without_odometry_topic(world):
    world.record()
    metrics = evaluate_run(world.run(odom=False, info={'base_frame': 'base_link'})).metrics
    assert metrics['trajectory_scale'] == pytest.approx(4)


def test_tum_file_as_truth(world, tmp_path):
    world.record()
    truth = world.drive()
    write_tum(tmp_path / 'truth.tum', truth)
    evaluation = evaluate_run(world.run(), Choice(truth=tmp_path / 'truth.tum'))
    assert evaluation.depth is None
    assert evaluation.metrics['ate'] == pytest.approx(0, abs=1e-6)


def test_poses_of_another_frame_are_compared_by_tf_static(world, tmp_path):
    """A KITTI file holds poses of the camera; the run estimates base_link."""
    world.record()
    truth = world.drive().of_frame(world.optical)
    first = np.linalg.inv(truth.poses[0])
    write_kitti(tmp_path / 'poses.txt', truth.moved(first))
    seconds = [f'{stamp / 1e9:.9f}' for stamp in truth.stamps]
    seconds = [f'{s // 10**9}.{s % 10**9:09d}' for s in truth.stamps.tolist()]
    (tmp_path / 'times.txt').write_text('\n'.join(seconds))
    evaluation = evaluate_run(world.run(way=1.0), Choice(truth=tmp_path / 'poses.txt'))
    assert evaluation.motion.frame == 'camera'
    for name in ('ate_raw', 'rpe_translation_raw', 'rpe_rotation'):
        assert evaluation.metrics[name] == pytest.approx(0, abs=1e-5)
    # without the transform the axes would not even be the same
    wrong = evaluate_run(
        world.out, Choice(truth=tmp_path / 'poses.txt', frame='base_link')
    ).metrics
    assert wrong['rpe_translation_raw'] > 1
    unknown = evaluate_run(world.out, Choice(truth=tmp_path / 'poses.txt', frame='nose'))
    assert 'does not connect' in unknown.motion.note


def test_kitti_sequence_as_source(world, tmp_path):
    truth = world.drive().of_frame(world.optical)
    folder = tmp_path / 'sequences' / '07'
    folder.mkdir(parents=True)
    seconds = [f'{s // 10**9}.{s % 10**9:09d}' for s in truth.stamps.tolist()]
    (folder / 'times.txt').write_text('\n'.join(seconds))
    world.run(way=1.0, info={'source': str(folder)})
    with pytest.raises(MdepthError, match=r'looked for .*poses.txt.*07.txt'):
        evaluate_run(world.out)
    (tmp_path / 'poses').mkdir()
    write_kitti(tmp_path / 'poses' / '07.txt', truth)
    assert evaluate_run(world.out).metrics['ate_raw'] == pytest.approx(0, abs=1e-5)


def test_report_of_a_trajectory_alone(world, tmp_path):
    truth = world.drive()
    long = Trajectory(truth.stamps, truth.poses.copy())
    long.poses[:, :3, 3] *= 20
    write_tum(tmp_path / 'truth.tum', long)
    evaluation = evaluate_run(world.run(), Choice(truth=tmp_path / 'truth.tum'))
    write_report(evaluation, tmp_path / 'report')
    text = (tmp_path / 'report' / 'report.md').read_text()
    assert 'Not compared: no true depth' in text
    assert '| segment, m | 100 | 200 | 300 | 400 |' in text
    assert 'errors.png' in text
    assert not (tmp_path / 'report' / 'depth.png').exists()


def test_written_trajectory_is_read_back(world):
    world.run()
    assert len(read_trajectory(world.out / 'trajectory.tum')) == 12
