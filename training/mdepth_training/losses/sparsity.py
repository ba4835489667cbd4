# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse motion (Li et al. 2020, Unsupervised Monocular Depth Learning in Dynamic Scenes)."""

from __future__ import annotations

from torch import Tensor


def motion_sparsity(motion: Tensor) -> Tensor:
    """Mean of 2 a sqrt(|m| / a + 1), less its value for no motion; a: mean |m| of the channel.

    motion [B, C, H, W] -> a scalar. The root costs a small motion as much as |m| does, and a large
    one less: few large motions are cheaper than many small ones. a has no gradient. Mining
    Supervision has the mean with its constant 2 a, which has no gradient either.
    """
    size = motion.abs()
    mean = size.mean((2, 3), keepdim=True).detach()
    return (2 * mean * ((size / (mean + 1e-24) + 1).sqrt() - 1)).mean()
