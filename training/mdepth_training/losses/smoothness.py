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
    along_x = (disparity[..., 1:] - disparity[..., :-1]).abs()
    along_y = (disparity[..., 1:, :] - disparity[..., :-1, :]).abs()
    edge_x = (image[..., 1:] - image[..., :-1]).abs().mean(1, keepdim=True)
    edge_y = (image[..., 1:, :] - image[..., :-1, :]).abs().mean(1, keepdim=True)
    return (along_x * torch.exp(-edge_x)).mean() + (along_y * torch.exp(-edge_y)).mean()
