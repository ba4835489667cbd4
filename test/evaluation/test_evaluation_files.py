# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from trajectories import write_kitti

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_matrices, read_poses, read_trajectory, write_tum
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.geometry import quaternion_from_rotation


def random_trajectory(n=40):
    random = np.random.default_rng(0)
    poses = pose_matrices(random.normal(0, 100, (n, 3)), random.normal(size=(n, 4)))
    stamps = 1_317_044_400_123_456_789 + np.arange(n, dtype=np.int64) * 103_600_001
    return Trajectory(stamps, poses)


def quaternions_of(rotations):
    return quaternion_from_rotation(torch.from_numpy(rotations)).numpy()


def test_tum_round_trip_keeps_every_nanosecond(tmp_path):
    written = random_trajectory()
    write_tum(tmp_path / 't.tum', written)
    read = read_trajectory(tmp_path / 't.tum')
    assert not read_poses(tmp_path / 't.tum', None)[1]
    np.testing.assert_array_equal(read.stamps, written.stamps)
    np.testing.assert_allclose(read.poses, written.poses, atol=1e-8)


def test_kitti_round_trip(tmp_path):
    written = random_trajectory()
    write_kitti(tmp_path / 'poses.txt', written)
    read = read_trajectory(tmp_path / 'poses.txt')
    assert read_poses(tmp_path / 'poses.txt', None)[1]
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
    back = quaternions_of(rotations)
    assert np.abs(np.sum(q * back, axis=1)) == pytest.approx(np.ones(len(q)))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'holds no pose'),
        ('# only a comment\n', 'holds no pose'),
        ('1 2 3\n', '3 columns'),
        ('1 0 0 0 0 0 0 1\n1 2\n', 'differ in the number of columns'),
        ('1 0 0 x 0 0 0 1\n', 'not a trajectory'),
        ('x 0 0 0 0 0 0 1\n', "'x' is not a time"),
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
    (tmp_path / 'binary').write_bytes(b'\x89PNG\r\n\x1a\n\x00\xff')
    with pytest.raises(MdepthError, match=r'not (a text file|UTF-8 text)'):
        read_trajectory(tmp_path / 'binary')


NAMES = '#timestamp [ns]' + ''.join(f',p_RS_R_{axis} [m]' for axis in 'xyz')
NAMES += ''.join(f',q_RS_{axis} []' for axis in 'wxyz')
MORE = ',v_RS_R_x [m s^-1],v_RS_R_y [m s^-1],v_RS_R_z [m s^-1]' + ''.join(
    f',b_{kind}_RS_S_{axis} [x]' for kind in 'wa' for axis in 'xyz'
)


def euroc_lines(trajectory, speeds=True, comma=','):
    rows = []
    quaternions = quaternions_of(trajectory.poses[:, :3, :3])
    for stamp, p, q in zip(trajectory.stamps, trajectory.positions, quaternions, strict=True):
        numbers = [*p, q[3], *q[:3], *([0.25] * 9 if speeds else [])]
        rows.append(comma.join([str(stamp), *(repr(float(x)) for x in numbers)]))
    return rows


def tum_lines(trajectory, stamps, gap=' '):
    rows = []
    quaternions = quaternions_of(trajectory.poses[:, :3, :3])
    for stamp, p, q in zip(stamps, trajectory.positions, quaternions, strict=True):
        rows.append(gap.join([str(stamp), *(repr(float(x)) for x in (*p, *q))]))
    return rows


def assert_same(read, written):
    np.testing.assert_array_equal(read.stamps, written.stamps)
    np.testing.assert_allclose(read.poses, written.poses, atol=1e-8)


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('ends', ['\n', '\r\n'])
def test_euroc_is_read_as_evo_reads_it(tmp_path, encoding, ends):
    written, path = random_trajectory(), tmp_path / 'data.csv'
    path.write_bytes(ends.join([NAMES + MORE, *euroc_lines(written)]).encode(encoding))
    assert_same(read_trajectory(path), written)
    if encoding == 'utf-8':
        evo = pytest.importorskip('evo.tools.file_interface').read_euroc_csv_trajectory(str(path))
        np.testing.assert_allclose(evo.poses_se3, written.poses, atol=1e-8)
        np.testing.assert_allclose(evo.timestamps, written.stamps / 1e9, atol=1e-6)
    assert not read_poses(path, None)[1]


def test_euroc_without_speeds_or_without_names(tmp_path):
    written, path = random_trajectory(), tmp_path / 'data.csv'
    path.write_text('\n'.join([NAMES, *euroc_lines(written, speeds=False)]))
    assert_same(read_trajectory(path), written)
    path.write_text('\n'.join(euroc_lines(written)))
    assert_same(read_trajectory(path), written)
    path.write_text('\n'.join(euroc_lines(written, speeds=False)))  # w first or last?
    with pytest.raises(MdepthError, match='first line of names'):
        read_trajectory(path)


def test_euroc_sample(data_dir):
    poses = read_trajectory(data_dir / 'euroc_v1_01' / 'groundtruth.csv')
    assert poses.stamps[0] == 1403715273262142976
    np.testing.assert_allclose(poses.positions[0], [0.878895, 2.1834, 0.948427])


@pytest.mark.parametrize('ending', ['', '.000000'])
def test_tum_in_nanoseconds(tmp_path, ending):
    written, path = random_trajectory(), tmp_path / 'f_orb.txt'
    path.write_text('\n'.join(tum_lines(written, [f'{t}{ending}' for t in written.stamps])))
    assert_same(read_trajectory(path), written)


def test_tum_shuffled_with_doubles_and_decimal_commas(tmp_path):
    written, path = random_trajectory(), tmp_path / 'f.txt'
    stamps = [f'{t // 10**9}.{t % 10**9:09d}' for t in written.stamps]
    rows = tum_lines(written, stamps)
    rows = [*rows[20:], *rows[:20], rows[3], rows[3]]
    path.write_text('\n'.join(rows))
    assert_same(read_trajectory(path), written)
    path.write_text('\n'.join(row.replace('.', ',') for row in rows))
    assert_same(read_trajectory(path), written)
    path.write_text('\n'.join(row.replace('.', ',').replace(' ', ';') for row in rows))
    assert_same(read_trajectory(path), written)


@pytest.mark.parametrize(
    'names',
    [
        'time,seq,qw,qx,qy,qz,x,y,z',
        '%time,field.header.seq,field.pose.pose.orientation.w,field.pose.pose.orientation.x,'
        'field.pose.pose.orientation.y,field.pose.pose.orientation.z,field.pose.pose.position.x,'
        'field.pose.pose.position.y,field.pose.pose.position.z',
        '# t [ns], n, rotation_w, rotation_x, rotation_y, rotation_z, tx [m], ty [m], tz [m]',
    ],
)
def test_names_decide_which_column_is_which(tmp_path, names):
    written, path = random_trajectory(), tmp_path / 'pose.csv'
    quaternions = quaternions_of(written.poses[:, :3, :3])
    rows = [names]
    for t, p, q in zip(written.stamps, written.positions, quaternions, strict=True):
        rows.append(','.join(map(str, (t, 7, q[3], *q[:3].tolist(), *p.tolist()))))
    path.write_text('\n'.join(rows))
    assert_same(read_trajectory(path), written)


def test_kitti_with_times_in_front(tmp_path):
    written, path = random_trajectory(), tmp_path / 'p.txt'
    write_kitti(path, written)
    rows = path.read_text().splitlines()
    pairs = zip(written.stamps, rows, strict=True)
    path.write_text('\n'.join(f'{t / 1e9:.6f} {row}' for t, row in pairs))
    read = read_trajectory(path)
    np.testing.assert_allclose(read.stamps, written.stamps, rtol=0, atol=2000)
    np.testing.assert_allclose(read.poses, written.poses, atol=1e-6)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('1 0 0 0 0 0 0 1\n1 1 0 0 0 0 0 1\n', '1 of 2 poses have the time of another'),
        ('1 48.1 11.5 500 90 0.1 0.2 3\n', 'line 1 has no unit quaternion'),
        ('time,x,y,z,r1,r2,r3,r4\n1,0,0,0,0,0,0,1\n', 'names no qx, qy, qz, qw'),
        ('time,x,y,z,roll,pitch,yaw\n1,0,0,0,0,0,0\n', 'names no qx, qy, qz, qw'),
        ('sec,nsec,x,y,z,qx,qy,qz,qw\n1,5,0,0,0,0,0,0,1\n', 'the time is in two columns'),
        ('1 0 0 0 2 0 0 0 1 0 0 0\n', 'line 1 holds no rotation'),
        ('0 0 0 0 0 0 0 1\n' * 2 + '1e400 0 0 0 0 0 0 1\n', 'beyond the year 2038'),
        ('1 0 0 0 0 0 0 1\n# x\n2 inf 0 0 0 0 0 1\n3 nan 0 0 0 0 0 1\n', r'line 3 .*2 such lines'),
        ('1 0 0 0 0 0 0 1\n2 1e300 0 0 0 0 0 1\n', r'line 2 is more than 1e\+07 m from the o'),
        ('1 0 0 0 0 1 0 0 0 0 1 -1e9\n', 'line 1 is more than 1e'),
        ('1 0 0 0 0 0 0 1\n2 ' + '9' * 5000 + ' 0 0 0 0 0 1\n', 'line 2 .* not finite'),
    ],
)
def test_files_that_cannot_be_a_trajectory(tmp_path, text, message):
    (tmp_path / 'bad.txt').write_text(text)
    with pytest.raises(MdepthError, match=message) as error:
        read_trajectory(tmp_path / 'bad.txt')
    assert '\n' not in str(error.value) and len(str(error.value)) < 300
