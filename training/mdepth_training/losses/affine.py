# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map of unknown scale and shift, brought to that of another: pseudo-depth to depth.

A depth network that learned from many cameras knows depth, or its inverse, up to a P + b. Our
reconstruction of SS-MDE: the paper's own way is not public.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_training.losses.label import masked_median

LEAST_PIXELS, LEAST_SHARE = 32, 0.01
"""Fewer pixels, or a smaller share of the image, do not decide two numbers."""
LEAST_SPREAD = 1e-3
"""A map that deviates less from its median, as a share of its usual size, is constant."""
LEAST_KNOWN = 0.1
"""A reference that deviates less, as a share, knows no scale: all would become as flat."""
FAR = 2.5 * 1.4826
"""How many median deviations off a pixel is left out: 2.5 standard deviations of a normal one."""


@dataclass(frozen=True)
class Affine:
    """What brings the map of each image to the reference: scale * map + shift.

    scale, shift, correlation  [B]; the correlation of map and reference over the pixels used
    usable                     [B] bool: the image has enough pixels, and neither map nor
                               reference is constant there
    """

    scale: Tensor
    shift: Tensor
    correlation: Tensor
    usable: Tensor

    def of(self, values: Tensor) -> Tensor:
        """The map [B, H, W] at the reference's scale; NaN in images where it is not usable."""
        scale = self.scale.where(self.usable, torch.nan)
        return _images(scale) * values + _images(self.shift)


@torch.no_grad()
def align(
    values: Tensor, reference: Tensor, mask: Tensor, how: str = 'robust', rounds: int = 2
) -> Affine:
    """Find scale and shift of each image from the pixels of a mask.

    values, reference [B, H, W], mask bool [B, H, W]. how:

    robust         the median absolute deviations of both become equal; then again without the
                   pixels that are far off, so many `rounds`. A part of the pixels may be wrong,
                   and a reference that knows little does not shrink the map. The map is taken to
                   grow with the reference. The shift leaves as many pixels above the reference as
                   below it: what learns from the map has no drift to nearer or farther
    least_squares  of scale * values + shift - reference; a map that falls where the reference
                   grows is not usable
    """
    mask = mask & values.isfinite() & reference.isfinite()
    x, y = (of.double().masked_fill(~mask, 0.0) for of in (values, reference))
    least = max(LEAST_PIXELS, LEAST_SHARE * mask[0].numel())
    usable = mask.flatten(1).sum(1) >= least
    for of, share in ((x, LEAST_SPREAD), (y, LEAST_KNOWN)):
        spread = masked_median((of - _images(masked_median(of, mask))).abs(), mask)
        usable = usable & (spread > share * masked_median(of.abs(), mask))
    scale, shift, correlation = _line(x, y, mask)
    if how == 'least_squares':
        usable = usable & (scale > 0)
    else:
        kept = mask
        for left in range(rounds, -1, -1):
            scale, shift = _medians(x, y, kept)
            if left:
                off = (_images(scale) * x + _images(shift) - y).abs()
                kept = mask & (off <= FAR * _images(masked_median(off, mask)) + 1e-9)
        shift = masked_median(y - _images(scale) * x, mask)
    scale, shift, correlation = (
        part.nan_to_num(0.0).float() for part in (scale, shift, correlation)
    )
    return Affine(scale, shift, correlation, usable)


def _line(x: Tensor, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slope, intercept and correlation [B] of the line of least squares."""
    count = mask.flatten(1).sum(1).clamp(min=1)
    means = [of.flatten(1).sum(1) / count for of in (x, y)]
    dx, dy = (
        ((of - _images(mean)) * mask).flatten(1) for of, mean in zip((x, y), means, strict=True)
    )
    xx, xy, yy = ((a * b).sum(1) for a, b in ((dx, dx), (dx, dy), (dy, dy)))
    slope = xy / xx.clamp(min=1e-30)
    return slope, means[1] - slope * means[0], xy / (xx * yy).sqrt().clamp(min=1e-30)


def _medians(x: Tensor, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift [B] that make medians and median absolute deviations equal."""
    middles = [masked_median(of, mask) for of in (x, y)]
    spreads = [
        masked_median((of - _images(middle)).abs(), mask)
        for of, middle in zip((x, y), middles, strict=True)
    ]
    scale = spreads[1] / spreads[0].clamp(min=1e-30)
    return scale, middles[1] - scale * middles[0]


def _images(values: Tensor) -> Tensor:
    return values[:, None, None]
