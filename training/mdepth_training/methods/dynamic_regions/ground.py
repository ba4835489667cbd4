# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pixels are the ground, from depth alone (Mining Supervision, 1.2; DNet, 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.geometry import backproject
from mdepth_training.losses import masked_median, surface_normals

REACH = 11 / 512
"""From a pixel to the neighbours that give its normal, as a share of the width: 11 of 512."""
TILT = math.cos(math.radians(10))
HEIGHT_TOLERANCE, FEET = 0.3, 0.1
TALLEST = 2.5
"""The tallest thing in camera heights."""
CERTAIN = 255
"""What the label GROUND is where the probability is 1."""
GROUND = 'ground_probability'


@torch.no_grad()
def ground_mask(depth: Tensor, K: Tensor) -> Tensor:
    """Where the surface lies level, below the camera, and as low as most of what does.

    depth [B, H, W], K [B, 3, 3] -> bool [B, H, W]. The normal of a pixel is the mean of four
    cross products of the ways to its neighbours; level: within 10 degrees of the y axis, which is
    that of a camera that looks ahead. The height is asked too (the paper; its code does not): a
    roof is level, and a car's bonnet.
    """
    points = backproject(depth, K)
    reach = max(1, round(REACH * depth.shape[-1]))
    normal = surface_normals(points, reach)
    level = normal[:, 1].abs() > TILT
    height = points[:, 1]
    candidates = level & (height > 0) & depth.isfinite()
    usual = masked_median(height, candidates)[:, None, None]
    return candidates & ((height / usual - 1).abs() < HEIGHT_TOLERANCE)


@torch.no_grad()
def ground_around(ground: Tensor, depth: Tensor, K: Tensor) -> Tensor:
    """The ground [B, H, W] and what is as low beside it, up to where things stand.

    There the normals of `ground_mask` are those of two surfaces. The feet of things, up to a tenth
    of the camera's height, are as low.
    """
    reach = 2 * max(1, round(REACH * depth.shape[-1])) + 1
    near = functional.max_pool2d(ground[:, None].float(), reach, 1, reach // 2)[:, 0] > 0
    height = backproject(depth, K)[:, 1]
    usual = masked_median(height, ground)[:, None, None]
    return ground | (near & ((height / usual - 1).abs() < FEET))


@torch.no_grad()
def low_above(ground: Tensor, depth: Tensor, K: Tensor) -> Tensor:
    """What is above the ground, and no higher than things are: bool [B, H, W].

    Up to 2.5 camera heights above the ground, which lies one below the camera.
    """
    y = backproject(depth, K)[:, 1]
    usual = masked_median(y, ground)[:, None, None]
    return ~ground & (y > -(TALLEST - 1) * usual) & usual.isfinite()
