# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The noise of motions: found again where it is known, and written into a card."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mdepth_ros.core.motion_noise import (
    AXES,
    CHAIN,
    Errors,
    MotionNoise,
    errors_of,
    fit_noise,
    sizes_of,
)
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.consistency import Consistency
from mdepth_ros.geometry import se3_exp

GENERATOR = np.random.default_rng


def sizes(count: int, seed: int = 0) -> np.ndarray:
    draw = GENERATOR(seed).uniform
    columns = np.ones(count), draw(0, 3, count), draw(0, 0.1, count), draw(0.005, 0.1, count)
    return np.stack(columns, 1)


def of_networks(errors: np.ndarray, rows: np.ndarray) -> Errors:
    """A drive without corners."""
    return Errors(errors, rows, np.full_like(errors, np.nan), errors)


def test_the_fit_finds_the_noise_that_the_errors_have() -> None:
    causes = np.tile([0.01, 0.02, 0.3, 0.2], (6, 1))
    causes[3:] = 0.004, 0.0, 0.1, 0.0
    true, rows = MotionNoise(causes), sizes(20000)
    errors = GENERATOR(1).normal(size=(20000, 6)) * true.stds(rows)
    found = fit_noise([of_networks(errors, rows)], rounds=3000)
    assert found.corners is None
    np.testing.assert_allclose(found.stds(sizes(50, 2)), true.stds(sizes(50, 2)), rtol=0.05)
    assert found.correlation == pytest.approx(1.0, abs=0.15)
    other = sizes(5000, 3)
    drawn = GENERATOR(4).normal(size=(5000, 6)) * true.stds(other)
    held_out = Consistency.of(drawn / found.stds(other))
    assert held_out.nees == pytest.approx(1.0, abs=0.03)
    assert held_out.coverage == pytest.approx(0.95, abs=0.01)


def test_the_fit_finds_by_how_much_the_std_of_corners_is_too_small() -> None:
    """Each pair has its own; pairs without corners, and their networks, are another matter."""
    factors = np.array([5.0, 4.0, 2.0, 4.5, 6.5, 3.5])
    stds = GENERATOR(0).uniform(1e-4, 1e-2, (20000, 6))
    drawn, rows = GENERATOR(1).normal(size=(2, 20000, 6)), sizes(20000)
    stds[::4] = np.nan
    errors = np.where(np.isfinite(stds), drawn[0] * factors * stds, 0.1 * drawn[1])
    found = fit_noise([Errors(errors, rows, stds, 0.1 * drawn[1])])
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, factors, rtol=0.03)
    np.testing.assert_allclose(found.stds(rows[:50]), 0.1, rtol=0.03)
    both = found.stds(rows, stds)
    np.testing.assert_allclose(both[1], factors * stds[1], rtol=0.03)
    np.testing.assert_allclose(both[0], 0.1, rtol=0.03)
    np.testing.assert_array_equal(found.std(1.0, 0.1, 0.1, stds[1]), found.corners * stds[1])
    assert Consistency.of(errors / both).nees == pytest.approx(1.0, abs=0.03)


def test_errors_that_are_alike_are_found_to_be() -> None:
    """A chain of pairs that all err the same is off by the number of pairs, not its root."""
    drives = []
    for seed in range(40):
        same = np.tile(GENERATOR(seed).normal(size=6) * 0.01, (CHAIN, 1))
        drives.append(of_networks(same, sizes(CHAIN, seed)))
    assert fit_noise(drives).correlation == pytest.approx(CHAIN, rel=0.3)


def test_errors_and_sizes_of_motions() -> None:
    twist = torch.tensor([[0.1, 0.0, 2.0, 0.0, 0.03, 0.0]], dtype=torch.float64)
    error = torch.tensor([[0.01, -0.02, 0.03, 0.001, 0.002, -0.003]], dtype=torch.float64)
    motion = se3_exp(twist)
    found = errors_of(motion.numpy(), (motion @ se3_exp(error)).numpy())
    np.testing.assert_allclose(found, error.numpy(), atol=1e-12)
    row = sizes_of(motion.numpy(), np.array([0.05]))[0]
    np.testing.assert_allclose(row, [1.0, np.hypot(0.1, 2.0), 0.03, 0.05], rtol=1e-9)


def test_a_card_keeps_the_noise() -> None:
    noise = MotionNoise(np.arange(24.0).reshape(6, 4) / 1000, 7.5)
    entries = noise.calibration()
    again = MotionNoise.from_calibration(entries)
    np.testing.assert_array_equal(again.causes, noise.causes)
    assert again.correlation == 7.5 and again.corners is None
    whole = MotionNoise(noise.causes, 7.5, np.arange(1.0, 7.0)).calibration()
    np.testing.assert_array_equal(MotionNoise.from_calibration(whole).corners, np.arange(1.0, 7.0))
    assert whole.keys() - entries.keys() == {f'motion {axis} corners' for axis in AXES}
    with pytest.raises(MdepthError, match=r'lacks .motion ry corners'):
        MotionNoise.from_calibration({k: v for k, v in whole.items() if k != 'motion ry corners'})
    with pytest.raises(MdepthError, match='not positive'):
        MotionNoise.from_calibration({**whole, 'motion ry corners': float('nan')})
    with pytest.raises(MdepthError, match=r'lacks .motion rz angle.*calibrate'):
        MotionNoise.from_calibration({k: v for k, v in entries.items() if k != 'motion rz angle'})
    with pytest.raises(MdepthError, match='not positive'):
        MotionNoise.from_calibration({**entries, 'motion x length': -1.0})
