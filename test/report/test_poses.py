# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""True poses of the camera at the times of images, from bags and pose files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recordings import OPTICAL, drive, static_transforms, write_ros2
from trajectories import write_kitti

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import AT_ONCE, LONGEST_HOLE, pose_at, poses_at
from mdepth_ros.evaluation.files import pose_matrices, write_tum
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.geometry import se3_exp
from mdepth_ros.report.poses import camera_poses
from mdepth_ros.sources import open_source

TENTH = 100_000_000
TWIST = torch.tensor([0.5, -0.2, 8.0, 0.05, 0.4, -0.1], dtype=torch.float64)
MOUNT = pose_matrices(np.array([[1.0, 0.0, 1.5]]), np.array([OPTICAL]))[0]


def path(count: int = 6, start: int = 1000 * TENTH) -> Trajectory:
    """A constant twist, at 10 Hz from 100 s on as `recordings.drive`."""
    times = torch.arange(count, dtype=torch.float64)[:, None] / 10
    stamps = start + TENTH * np.arange(count, dtype=np.int64)
    return Trajectory(stamps, se3_exp(TWIST * times).numpy())


def test_between_two_poses_the_twist_is_constant() -> None:
    truth = path()
    for share in (0.0, 0.3, 1.0, 2.75, 5.0):
        pose = pose_at(truth, 1000 * TENTH + round(share * TENTH))
        assert pose is not None
        np.testing.assert_allclose(pose, se3_exp(TWIST * (share / 10)).numpy(), atol=1e-9)


def test_nothing_is_invented_outside_and_in_a_hole() -> None:
    """But for what is as good as at once: stamps may have lost digits in a text file."""
    truth, near = path(40), round(AT_ONCE * 1e9)
    last = int(truth.stamps[-1])
    assert pose_at(truth, 1000 * TENTH - near - 1) is pose_at(truth, last + near + 1) is None
    assert (pose_at(truth, 1000 * TENTH - 1) == truth.poses[0]).all()
    assert (pose_at(truth, last + near) == truth.poses[-1]).all()
    hole = round(LONGEST_HOLE * 10) + 1
    kept = truth.select(np.array([0, 1, 1 + hole]))
    assert pose_at(kept, 1001 * TENTH + near + 1) is None
    assert pose_at(kept, 1001 * TENTH + near) is not None
    assert pose_at(kept, 1001 * TENTH - 2 * near) is not None


def test_many_times_at_once_are_the_same_one_by_one() -> None:
    truth = path(8).select(np.array([0, 1, 2, 6, 7]))
    stamps = 1000 * TENTH + np.arange(-30, 800, 7, dtype=np.int64) * (TENTH // 100)
    known, poses = poses_at(truth, stamps)
    assert 0 < known.sum() < len(stamps) and (poses[~known] == np.eye(4)).all()
    for stamp, there, pose in zip(stamps.tolist(), known, poses, strict=True):
        alone = pose_at(truth, stamp)
        assert (alone is not None) == there
        if alone is not None:
            np.testing.assert_allclose(alone, pose, atol=1e-12)
    assert poses_at(truth.select(np.array([], int)), stamps)[0].sum() == 0
    assert poses_at(truth.select(np.array([0])), stamps)[0].sum() == 3  # 10 ms to either side


@pytest.mark.parametrize('kind', ['tum', 'kitti', 'named'])
def test_a_pose_file(tmp_path: Path, kind: str) -> None:
    """TUM: of base_link, moved to the camera by /tf_static; KITTI: of the camera itself."""
    recording, truth, file = write_ros2(tmp_path / 'bag', drive()), path(), tmp_path / 'poses'
    if kind == 'kitti':
        write_kitti(file, truth)
        times = ''.join(f'{stamp / 1e9}\n' for stamp in truth.stamps)
        (tmp_path / 'times.txt').write_text(times)
    else:
        write_tum(file, truth)
    frame = 'cam' if kind == 'named' else None
    source = open_source(recording)
    found, name, moving = camera_poses(recording, source, file, frame=frame)
    assert (name, moving) == (str(file), 'base_link' if kind == 'tum' else source.frame_id)
    expected = truth.of_frame(MOUNT) if kind == 'tum' else truth
    np.testing.assert_array_equal(found.stamps, truth.stamps)
    np.testing.assert_allclose(found.poses, expected.poses, atol=1e-6)


def test_a_frame_that_leads_nowhere(tmp_path: Path) -> None:
    tree = static_transforms(('map', 'base_link', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)))
    recording = write_ros2(tmp_path / 'bag', [('/tf_static', tree, 1), *drive()[1:]])
    write_tum(tmp_path / 'poses', path())
    with pytest.raises(MdepthError, match=r'poses of base_link, which .* --truth-frame'):
        camera_poses(recording, open_source(recording), tmp_path / 'poses')
    with pytest.raises(MdepthError, match=r'no true poses in .* it has no odometry.*--truth'):
        camera_poses(recording, open_source(recording))
