# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a depth learns from that of a teacher, of any scale. Our reconstruction of SS-MDE."""

from __future__ import annotations

import torch
from torch import Tensor

from mdepth_training.losses.label import median_ratio

GRADIENT = 0.5
"""Weight of the gradients beside the depths themselves."""


@torch.no_grad()
def at_scale(depth: Tensor, prior: Tensor) -> Tensor:
    """The prior [B, H, W] at the scale of the depth [B, H, W], by Eq. 20 of Mining Supervision."""
    factor, _ = median_ratio(depth, prior, prior > 0)
    return prior * factor.nan_to_num(1.0)[:, None, None]


def distillation_loss(depth: Tensor, prior: Tensor, weight: Tensor) -> Tensor:
    """Mean of w |log D - log T|, and half of that of w |grad log D - grad log T|.

    depth, prior (at the scale of the depth, without gradient) and weight [B, H, W]; the mean is
    over all pixels. Between two neighbours the smaller of their weights counts.
    """
    off = depth.log() - prior.log()
    loss: Tensor = (weight * off.abs()).mean()
    for axis in (1, 2):
        size = off.shape[axis] - 1
        pair = torch.minimum(weight.narrow(axis, 0, size), weight.narrow(axis, 1, size))
        loss = loss + GRADIENT * (pair * off.diff(dim=axis).abs()).mean()
    return loss
