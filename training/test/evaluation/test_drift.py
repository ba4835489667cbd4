# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ways to drift less: what each asks the networks, and the table at the smallest size."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mdepth_training.cli import app
from mdepth_training.evaluation.drift import (
    SYNTHETIC_WAYS,
    Way,
    and_backward,
    and_mirrored,
    drive_numbers,
    drive_path,
    networks,
)
from typer.testing import CliRunner

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, se3_exp
from mdepth_ros.model.file import load_model

MOTION = se3_exp(torch.tensor([0.1, -0.02, 0.8, 0.01, 0.02, -0.005]).double()).numpy()
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


class Knowing:
    """A step that knows the motion of any two frames, also mirrored; off by a constant."""

    def __init__(self, pair: FramePair, error: np.ndarray) -> None:
        self.pair, self.error = pair, error

    def step(self, pairs: Sequence[FramePair], parts: object) -> list[object]:
        (pair,) = pairs
        motion = MOTION
        if pair.previous.camera != self.pair.previous.camera:
            np.testing.assert_array_equal(pair.current.image[:, ::-1], self.pair.current.image)
            motion = MIRROR @ motion @ MIRROR
        if pair.current is self.pair.previous:
            motion = np.linalg.inv(motion)
        said = SimpleNamespace(motion=motion @ self.error)
        return [SimpleNamespace(prediction=said, timings={'estimator': 0.5})]


def pair() -> FramePair:
    camera = Camera(8, 6, 9.0, 9.0, 3.0, 2.5)
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    return FramePair(Frame(10**8, images[1], camera), Frame(0, images[0], camera), '', 0.1)


@pytest.mark.parametrize('way', [networks, and_backward, and_mirrored])
def test_every_way_gives_the_motion_of_the_pair(way: object) -> None:
    known = Knowing(pair(), np.eye(4))
    known.pair = one = pair()
    motion, seconds = way(known, one)  # type: ignore[operator]
    np.testing.assert_allclose(motion, MOTION, atol=1e-12)
    assert seconds == (0.5 if way is networks else 1.0)


def test_a_mirror_cancels_an_error_to_one_side() -> None:
    sideways = se3_exp(torch.tensor([0.05, 0, 0, 0, 0, 0]).double()).numpy()
    known = Knowing(pair(), sideways)
    known.pair = one = pair()
    np.testing.assert_allclose(and_mirrored(known, one)[0], MOTION, atol=1e-3)  # type: ignore[arg-type]
    assert abs(networks(known, one)[0][0, 3] - MOTION[0, 3]) > 0.04  # type: ignore[arg-type]


def test_numbers_of_motions_that_are_right_but_for_their_unit() -> None:
    truth = np.repeat(MOTION[None], 12, 0)
    small = truth.copy()
    small[:, :3, 3] /= 4.0
    means = drive_numbers(small, truth, 4.4, [0.01, 0.02, 0.03])
    assert means.pop('length') == pytest.approx(np.log(1.1))
    assert means.pop('milliseconds') == pytest.approx(20)
    assert max(means.values()) < 1e-3


def test_heading_of_motions_that_turn_too_much() -> None:
    """Straight on, but for half a degree to the side and a degree upward in each frame."""
    truth = np.repeat(se3_exp(torch.tensor([0, 0, 1.0, 0, 0, 0]).double()).numpy()[None], 8, 0)
    aside, upward = (
        se3_exp(torch.tensor([0, 0, 1.0, *turn]).double()).numpy()
        for turn in ((0, np.radians(0.5), 0), (np.radians(1.0), 0, 0))
    )
    numbers = drive_numbers(np.repeat(aside[None], 8, 0), truth, 1.0, [0.1])
    assert numbers['heading'] == pytest.approx(4) and numbers['rotation'] == pytest.approx(0.5)
    numbers = drive_numbers(np.repeat(upward[None], 8, 0), truth, 1.0, [0.1])
    assert numbers['heading'] == pytest.approx(0, abs=1e-9)
    assert numbers['attitude'] == pytest.approx(8)


def test_key_frames_are_brought_to_the_length_of_a_frame(model: Path) -> None:
    estimator = Estimator(*load_model(model), device='cpu')
    card = estimator.card
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    shape = (7, camera.height, camera.width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    frames = [Frame(i * 10**8, image, camera) for i, image in enumerate(images)]
    for way in (Way('one by one'), Way('key frames', keyframes=True)):
        path, seconds = drive_path(estimator, way, frames)
        assert len(path) == 7 and len(seconds) == 6
        assert path.stamps.tolist() == [frame.stamp for frame in frames]
        np.testing.assert_allclose(path.motions[:, 3], [[0, 0, 0, 1]] * 6, atol=1e-12)


def test_where_there_is_no_partner_the_pose_stays(model: Path) -> None:
    estimator = Estimator(*load_model(model), device='cpu')
    camera = pair().current.camera
    image = np.zeros((6, 8, 3), np.uint8)
    stamps = [0, 1, 2, 12, 13, 9, 14]  # tenths of a second: a gap, and a late image
    known = Way('known', lambda _, pair: (np.eye(4) if pair.reason else MOTION, 0.1))
    frames = (Frame(stamp * 10**8, image, camera) for stamp in stamps)
    path, seconds = drive_path(estimator, known, frames)
    assert path.stamps.tolist() == [stamp * 10**8 for stamp in (0, 1, 2, 12, 13, 14)]
    expected = [MOTION, MOTION, np.eye(4), MOTION, MOTION]
    np.testing.assert_allclose(path.motions, expected, atol=1e-12)
    assert len(seconds) == 5
    with pytest.raises(MdepthError, match='two frames'):
        drive_path(estimator, known, [])


def test_the_table(model: Path, tmp_path: Path) -> None:
    options = f'--drives 1 --frames 6 --camera-width 128 -o {tmp_path / "out"}'
    command = f'evaluate {model} --drift {options}'
    result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert 'Drift' in result.output and 'of their speed' in result.output
    assert 'images of 128x85' in ' '.join(result.output.split())  # 96x64, widened
    with (tmp_path / 'out' / 'drift.csv').open(encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert [row['way'] for row in rows] == 2 * [way.name for way in SYNTHETIC_WAYS]
    assert all(float(row['milliseconds']) > 0 for row in rows)
