# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import (
    Trajectory,
    layout,
    pose_matrices,
    read_trajectory,
    write_kitti,
    write_tum,
)
from mdepth_ros.evaluation.files import quaternions_from_rotations


def random_trajectory(n=40):
    random = np.random.default_rng(0)
    poses = pose_matrices(random.normal(0, 100, (n, 3)), random.normal(size=(n, 4)))
    stamps = 1_317_044_400_123_456_789 + np.arange(n, dtype=np.int64) * 103_600_001
    return Trajectory(stamps, poses)


def test_tum_round_trip_keeps_every_nanosecond(tmp_path):
    written = random_trajectory()
    write_tum(tmp_path / 't.tum', written)
    read = read_trajectory(tmp_path / 't.tum')
    assert layout(tmp_path / 't.tum') == 'tum'
    np.testing.assert_array_equal(read.stamps, written.stamps)
    np.testing.assert_allclose(read.poses, written.poses, atol=1e-8)


def test_kitti_round_trip(tmp_path):
    written = random_trajectory()
    write_kitti(tmp_path / 'poses.txt', written)
    read = read_trajectory(tmp_path / 'poses.txt')
    assert layout(tmp_path / 'poses.txt') == 'kitti'
    assert read.stamps[:3].tolist() == [0, 100_000_000, 200_000_000]
    np.testing.assert_allclose(read.poses, written.poses, atol=1e-6)


def test_kitti_with_frame_indices_and_times(tmp_path):
    pose = ' '.join(['1 0 0 5', '0 1 0 0', '0 0 1 0'])
    (tmp_path / 'p.txt').write_text(f'3 {pose}\n1 {pose}\n')
    (tmp_path / 'times.txt').write_text('0.0\n1.037359e-01\n0.2\n0.3\n')
    read = read_trajectory(tmp_path / 'p.txt', tmp_path / 'times.txt')
    assert read.stamps.tolist() == [103_735_900, 300_000_000]
    assert read_trajectory(tmp_path / 'p.txt').stamps.tolist() == [100_000_000, 300_000_000]
    (tmp_path / 'times.txt').write_text('0.0\n0.1\n')
    with pytest.raises(MdepthError, match='up to frame 3'):
        read_trajectory(tmp_path / 'p.txt', tmp_path / 'times.txt')


def test_our_files_are_read_by_evo(tmp_path):
    file_interface = pytest.importorskip('evo.tools.file_interface')
    written = random_trajectory()
    write_tum(tmp_path / 't.tum', written)
    write_kitti(tmp_path / 'p.txt', written)
    tum = file_interface.read_tum_trajectory_file(str(tmp_path / 't.tum'))
    kitti = file_interface.read_kitti_poses_file(str(tmp_path / 'p.txt'))
    np.testing.assert_allclose(tum.poses_se3, written.poses, atol=1e-8)
    np.testing.assert_allclose(kitti.poses_se3, written.poses, atol=1e-6)


def test_quaternions_near_half_turns():
    axes = np.concatenate([np.eye(3), [[1, 1, 1], [1, -2, 0.1], [0, 1e-3, 1]]])
    q = np.concatenate([np.c_[axes, np.zeros(6)], np.c_[axes, np.full(6, 1e-9)], np.eye(4)])
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    rotations = pose_matrices(np.zeros((len(q), 3)), q)[:, :3, :3]
    back = quaternions_from_rotations(rotations)
    assert np.abs(np.sum(q * back, axis=1)) == pytest.approx(np.ones(len(q)))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'holds no pose'),
        ('# only a comment\n', 'holds no pose'),
        ('1 2 3\n', '3 columns'),
        ('1 0 0 0 0 0 0 1\n1 2\n', 'differ in the number of columns'),
        ('1 0 0 x 0 0 0 1\n', 'not a trajectory'),
        ('x 0 0 0 0 0 0 1\n', 'not a trajectory'),
        ('1 0 0 0 0 0 0 0\n', 'quaternion of length zero'),
        ('1 0 0 nan 0 0 0 1\n', 'not finite'),
    ],
)
def test_bad_files_say_so_in_one_line(tmp_path, text, message):
    (tmp_path / 'bad.txt').write_text(text)
    with pytest.raises(MdepthError, match=message) as error:
        read_trajectory(tmp_path / 'bad.txt')
    assert '\n' not in str(error.value)


def test_missing_file_and_binary_file(tmp_path):
    with pytest.raises(MdepthError, match='cannot read trajectory'):
        read_trajectory(tmp_path / 'none.txt')
    (tmp_path / 'binary').write_bytes(b'\xff\xfe\x00\x81')
    with pytest.raises(MdepthError, match='not a text file'):
        read_trajectory(tmp_path / 'binary')
