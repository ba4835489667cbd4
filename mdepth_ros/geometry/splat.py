# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Forward warp: what a view shows, seen from another place, with a z-buffer.

Mining Supervision for Dynamic Regions, Eq. 6. Nothing here has a gradient: which point hides
which is a choice, not a number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mdepth_ros.geometry.motion import full_precision, inverse_transform
from mdepth_ros.geometry.warp import in_view, project_depth, sample, scaled_camera


@torch.no_grad()
def splat_depth(
    depth: Tensor,
    T_target_source: Tensor,
    K: Tensor,
    translation: Tensor | None = None,
    finer: int = 3,
) -> Tensor:
    """Depth of the source [B, H, W] -> depth as the target view sees it [B, H, W], 0 in holes.

    Every pixel becomes `finer` x `finer` points, so that a surface that comes nearer has no
    holes; each falls into the pixel that it projects to, and the nearest point of a pixel stays.
    Points of a depth that is not positive and finite are left out. translation [B, 3, H, W] moves
    the points in the target's frame, as in `project_depth`.
    """
    return _splat(depth, T_target_source, K, translation, finer)[0]


@torch.no_grad()
def splat_ids(
    ids: Tensor,
    depth: Tensor,
    T_target_source: Tensor,
    K: Tensor,
    translation: Tensor | None = None,
    finer: int = 3,
) -> Tensor:
    """Ids of things [B, H, W], 0 is none, as the target view sees them; as `splat_depth`.

    What is no thing hides nothing.
    """
    things = full_precision(depth).where(ids > 0, 0.0)
    nearest, index, z = _splat(things, T_target_source, K, translation, finer)
    fine = ids.repeat_interleave(finer, 1).repeat_interleave(finer, 2).flatten(1)
    seen = z == nearest.flatten(1).gather(1, index)
    # Where two things are at the same depth the larger id stays, so that the order is no matter.
    found = torch.zeros_like(ids).flatten(1)
    found.scatter_reduce_(1, index, fine.where(seen, torch.zeros_like(fine)), 'amax')
    return found.view_as(ids)


def _splat(
    depth: Tensor, T_target_source: Tensor, K: Tensor, translation: Tensor | None, finer: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The splatted depth, and of each point [B, N] the pixel where it falls, and its depth."""
    depth = full_precision(depth)
    height, width = depth.shape[-2:]
    known = depth.isfinite() & (depth > 0)
    points = torch.where(known, depth, 1.0)
    points = points.repeat_interleave(finer, 1).repeat_interleave(finer, 2)
    known = known.repeat_interleave(finer, 1).repeat_interleave(finer, 2)
    if translation is not None:
        translation = translation.repeat_interleave(finer, 2).repeat_interleave(finer, 3)
    pixels, z = project_depth(points, T_target_source, scaled_camera(K, 1 / finer), translation)
    cells = ((pixels + 0.5) / finer).floor().long()
    known &= in_view((pixels + 0.5) / finer - 0.5, z, height, width)
    u, v = cells[..., 0].clamp(0, width - 1), cells[..., 1].clamp(0, height - 1)
    index = (v * width + u).flatten(1)
    nearest = torch.full_like(depth, torch.inf).flatten(1)
    z = z.where(known, torch.inf).flatten(1)
    nearest.scatter_reduce_(1, index, z, 'amin')
    return nearest.where(nearest.isfinite(), 0.0).view(-1, height, width), index, z


@torch.no_grad()
def forward_warp(
    image: Tensor, depth: Tensor, T_target_source: Tensor, K: Tensor, finer: int = 3
) -> tuple[Tensor, Tensor]:
    """Image [B, C, H, W] with its depth [B, H, W], as the target view would see a static world.

    The depth is splatted; the image is then sampled where the target's pixels come from, so that
    it stays sharp. Returns the image [B, C, H, W], black in holes, and the splatted depth.
    """
    seen = splat_depth(depth, T_target_source, K, finer=finer)
    there = seen > 0
    pixels, z = project_depth(seen.where(there, 1.0), inverse_transform(T_target_source), K)
    there &= in_view(pixels, z, *depth.shape[-2:])
    return sample(image, pixels) * there[:, None], seen.where(there, 0.0)
