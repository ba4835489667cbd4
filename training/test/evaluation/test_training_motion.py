# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chains of motions, and the 5-frame error by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mdepth_training.evaluation.motion import Drives, motion_numbers
from mdepth_training.evaluation.shots import Shot

from mdepth_ros.core.types import Frame
from mdepth_ros.evaluation.trajectory import relative
from mdepth_ros.geometry import Camera, transform_from_axis_angle

CAMERA = Camera.from_normalised(32, 16, 0.58, 1.2, 0.5, 0.5)


def drive(frames: int, seed: int = 0, speed: float = 1.0) -> np.ndarray:
    """Poses [N, 4, 4] of a curving drive."""
    random = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(frames - 1):
        turn = torch.from_numpy(random.normal(0, 0.02, 3))
        shift = torch.tensor([0.0, 0.0, speed * random.uniform(0.8, 1.2)], dtype=torch.float64)
        poses.append(poses[-1] @ transform_from_axis_angle(turn, shift).numpy())
    return np.stack(poses)


def noisy(motions: np.ndarray) -> np.ndarray:
    result = motions.copy()
    result[:, :3, 3] += np.random.default_rng(7).normal(0, 0.05, (len(motions), 3))
    result[:, :3, 3] /= 4
    return result


def test_the_5_frame_error_by_hand() -> None:
    truth = relative(*(drive(12)[part] for part in (slice(-1), slice(1, None))))
    estimate, errors = noisy(truth), []
    for start in range(len(truth) - 3):  # 4 motions, 5 points
        points = []
        for motions in (truth, estimate):
            pose, positions = np.eye(4), [np.zeros(3)]
            for motion in motions[start : start + 4]:
                pose = pose @ motion
                positions.append(pose[:3, 3])
            points.append(np.array(positions))
        g, p = points
        scale = (g * p).sum() / (p * p).sum()
        errors.append(np.sqrt(((g - scale * p) ** 2).sum()) / 5)
    numbers = motion_numbers([(estimate, truth)])
    assert len(errors) == 8
    assert numbers['ate_5_frames'] == pytest.approx(np.mean(errors))
    assert numbers['ate_5_frames_std'] == pytest.approx(np.std(errors))


def test_drift_of_a_drive_that_is_too_fast_in_one_half() -> None:
    truth = relative(*(drive(400)[part] for part in (slice(-1), slice(1, None))))
    assert motion_numbers([(truth, truth)])['drift_translation'] == pytest.approx(0, abs=1e-3)
    estimate = truth.copy()
    estimate[:200, :3, 3] *= 1.1
    numbers = motion_numbers([(estimate, truth)])
    assert 1 < numbers['drift_translation'] < 10
    assert numbers['drift_rotation'] == pytest.approx(0, abs=1e-3)
    # A short or standing drive has no such numbers.
    short = motion_numbers([(truth[:4] * 1.0, truth[:4])])
    assert 'drift_translation' not in short and 'ate_5_frames' in short
    assert 'rpe_translation_percent' not in motion_numbers([(np.eye(4)[None], np.eye(4)[None])])
    assert motion_numbers([]) == {}


@pytest.mark.parametrize('step', [1, 2])
def test_pairs_are_chained_and_a_gap_begins_anew(step: int, given: Callable[..., Any]) -> None:
    """Also where a camera is twice as fast as the pairs: every second one makes the chain."""
    poses = drive(14)
    frames = [Frame(index * 100, np.zeros((16, 32, 3), np.uint8), CAMERA) for index in range(14)]
    pairs = [(i, i - step) for i in range(step, 14) if i < 8 or i - step >= 8]
    before = dict(pairs)
    motions = [
        relative(poses[before[i]], poses[i]) if i in before else np.eye(4) for i in range(14)
    ]
    predictor = given([np.full((4, 8), 5.0)] * 14, motions=motions)
    drives, agreement = Drives(), []
    for index, frame in enumerate(frames):
        previous = frames[before[index]] if index in before else None
        shot = Shot(str(index), frame, previous, camera=CAMERA, pose=poses[index], drive='one')
        agreement.append(drives.add(shot, predictor(shot)[0], 2.0))
    chains = drives.chains()
    assert [len(truth) for _, truth in chains] == ([7, 5] if step == 1 else [3, 2])
    for estimate, truth in chains:
        np.testing.assert_allclose(estimate, truth)
    assert np.isnan(agreement[0]).all() and np.isfinite(agreement[step]).all()
    # Metres are twice the unit here, and the estimate is the true motion in metres: of the two
    # motions the one that was given as true fits worse to the depth times two.
    assert agreement[step][0] != agreement[step][1]
