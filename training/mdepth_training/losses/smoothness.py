# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothness (Implicit Cues, Eq. 6)."""

from __future__ import annotations

import torch
from torch import Tensor


def edge_aware_smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """Gradients of the mean-normalised disparity [B, 1, H, W], less where the image has edges.

    The image is [B, 3, H, W] in 0..1. A scalar; it does not change with the disparity's scale.
    """
    disparity = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
    return smoothness_between_edges(disparity, image)


def smoothness_between_edges(values: Tensor, guide: Tensor) -> Tensor:
    """Gradients of values [B, 1, H, W], less where the guide [B, C, H, W] has edges."""
    total = values.new_zeros(())
    for axis in (3, 2):
        edge = guide.diff(dim=axis).abs().mean(1, keepdim=True)
        total = total + (values.diff(dim=axis).abs() * torch.exp(-edge)).mean()
    return total


def masked_smoothness(disparity: Tensor, mask: Tensor) -> Tensor:
    """Gradients of the disparity [B, 1, H, W] over its mean, where both neighbours are inside.

    mask bool [B, 1, H, W]. A scalar, 0 where no two neighbours are inside (Mining Supervision,
    Eq. 14, as its code has it: image edges do not count).
    """
    area = mask.sum((2, 3), keepdim=True).clamp(min=1)
    mean = disparity.masked_fill(~mask, 0).sum((2, 3), keepdim=True) / area
    disparity = disparity / (mean + 1e-7)
    total = disparity.new_zeros(())
    for axis in (2, 3):
        size = mask.shape[axis] - 1
        both = mask.narrow(axis, 1, size) & mask.narrow(axis, 0, size)
        step = (disparity.narrow(axis, 1, size) - disparity.narrow(axis, 0, size)).abs()
        total = total + step.masked_fill(~both, 0).sum() / both.sum().clamp(min=1)
    return total
