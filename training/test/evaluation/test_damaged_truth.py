# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Truth that cannot be read costs its own image and a line, not what was scored before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mdepth_training.evaluation import ddad
from mdepth_training.evaluation.evaluate import evaluate
from mdepth_training.evaluation.protocols import open_shots
from mdepth_training.evaluation.shots import DamagedTruthError, Options

from mdepth_ros.errors import MdepthError

OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b'')


def turned(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize('damage', [cut, empty])
def test_a_scan_of_kitti(
    tmp_path: Path, trees: ModuleType, damage: Callable[[Path], None], model: Path
) -> None:
    drive = trees.kitti_raw(tmp_path / 'raw', '2011_09_26_drive_0005_sync', [0, 1, 2])
    damage(drive / 'velodyne_points' / 'data' / '0000000001.bin')
    shots = open_shots(tmp_path / 'raw', 'kitti-eigen', OPTIONS)
    assert [shot.truth is not None for shot in shots] == [True, False, True]
    assert '0000000001.bin is no whole scan' in shots.notes[-1]
    result = evaluate(model, tmp_path / 'raw')
    assert [bool(image.errors) for image in result.images] == [True, False, True]
    assert any('no whole scan' in note for note in result.notes)


def test_where_all_is_damaged_the_reason_is_said(
    tmp_path: Path, trees: ModuleType, model: Path
) -> None:
    drive = trees.kitti_raw(tmp_path / 'raw', '2011_09_26_drive_0005_sync', [0])
    empty(drive / 'velodyne_points' / 'data' / '0000000000.bin')
    with pytest.raises(MdepthError, match=r'nothing to score.*0000000000.bin is no whole scan'):
        evaluate(model, tmp_path / 'raw')


@pytest.mark.parametrize('damage', [cut, empty, turned])
def test_a_scan_of_ddad(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    file = tmp_path / 'scan.npz'
    np.savez_compressed(file, data=np.random.default_rng(0).normal(size=(300, 4)))
    place = np.eye(4)
    sample = ddad._Sample(tmp_path / '1.png', (1, 1, 0, 0), place, file, place)
    assert sample.points().shape == (300, 3)
    damage(file)
    with pytest.raises(DamagedTruthError, match='holds no lidar points'):
        sample.points()


@pytest.mark.parametrize('damage', [cut, empty, turned])
def test_a_grid_of_make3d(
    tmp_path: Path, trees: ModuleType, damage: Callable[[Path], None]
) -> None:
    io = pytest.importorskip('scipy.io')
    grid = np.random.default_rng(0).uniform(3, 70, (55, 305, 4))
    for name in ('a', 'b'):
        trees.picture(tmp_path / f'img-{name}.jpg', 0, 426, 568)
        file = tmp_path / f'depth_sph_corr-{name}.mat'
        io.savemat(str(file), {'Position3DGrid': grid}, do_compression=True)
    damage(tmp_path / 'depth_sph_corr-a.mat')
    shots = open_shots(tmp_path, 'make3d', OPTIONS)
    assert [shot.name for shot in shots] == ['b']
    assert 'depth_sph_corr-a.mat holds no laser grid' in shots.notes[-1]


def test_a_depth_image(tmp_path: Path, trees: ModuleType) -> None:
    trees.extracted(tmp_path)
    empty(tmp_path / 'city' / 'truth' / 'depth' / '000003.png')
    shots = open_shots(tmp_path, 'recording', OPTIONS)
    assert [shot.truth is not None for shot in shots] == [False, True, False, False, False, True]
    assert '000003.png is not a depth image of 16 bits' in shots.notes[-1]
