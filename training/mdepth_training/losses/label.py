# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth labels of unknown scale (Mining Supervision, Eq. 19-20)."""

from __future__ import annotations

import torch
from torch import Tensor

FARTHEST = 0.9
"""Quantile of the predicted depth beyond which a label says nothing."""


def masked_median(values: Tensor, mask: Tensor) -> Tensor:
    """Median over the mask of each image: values, bool mask [B, ...] -> [B]; NaN where empty."""
    marked = values.masked_fill(~mask, torch.nan).flatten(1)
    return marked.nanmedian(1).values


@torch.no_grad()
def median_ratio(depth: Tensor, label: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Factor [B] that brings a label to the scale of the depth, and where the label counts.

    depth, label, mask (bool) [B, H, W]. Twice, as the authors' code: the median of depth / label
    over the mask; then over those pixels whose label, with that factor, is neither nearer than
    the nearest depth nor farther than the 90th percentile. The factor is NaN where nothing counts.
    """
    ratio = depth / label.clamp(min=1e-6)
    first = masked_median(ratio, mask)[:, None, None]
    flat = depth.masked_fill(~mask, torch.nan).flatten(1)
    farthest = flat.nanquantile(FARTHEST, 1)[:, None, None]
    nearest = depth.masked_fill(~mask, torch.inf).flatten(1).amin(1)[:, None, None]
    counts = mask & (first * label >= nearest) & (first * label <= farthest)
    return masked_median(ratio, counts), counts


def label_loss(depth: Tensor, label: Tensor, dynamic: Tensor, log: bool = False) -> Tensor:
    """Mean of |depth - r label| over what moves (Eq. 19); r (Eq. 20) has no gradient.

    depth, label [B, H, W]; label 0 where there is none; dynamic bool [B, H, W]. A scalar, 0 where
    nothing moves. A factor on the labels of an image changes nothing. `log`: of the logs of both.
    """
    factor, counts = median_ratio(depth.detach(), label, label > 0)
    used = counts & dynamic & factor.isfinite()[:, None, None]
    target = factor.nan_to_num(1.0)[:, None, None] * label
    if log:
        # Where nothing is used both are 1: a log of 0 has no gradient that a mask could stop.
        off = depth.where(used, 1.0).log() - target.where(used, 1.0).log()
    else:
        off = (depth - target).masked_fill(~used, 0.0)
    return off.abs().sum() / used.sum().clamp(min=1)
