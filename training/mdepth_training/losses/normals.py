# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Normals of the surface that a depth map is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def surface_normals(points: Tensor, reach: int = 1) -> Tensor:
    """Unit normals [B, 3, H, W] of points [B, 3, H, W], from neighbours so many pixels away.

    The mean of four cross products of the ways to the neighbours (Mining Supervision, 1.2).
    """
    padded = functional.pad(points, (reach,) * 4, mode='replicate')
    height, width = points.shape[-2:]

    def way(down: int, right: int) -> Tensor:
        top, left = reach * (1 + down), reach * (1 + right)
        return padded[..., top : top + height, left : left + width] - points

    around = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
    ways = [way(*step) for step in around]
    total = torch.zeros_like(points)
    for i in range(4):
        # Two ways at a right angle; opposite corners meet in the same sum.
        one, other = ways[2 * i], ways[(2 * i + 2) % 8]
        total = total + functional.normalize(torch.linalg.cross(one, other, dim=1), dim=1)
    return functional.normalize(total, dim=1)
