# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pixels stand still, from all views of a frame: our reading of the multi-view mask filter.

The abstract of SS-MDE names the module and says 'feature extraction and noise filtering'; what it
does is our reconstruction, after the masks of SC-DepthV3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.geometry import warp
from mdepth_training.losses import (
    Moments,
    Photometric,
    auto_mask,
    box_mean,
    depth_inconsistency,
    minimum_over_sources,
    photometric_error,
)
from mdepth_training.methods.view_synthesis import View

MAJORITY = 5
"""Side of the windows in which the majority decides."""


@dataclass(frozen=True)
class Reliability:
    """How far each view agrees about the frame.

    views  [B, V, H, W] in 0..1: valid, explained better by the warp than without it, and how well
           the depths agree (1 - the disagreement of SC-Depth)
    error  [B, 1, H, W]: the least photometric error over the views; infinite where none is valid
    """

    views: Tensor
    error: Tensor


@torch.no_grad()
def reliability(
    current: Moments,
    depth: Tensor,
    views: Sequence[View],
    view_depths: Sequence[Tensor],
    K: Tensor,
    how: Photometric,
) -> Reliability:
    """Ask every view of a frame, whose depth [B, H, W] it is.

    view_depths [B, H, W] of the views, in the same unit; K [B, 3, 3]. A view that is hidden, does
    not show the point, or is black there says nothing.
    """
    found, errors = [], []
    for view, of_view in zip(views, view_depths, strict=True):
        warped, valid = seen(view, depth, K)
        error = photometric_error(current, warped, how)
        identity = photometric_error(current, view.image, how)
        difference, _ = depth_inconsistency(depth, of_view, view.T_view_current, K)
        explained = auto_mask(error, identity) > 0
        found.append((valid & explained) * (1 - difference))
        errors.append(error.masked_fill(~valid, torch.inf))
    return Reliability(torch.cat(found, 1), minimum_over_sources(errors))


@torch.no_grad()
def least_error(
    current: Moments, depth: Tensor, views: Sequence[View], K: Tensor, how: Photometric
) -> Tensor:
    """The least photometric error [B, 1, H, W] that a depth [B, H, W] leaves, as above."""
    errors = []
    for view in views:
        warped, valid = seen(view, depth, K)
        errors.append(photometric_error(current, warped, how).masked_fill(~valid, torch.inf))
    return minimum_over_sources(errors)


def seen(view: View, depth: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """A view at the frame's pixels [B, 3, H, W], and where it shows something [B, 1, H, W]."""
    warped, valid = warp(view.image, depth, view.T_view_current, K, translation=view.translation)
    valid = valid[:, None] & (warped.amax(1, keepdim=True) > 0)
    if view.hidden is not None:
        valid = valid & ~view.hidden[:, None, None, None]
    return warped, valid


@torch.no_grad()
def fused(views: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The best view of each pixel less a threshold [B, 1, H, W], and the threshold [B, 1, 1, 1].

    views [B, V, H, W]. A point that one view shows well stands still, and another view may not
    show it at all: hence the best. The threshold is the quantile of that `share` of the pixels of
    the image, so that so many are taken as moving.
    """
    best = views.amax(1, keepdim=True)
    threshold = best.flatten(1).quantile(share, dim=1)[:, None, None, None]
    return best - threshold, threshold


@torch.no_grad()
def static_mask(above: Tensor, views: Tensor) -> Tensor:
    """Where something stands still, bool [B, 1, H, W]: at the threshold or above, by majority.

    above [B, 1, H, W] is what is left over the threshold. What no view shows does not count.
    """
    static = (above >= 0) & (views.amax(1, keepdim=True) > 0)
    return box_mean(static.float(), MAJORITY) > 0.5


class LearnedFilter(nn.Module):
    """Three convolutions that begin with the rule and may learn another one (an option of ours).

    They see the reliabilities of two views less the threshold, and the errors of student and
    teacher; more than 0 is static. At first the output is SHARPNESS times the best reliability
    less the threshold, exactly: max(a, b) = relu(a - b) + relu(b) - relu(-b).
    """

    CHANNELS, SHARPNESS = 16, 20.0

    def __init__(self) -> None:
        super().__init__()
        wide = self.CHANNELS
        self.first = nn.Conv2d(4, wide, 3, padding=1)
        self.second = nn.Conv2d(wide, wide, 3, padding=1)
        self.last = nn.Conv2d(wide, 1, 3, padding=1)
        with torch.no_grad():
            for layer, count in ((self.first, 3), (self.second, 2), (self.last, 1)):
                assert layer.bias is not None
                layer.weight[:count] = 0.0
                layer.bias[:count] = 0.0
            for out, (a, b) in enumerate(((1.0, -1.0), (0.0, 1.0), (0.0, -1.0))):
                self.first.weight[out, 0, 1, 1], self.first.weight[out, 1, 1, 1] = a, b
            for out, sign in enumerate((1.0, -1.0)):
                self.second.weight[out, :3, 1, 1] = sign * torch.tensor([1.0, 1.0, -1.0])
                self.last.weight[0, out, 1, 1] = sign * self.SHARPNESS

    def forward(self, views: Tensor, threshold: Tensor, errors: Tensor) -> Tensor:
        """Logits [B, 1, H, W] of standing still, of views and errors [B, 2, H, W]."""
        x = functional.relu(self.first(torch.cat([views - threshold, errors], 1)))
        logits: Tensor = self.last(functional.relu(self.second(x)))
        return logits

    @staticmethod
    def loss(logits: Tensor, error: Tensor) -> Tensor:
        """What it learns from: to leave out what no view explains (Zhou et al. 2017, 4.3).

        The share that stands still times the error [B, 1, H, W] over its mean, and less so the
        more is left out: -log of the share; so a pixel is static where its error is below twice
        the mean.
        """
        known = error.isfinite()
        error = error.where(known, 0.0)
        mean = error.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
        share = logits.sigmoid()
        cost = share * error / mean.clamp(min=1e-6) - functional.logsigmoid(logits)
        return (cost * known).mean()
