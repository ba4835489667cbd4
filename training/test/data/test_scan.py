# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mdepth_training.data import StereoCamera
from mdepth_training.data.scan import scan


@pytest.mark.parametrize('interval', [None, 0.1])
def test_damage_is_found_and_remembered(make_drive, tmp_path: Path, interval) -> None:
    drive = make_drive(count=7, suffix='jpg')
    drive.images[2].write_bytes(drive.images[2].read_bytes()[:-300])
    drive.images[4].unlink()
    ticks = []
    first = scan(drive, interval, tmp_path / 'cache', lambda: ticks.append(1))
    assert len(ticks) == 7
    assert (first.sizes == 0).all(1).tolist() == [n in (2, 4) for n in range(7)]
    assert (first.sizes[0] == (124, 38)).all()
    assert len(list((tmp_path / 'cache/scans').glob('*.npz'))) == 1
    shutil.copy(drive.images[0], drive.images[2])  # mended in its place
    mended = scan(drive, interval, tmp_path / 'cache')
    assert (mended.sizes == 0).all(1).tolist() == [n == 4 for n in range(7)]
    for image in drive.images:
        image.unlink(missing_ok=True)
    assert (scan(drive, interval, tmp_path / 'cache').sizes == 0).all()


def test_the_verdict_on_standing_depends_on_the_times(make_drive, tmp_path: Path) -> None:
    drive = make_drive()
    scan(drive, 0.1, tmp_path / 'cache')
    scan(replace(drive, stamps=[2 * stamp for stamp in drive.stamps]), 0.1, tmp_path / 'cache')
    assert len(list((tmp_path / 'cache/scans').glob('*.npz'))) == 2


def test_the_second_look_is_from_memory(make_drive, tmp_path: Path) -> None:
    drive = make_drive()
    first = scan(drive, 0.1, tmp_path / 'cache')
    (file,) = (tmp_path / 'cache/scans').iterdir()
    np.savez(
        file,
        sizes=first.sizes * 2,
        partners=first.stereo,
        static=first.static,
        turned=first.turned,
    )
    ticks = []
    assert (
        scan(drive, 0.1, tmp_path / 'cache', lambda: ticks.append(1)).sizes[0] == (248, 76)
    ).all()
    assert len(ticks) == 6
    whole = file.read_bytes()
    for half in (b'half', b'', whole[:200], whole[:-30]):  # interrupted writing is no memory
        file.write_bytes(half)
        assert (scan(drive, 0.1, tmp_path / 'cache').sizes[0] == (124, 38)).all()


def test_a_standing_camera_is_found(make_drive, tmp_path: Path) -> None:
    drive = make_drive(count=10)
    for image in drive.images[4:]:
        shutil.copy(drive.images[3], image)
    found = scan(drive, 0.1, tmp_path / 'cache')
    assert found.static.tolist() == [n >= 4 for n in range(10)]
    assert not scan(drive, None, tmp_path / 'cache').static.any()


def test_missing_images_of_the_second_camera(make_drive, tmp_path: Path) -> None:
    drive, other = make_drive(), make_drive('other')
    other.images[1].unlink()
    both = replace(drive, stereo=StereoCamera(other.images, other.camera, np.eye(4)))
    found = scan(both, None, tmp_path / 'cache')
    assert (found.stereo == 0).all(1).tolist() == [n == 1 for n in range(6)]
    assert scan(drive, None, tmp_path / 'cache').stereo.shape == (0, 2)
