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
EDGES = 0.25, 0.05, 0.02
"""Quantiles from below and above of one round after the other."""
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
def align(values: Tensor, reference: Tensor, mask: Tensor, how: str = 'robust') -> Affine:
    """Find scale and shift of each image from the pixels of a mask.

    values, reference [B, H, W], mask bool [B, H, W]. how:

    robust         the range of both becomes equal, from quantile to quantile: first between the
                   quartiles, then farther out (`EDGES`), each time without the pixels whose
                   logarithms are far off. A part of the pixels may be wrong, and what the
                   reference does not know shrinks nothing: a depth that learns from its own
                   alignment would become flat. Then a factor leaves as many pixels above the
                   reference as below: there is no drift to nearer or farther. The map is taken to
                   grow with the reference
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
        floor = LEAST_KNOWN * _images(masked_median(y, mask))
        log, kept = y.clamp(min=floor).log(), mask
        for edge in EDGES:
            scale, shift = _ranges(x, y, kept, edge)
            found = (_images(scale) * x + _images(shift)).clamp(min=floor)
            off = (found.log() - log).abs()
            kept = mask & (off <= FAR * _images(masked_median(off, mask)) + 1e-9)
        factor = masked_median(y / found, mask)
        scale, shift = factor * scale, factor * shift
        usable = usable & scale.isfinite() & shift.isfinite()
    scale, shift, correlation = (
        part.nan_to_num(0.0, 0.0, 0.0).float() for part in (scale, shift, correlation)
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


def _ranges(x: Tensor, y: Tensor, mask: Tensor, edge: float) -> tuple[Tensor, Tensor]:
    """Scale and shift [B] that make the quantiles edge and 1 - edge equal."""
    (x_low, x_high), (y_low, y_high) = (_quantiles(of, mask, edge) for of in (x, y))
    scale = (y_high - y_low) / (x_high - x_low)  # not finite where x is constant
    return scale, y_low - scale * x_low


def _quantiles(values: Tensor, mask: Tensor, edge: float) -> Tensor:
    """[2, B], over the mask of each image; NaN where it is empty."""
    edges = values.new_tensor([edge, 1 - edge])
    return values.masked_fill(~mask, torch.nan).flatten(1).nanquantile(edges, 1)


def _images(values: Tensor) -> Tensor:
    return values[:, None, None]
