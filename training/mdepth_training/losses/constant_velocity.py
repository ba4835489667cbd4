# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A constant velocity from pair to pair: not of a paper, a prior on vehicles."""

from __future__ import annotations

from torch import Tensor


def velocity_change(before: Tensor, after: Tensor) -> Tensor:
    """Change of translation [B, 3] from one pair to the next, relative to its length: [B].

    A vehicle hardly changes its speed within a frame interval. The lengths keep their gradient, so
    that the value does not ask for a smaller unit; a share of the batch's mean length keeps
    vehicles at rest from deciding.
    """
    length = (before.norm(dim=1) + after.norm(dim=1)) / 2
    change: Tensor = (after - before).norm(dim=1) / (length + 0.1 * length.mean() + 1e-6)
    return change
