# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a scale that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from mdepth_training.evaluation.scale_errors import (
    PredictedDrive,
    Step,
    errors_of,
    evaluate_scales,
    exact,
    told_speeds,
)

from mdepth_ros.core.types import Frame, FramePair, Prediction, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

CAMERA = Camera.from_normalised(160, 96, 0.58, 0.97, 0.5, 0.5)
HEIGHT = 1.65
UNIT = 5.0
N = 60


def drive(motion_unit: float = UNIT) -> PredictedDrive:
    """A level road in units of UNIT metres; 1 m per frame."""
    v = np.arange(96, dtype=np.float32)[:, None] - np.float32(CAMERA.cy)
    z = np.where(v > 0.5, HEIGHT * CAMERA.fy / np.maximum(v, 0.1), 60.0)
    truth = np.broadcast_to(np.minimum(z, 60.0), (96, 160)).astype(np.float32)
    motion = np.eye(4)
    motion[2, 3] = 1.0 / motion_unit
    image = np.zeros((96, 160, 3), np.uint8)
    move, steps = np.array([0.0, 0.0, 1.0]), []
    for i in range(N):
        frame = Frame(i * 10**8, image, CAMERA)
        prediction = Prediction(
            truth / np.float32(UNIT),
            motion,
            np.ones((96, 160), np.float32),
            CAMERA,
            image,
            np.ones((96, 160), bool),
            {},
        )
        steps.append(Step(prediction, FramePair(frame, frame, '', 0.1), truth, UNIT, move))
    return PredictedDrive(0, HEIGHT, steps)


def test_a_right_scale_has_no_error() -> None:
    errors = errors_of(drive(), [Scale(UNIT, 0.1, 'good')] * N)
    assert max(errors.depth, errors.motion, abs(errors.unscaled), errors.good) < 1e-6


def test_depth_and_motion_have_errors_of_their_own() -> None:
    errors = errors_of(drive(motion_unit=4.0), [Scale(1.1 * UNIT, 0.1, 'initialising')] * N)
    assert errors.depth == pytest.approx(math.log(1.1))
    assert errors.motion == pytest.approx(math.log(1.1 * 5 / 4))
    assert errors.unscaled == pytest.approx(0.1, abs=0.02) and math.isnan(errors.good)


def test_networks_without_error() -> None:
    errors = errors_of(exact(drive(motion_unit=3.0), 4.0), [Scale(4.0, 0.1, 'good')] * N)
    assert max(errors.depth, errors.motion, abs(errors.unscaled)) < 1e-6


def test_only_what_comes_after_convergence_counts() -> None:
    scales = [Scale(9.0, 1.0, 'initialising')] * 30 + [Scale(UNIT, 0.1, 'good')] * 30
    errors = errors_of(drive(), scales)
    assert errors.depth < 1e-6 and errors.good == pytest.approx(3.0)


def test_drives_that_end_before_anything_counts(model: Path) -> None:
    with pytest.raises(MdepthError, match=r'errors count after 3 s, .*: --frames 32 or more'):
        evaluate_scales(model, 1, 20, 0.0, 10_000)


def test_speeds_are_late_and_noisy() -> None:
    stamps = np.arange(400) * 0.1
    lengths = 0.1 * (9 + 0.1 * stamps)
    told = np.array(told_speeds(stamps, lengths, 3))
    residual = told[5:, 1] / (9 + 0.1 * (told[5:, 0] / 1e9 - 0.1)) - 1
    assert abs(residual.mean()) < 0.02 and residual.std() == pytest.approx(0.1, rel=0.15)
