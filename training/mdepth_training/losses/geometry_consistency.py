# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry consistency of two views (SC-Depth; Bian et al., NeurIPS 2019, arXiv 1908.10553)."""

from __future__ import annotations

from torch import Tensor

from mdepth_ros.geometry import in_view, project_depth, sample


def depth_inconsistency(
    depth: Tensor, source_depth: Tensor, T_source_target: Tensor, K: Tensor
) -> tuple[Tensor, Tensor]:
    """How far the depths of two views disagree about each point of the first (Eq. 6).

    |z - d| / (z + d), in 0..1: z is the depth of the point in the source view, d what the source
    view has there. depth [B, H, W] and source_depth [B, H, W] in one unit, T_source_target
    [B, 4, 4], K [B, 3, 3] -> the difference [B, 1, H, W], 0 for a point that the source view does
    not show, and whether it shows it (bool).
    """
    pixels, z = project_depth(depth, T_source_target, K)
    visible = in_view(pixels, z, *depth.shape[-2:])
    z = z.clamp(min=1e-6)
    there = sample(source_depth[:, None], pixels, 'border')[:, 0]
    difference = (z - there).abs() / (z + there)
    return (difference * visible)[:, None], visible[:, None]
