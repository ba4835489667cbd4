# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The excerpts of real recordings: an untrained model is scored on each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mdepth_training.evaluation.evaluate import evaluate
from mdepth_training.evaluation.motion import motion_numbers
from mdepth_training.evaluation.protocols import guess_protocol, open_shots
from mdepth_training.evaluation.shots import Options

OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))


@pytest.mark.parametrize(
    ('name', 'protocol', 'images', 'median'),
    [
        ('bags/kitti_city', 'recording', 40, (5, 15)),
        ('ddad_scene_01', 'ddad', 3, (6, 25)),
        ('kitti_raw_sample', 'kitti-eigen', 1, (5, 25)),
        ('rgbd', 'rgbd', 5, (0.5, 5)),
        ('tum', 'rgbd', 2, (0.5, 5)),
    ],
)
def test_depth(
    data_dir: Path,
    model: Path,
    name: str,
    protocol: str,
    images: int,
    median: tuple[float, float],
) -> None:
    path = data_dir / name
    assert guess_protocol(path) == protocol
    shots = open_shots(path, protocol, OPTIONS)
    assert shots.total == images
    first = next(iter(shots))
    assert first.truth is not None and first.camera is not None
    known = first.truth[first.truth > 0]
    assert len(known) > 1000 and median[0] < np.median(known) < median[1]
    if name not in ('rgbd', 'tum'):
        # Roads lie below the horizon: what is nearest is seen in the lower half.
        near = np.nonzero((first.truth > 0) & (first.truth < np.percentile(known, 10)))[0]
        assert np.median(near) > first.camera.cy
    result = evaluate(model, path, limit=3)
    own = result.means()['tiny']['']
    assert own.pixels > 1000 and 0 < own.abs_rel < 2
    assert result.means()['constant'][''].abs_rel < 1


@pytest.mark.parametrize(('name', 'protocol'), [('tum', 'tum'), ('rgbd', 'rgbd')])
def test_squeezed_as_the_papers_do(data_dir: Path, model: Path, name: str, protocol: str) -> None:
    """The whole image is seen, so all true pixels between 0.1 and 10 m are scored."""
    result = evaluate(model, data_dir / name, protocol, view='whole')
    shots = open_shots(data_dir / name, protocol, OPTIONS)
    for image, shot in zip(result.images, shots, strict=True):
        assert shot.truth is not None
        counts = ((shot.truth > 0.1) & (shot.truth < 10)).sum()
        assert image.errors['tiny'][''].pixels == counts > 10_000


def test_the_lidar_of_the_city_is_that_of_mdepth_evaluate(data_dir: Path, model: Path) -> None:
    """A constant scores 0.352 there with the crop of Garg."""
    result = evaluate(model, data_dir / 'bags/kitti_city', crop='garg', view='whole')
    assert result.means()['constant'][''].abs_rel == pytest.approx(0.352, abs=0.001)
    alone = [image.alone for image in result.images]
    assert alone == [True] + [False] * 39


def test_motion(data_dir: Path, model: Path) -> None:
    result = evaluate(model, data_dir / 'kitti_odometry_06')
    assert result.protocol.title == 'KITTI odometry' and not result.means()
    ((estimate, truth),) = result.chains
    assert len(estimate) == len(truth) == 50
    assert 1.1 < np.linalg.norm(truth[:, :3, 3], axis=1).mean() < 1.3
    assert motion_numbers(result.chains)['ate_5_frames'] > 0
