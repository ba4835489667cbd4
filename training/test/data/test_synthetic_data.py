# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives of the synthetic world as training data: cameras, looks, a rendering that goes on."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from mdepth_training.config import Data, Experiment, SyntheticData, Training
from mdepth_training.data import Key, synthetic
from mdepth_training.data.synthetic import (
    SyntheticTriplets,
    drive_camera,
    experiment_camera,
    synthetic_drive,
)

from mdepth_ros.errors import MdepthError

VARIED = SyntheticData(
    drives=3, frames=4, first_seed=50, appearance=1.0, least_appearance=0.3, cameras=1.0
)
SMALL = Experiment(
    input_size=(64, 96), data=Data(synthetic=VARIED), training=Training(batch_size=2)
)


def test_batches_are_the_rendered_frames_with_the_camera_of_their_drive(tmp_path: Path) -> None:
    triplets = SyntheticTriplets(SMALL, tmp_path)
    assert len(triplets) == 3 * 2
    batch = triplets.batch([5, 0])
    expected = Key('synthetic-52', 2, 200_000_000), Key('synthetic-50', 1, 100_000_000)
    assert batch.keys == expected
    for row, (seed, frame) in enumerate(((52, 1), (50, 0))):
        camera = drive_camera(VARIED, experiment_camera(SMALL), seed)
        drive = synthetic_drive(SMALL.data, camera, seed, 4)
        images = drive.render([frame, frame + 1, frame + 2]).image.permute(0, 3, 1, 2)
        assert torch.equal(batch.previous[row], images[0])
        assert torch.equal(batch.current[row], images[1])
        assert torch.equal(batch.following[row], images[2])
        assert torch.equal(batch.K[row], camera.matrix())
    assert not torch.equal(batch.K[0], batch.K[1])
    assert triplets.camera == SMALL.camera and triplets.frame_interval == 0.1
    assert 'appearance 0.3 to 1, ' in triplets.description


def test_a_rendering_that_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SyntheticTriplets(SMALL, tmp_path / 'whole').images
    render, rendered = synthetic._render, []

    def interrupted(experiment: Experiment, partial: Path, index: int) -> int:
        if len(rendered) == 2:
            raise KeyboardInterrupt
        rendered.append(index)
        return render(experiment, partial, index)

    monkeypatch.setattr(synthetic, '_render', interrupted)
    with pytest.raises(KeyboardInterrupt):
        SyntheticTriplets(SMALL, tmp_path / 'half')
    assert len(rendered) == 2 and not list((tmp_path / 'half').glob('drives-????????????.npy'))
    rendered.clear()
    monkeypatch.setattr(synthetic, '_render', lambda *a: rendered.append(a[2]) or render(*a))
    assert torch.equal(SyntheticTriplets(SMALL, tmp_path / 'half').images, whole)
    assert rendered == [2]
    assert len(list((tmp_path / 'half').iterdir())) == 1
    SyntheticTriplets(SMALL, tmp_path / 'half')
    assert rendered == [2]  # the file serves the next run


def test_a_full_disk_is_said_before_anything_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('os.posix_fallocate', full)
    with pytest.raises(OSError, match='No space left'):
        SyntheticTriplets(SMALL, tmp_path)
    monkeypatch.undo()
    assert len(SyntheticTriplets(SMALL, tmp_path)) > 0


def test_a_process_that_was_killed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed:
        def result(self) -> None:
            raise BrokenProcessPool

    monkeypatch.setattr(synthetic, '_FEW', 1)
    monkeypatch.setattr(synthetic, 'ProcessPoolExecutor', lambda *_, **__: MagicMock())
    monkeypatch.setattr(synthetic, 'as_completed', lambda _: [Killed()])
    monkeypatch.setattr('os.cpu_count', lambda: 2)
    with pytest.raises(MdepthError, match='was killed, perhaps for want of memory'):
        SyntheticTriplets(SMALL, tmp_path)


def test_processes_render_what_one_renders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = SyntheticTriplets(SMALL, tmp_path / 'alone').images
    monkeypatch.setattr(synthetic, '_FEW', 1)
    monkeypatch.setattr(synthetic.os, 'cpu_count', lambda: 2)
    assert torch.equal(SyntheticTriplets(SMALL, tmp_path / 'together').images, alone)


def test_cameras_differ_as_far_as_is_asked_for() -> None:
    camera = experiment_camera(Experiment())
    assert drive_camera(replace(VARIED, cameras=0.0), camera, 3) == camera
    for spread in (0.5, 1.0):
        data = replace(VARIED, cameras=spread)
        cameras = [drive_camera(data, camera, seed) for seed in range(300)]
        factors = np.array([c.fx / camera.fx for c in cameras])
        assert 0.7**spread - 1e-6 <= factors.min() < 0.75**spread
        assert 2.0**spread < factors.max() <= 2.2**spread + 1e-6
        usual = (factors > 0.85**spread - 1e-6) & (factors < 1.2**spread + 1e-6)
        assert 0.6 < usual.mean() < 0.9
        stretch = np.array([c.fy / camera.fy for c in cameras]) / factors
        assert 0.02 * spread < np.abs(stretch - 1).max() < 0.03001 * spread
        horizon = np.array([c.cy - camera.cy for c in cameras]) / camera.height
        assert 0.05 * spread < np.abs(horizon).max() < 0.06001 * spread


def test_every_drive_draws_its_own_looks() -> None:
    camera = experiment_camera(SMALL)
    looks = [synthetic_drive(SMALL.data, camera, seed, 4).config.appearance for seed in range(40)]
    assert 0.3 <= min(looks) < 0.4 and 0.9 < max(looks) <= 1.0
    fixed = replace(SMALL.data, synthetic=replace(VARIED, least_appearance=None))
    assert synthetic_drive(fixed, camera, 0, 4).config.appearance == 1.0
