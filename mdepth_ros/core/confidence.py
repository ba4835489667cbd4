# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How sure is the depth of each pixel: its expected relative error, and a confidence from that.

Two things tell of the error without any truth:

roughness  how far the disparity is from its mean over 5x5 pixels, relative to it. Of a plane the
           disparity is linear in the pixel (n.P = D gives 1/z = (n.K^-1 p) / D), so roads and
           walls have none at any angle; depth edges, thin things and blotches have
change     |ln(z / d)|: z is the depth of the point in the frame before, by the motion of the pair,
           d the depth that was estimated there then. It is large for what moves by itself, for
           what was hidden in the frame before, and for flicker

Both are averaged over neighbourhoods of 8x8 pixels of half the network's size. The error is
modelled as exp(a + b ln(roughness) + c ln(change)), and as exp(a' + b' ln(roughness)) where
the change is not visible: at the border that came into view, where the frame before was
skipped or there is none, and in standstill, where two frames agree whatever the depth is.

The photometric difference of the two frames, texture, range and parallax were tried beside the two
and ranked the errors of held-out drives no better.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from mdepth_ros.geometry import in_view, project_depth, sample

WITHIN = 0.25
"""Confidence is the probability of a smaller relative error; 0.25 as in the metric d1."""
PAIRED = (0.09, 0.39, 0.33)
"""a, b, c of the error; from `python -m mdepth_training.evaluation.fit_confidence`."""
ALONE = (-0.22, 0.57)
"""a', b' of the error where only the roughness is known; from the same."""
SMALLEST = (0.003, 0.01)
"""Added to roughness and change before the logarithm: smaller values mean nothing."""
MIN_PARALLAX = 0.5
"""Mean flow by translation, in pixels of half the size: below it the change counts less."""
_WINDOW, _STRIDE = 8, 4


class Terms(NamedTuple):
    """What the error is estimated from, each [1, 1, h/4, w/4].

    share  in 0..1: the weight of the change, from where it is visible and from the parallax
    """

    roughness: Tensor
    change: Tensor
    share: Tensor


def terms(depth: Tensor, earlier: Tensor | None, motion: Tensor, K: Tensor) -> Terms:
    """Roughness of a depth map, and its change since the frame before.

    depth    [1, h, w], sides multiples of 4
    earlier  [1, h, w] of the frame before; None where it is not known
    motion   T_previous_current [4, 4] in the unit of the depths, on any device
    K        [3, 3] of these pixels
    """
    disparity = 1 / depth[None]
    smooth = avg_pool2d(disparity, 5, 1, 2, count_include_pad=False)
    rough = _averaged((disparity - smooth).abs_().div_(disparity))
    if earlier is None:
        return Terms(rough, torch.zeros_like(rough), torch.zeros_like(rough))
    pixels, z = project_depth(depth, motion.to(K.device, torch.float32)[None], K)
    visible = in_view(pixels, z, *depth.shape[-2:])[None].float()
    then = sample(1 / earlier[None], pixels)
    change = (z.clamp(min=1e-6)[None] * then).log_().abs_()
    share = _averaged(visible)
    change = _averaged(change * visible) / share.clamp(min=1e-6)
    flow = float(motion[:3, 3].norm()) * K[0, 0] * disparity.mean()
    return Terms(rough, change, share * (flow / MIN_PARALLAX).clamp(max=1))


def expected_error(found: Terms) -> Tensor:
    """Expected |d - z| / z of the depth, of the shape of the terms.

    Fitted to depth that was scaled to the truth: an error of the scale comes on top.
    """
    rough = (found.roughness + SMALLEST[0]).log()
    change = (found.change + SMALLEST[1]).log()
    paired = PAIRED[0] + PAIRED[1] * rough + PAIRED[2] * change
    alone = ALONE[0] + ALONE[1] * rough
    return torch.exp(alone + found.share * (paired - alone))


def confidence(
    depth: Tensor, earlier: Tensor | None, motion: Tensor, K: Tensor, size: tuple[int, int]
) -> Tensor:
    """Confidence [h, w] of `size` in 0..1 for a depth at half of it; arguments as of `terms`.

    1 - exp(-0.25 / e), e the expected error: the probability that the depth is off by less than
    25 %, if errors of a mean e are distributed exponentially.
    """
    error = expected_error(terms(depth, earlier, motion, K))
    error = interpolate(error, size=size, mode='bilinear', align_corners=False)
    return -torch.expm1(-WITHIN / error[0, 0])


def _averaged(values: Tensor) -> Tensor:
    """Means over 8x8 pixels of every fourth pixel."""
    padding = (_WINDOW - _STRIDE) // 2
    return avg_pool2d(values, _WINDOW, _STRIDE, padding, count_include_pad=False)
