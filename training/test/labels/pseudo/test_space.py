# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth and disparity told apart by ranks; scipy is the judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mdepth_training.labels.pseudo import mistaken_for, seeming_space
from mdepth_training.labels.pseudo.space import rank_correlation


def test_ranks_correlate_as_scipy_says() -> None:
    stats = pytest.importorskip('scipy.stats')
    random = np.random.default_rng(0)
    one = random.integers(0, 9, (12, 20)).astype(np.float32)  # many are equal
    other = one + random.normal(0, 4, one.shape).astype(np.float32)
    expected = stats.spearmanr(one.ravel(), other.ravel()).statistic
    assert rank_correlation(*map(torch.from_numpy, (one, other))) == pytest.approx(expected)


@pytest.mark.parametrize('scale', [3.0, 0.01])
def test_any_scale_offset_and_bend_keep_the_space(scale: float) -> None:
    depth = torch.rand(20, 30, generator=torch.Generator().manual_seed(0)) * 50 + 2
    assert seeming_space(scale * depth**1.5 + 7, depth) == 'depth'
    assert seeming_space(scale / depth**0.5 - 7, depth) == 'disparity'
    # The scene's own depth may know nothing of the sky, and be wrong here and there.
    rough = depth * torch.exp(torch.randn(20, 30, generator=torch.Generator().manual_seed(1)) / 3)
    rough[:5] = torch.nan
    rough[5:8] = torch.inf
    assert (
        seeming_space(1 / depth, rough) == 'disparity' and seeming_space(depth, rough) == 'depth'
    )


def test_what_cannot_be_told_is_not() -> None:
    depth = torch.rand(20, 30, generator=torch.Generator().manual_seed(0)) + 1
    noise = torch.rand(20, 30, generator=torch.Generator().manual_seed(1))
    for pseudo in (noise, torch.ones(20, 30), torch.full((20, 30), torch.nan)):
        assert seeming_space(pseudo, depth) == ''


def test_one_map_that_fits_is_enough() -> None:
    depth = torch.rand(20, 30, generator=torch.Generator().manual_seed(0)) + 1
    against, nothing = (1 / depth, depth), (torch.ones(20, 30), depth)
    assert mistaken_for('depth', [against, nothing, against]) == 'disparity'
    assert mistaken_for('disparity', [(depth, depth)]) == 'depth'
    for pairs in ([], [nothing], [against, (depth, depth)]):
        assert mistaken_for('depth', pairs) == ''
