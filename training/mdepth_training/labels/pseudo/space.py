# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a map is depth or disparity, told from a depth that is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

CLEAR = 0.3
"""Rank correlation from which on the space is told."""


def seeming_space(pseudo: Tensor, depth: Tensor, clear: float = CLEAR) -> str:
    """'depth' or 'disparity': what a map [H, W] seems to be; '' where it cannot be told.

    depth  [H, W] of the same frame, in any unit: of the scene stage, or the truth

    Depth grows with depth, disparity falls, whatever the scale, shift and bend: what counts is the
    sign of Spearman's rank correlation over the pixels where both are finite.
    """
    rho = rank_correlation(pseudo, depth)
    if not abs(rho) >= clear:
        return ''
    return 'depth' if rho > 0 else 'disparity'


def mistaken_for(space: str, pairs: Iterable[tuple[Tensor, Tensor]]) -> str:
    """The other space where maps of `space` all seem to be of that one; '' else.

    pairs  of maps and depths [H, W], see `seeming_space`; those that cannot be told do not count
    """
    seeming = {seeming_space(pseudo, depth) for pseudo, depth in pairs} - {''}
    return '' if not seeming or space in seeming else seeming.pop()


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of two maps where both are finite; NaN where one is constant.

    Equal numbers have the mean of their ranks, as Spearman (1904) has it.
    """
    known = one.isfinite() & other.isfinite()
    if known.sum() < 2:
        return float('nan')
    ranks = np.stack([_ranks(of[known].float().cpu().numpy()) for of in (one, other)])
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    if (lengths == 0).any():
        return float('nan')
    return float(ranks[0] @ ranks[1] / lengths.prod())


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks [N]."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return middle[places.reshape(-1)]
