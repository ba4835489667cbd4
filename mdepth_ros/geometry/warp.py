# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""View synthesis: p_source ~ K T_source_target D(p) K⁻¹ p (Zhou et al. 2017, Eq. 2).

Everything is differentiable in depth, transform, K and source image. Geometry is computed in
float32 or better and without matrix products, so neither autocast nor TF32 moves a pixel. K is
[3, 3] or [B, 3, 3], without skew; transforms are [4, 4] or [B, 4, 4].
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.geometry.motion import full_precision

# Nearer than this a point is not in front of the camera (in the unit of the depth).
MIN_DEPTH = 1e-3


@lru_cache(maxsize=16)
def _cached_grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    # A tensor made in inference mode could never again take part in training.
    with torch.inference_mode(False):
        v = torch.arange(height, dtype=dtype, device=device)
        u = torch.arange(width, dtype=dtype, device=device)
        return torch.stack(torch.meshgrid(u, v, indexing='xy'), -1)


def pixel_grid(
    height: int,
    width: int,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Pixel coordinates (u, v) of every pixel, [H, W, 2]. Shared between calls: do not write."""
    return _cached_grid(height, width, torch.device(device), dtype)


def _batched(matrix: Tensor) -> Tensor:
    """A matrix [n, n] or [B, n, n] -> [B or 1, n, n, 1, 1], to be combined with images."""
    matrix = full_precision(matrix)[..., None, None]
    return matrix if matrix.dim() == 5 else matrix[None]


def _directions(depth: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """X/Z of each column [B, 1, W] and Y/Z of each row [B, H, 1]."""
    grid = pixel_grid(depth.shape[-2], depth.shape[-1], depth.device, depth.dtype)
    K = _batched(K)
    return (grid[:1, :, 0] - K[:, 0, 2]) / K[:, 0, 0], (grid[:, :1, 1] - K[:, 1, 2]) / K[:, 1, 1]


def backproject(depth: Tensor, K: Tensor) -> Tensor:
    """Depth [B, H, W] along z -> points [B, 3, H, W] in the camera frame."""
    depth = full_precision(depth)
    x, y = _directions(depth, K)
    return torch.stack([x * depth, y * depth, depth], 1)


def project(points: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """Points [B, 3, H, W] -> pixels [B, H, W, 2] and their depth z [B, H, W].

    Where z is not positive the pixels mean nothing, but they and their gradients are finite.
    """
    points, K = full_precision(points), _batched(K)
    focal, centre = torch.stack([K[:, 0, 0], K[:, 1, 1]], 1), K[:, :2, 2]
    pixels = points[:, :2] / points[:, 2:].clamp(min=MIN_DEPTH) * focal + centre
    return pixels.permute(0, 2, 3, 1), points[:, 2]


def project_depth(
    depth: Tensor, T_source_target: Tensor, K: Tensor, translation: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Where the target's pixels lie in the source view, and how deep they lie there.

    depth [B, H, W] of the target, T_source_target [B, 4, 4] -> pixels [B, H, W, 2], z [B, H, W].
    translation [B, 3, H, W] is what each point moves by itself, in the source's frame (Mining
    Supervision, Eq. 3).
    """
    depth, T = full_precision(depth), _batched(T_source_target)
    x, y = (direction.unsqueeze(1) for direction in _directions(depth, K))
    # R (x, y, 1): the column part and the row part meet in one addition per pixel.
    turned = T[:, :3, 0] * x + (T[:, :3, 1] * y + T[:, :3, 2])
    points = turned * depth.unsqueeze(1) + T[:, :3, 3]
    return project(points if translation is None else points + full_precision(translation), K)


def sample(image: Tensor, pixels: Tensor, padding: str = 'border') -> Tensor:
    """Image [B, C, H, W] at pixels [B, h, w, 2], bilinear -> [B, C, h, w].

    Padding: 'border' repeats the edge, 'zeros' is black outside.
    """
    height, width = image.shape[-2:]
    u, v = full_precision(pixels).unbind(-1)
    grid = torch.stack(
        [u * (2 / width) + (1 / width - 1), v * (2 / height) + (1 / height - 1)], -1
    )
    with torch.autocast(image.device.type, enabled=False):
        return functional.grid_sample(
            image.to(grid.dtype), grid, padding_mode=padding, align_corners=False
        )


def in_view(pixels: Tensor, z: Tensor, height: int, width: int) -> Tensor:
    """Which points, of pixels [..., 2] and depth z [...], are in front and on the image; bool."""
    u, v = pixels.detach().unbind(-1)
    inside = (u >= -0.5) & (u <= width - 0.5) & (v >= -0.5) & (v <= height - 0.5)
    return inside & (z.detach() > MIN_DEPTH)


def warp(
    source: Tensor,
    depth: Tensor,
    T_source_target: Tensor,
    K: Tensor,
    padding: str = 'border',
    translation: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The target view, seen through the source image.

    source [B, C, H, W], depth [B, H, W] of the target, T_source_target [B, 4, 4], translation as
    in `project_depth` -> warped [B, C, H, W] and valid [B, H, W] (bool): the point lies on the
    source image and in front of it.
    """
    pixels, z = project_depth(depth, T_source_target, K, translation)
    height, width = source.shape[-2:]
    return sample(source, pixels, padding), in_view(pixels, z, height, width)


def scaled_camera(K: Tensor, shrink: float) -> Tensor:
    """Camera matrices [..., 3, 3] of images `shrink` times smaller, below 1: larger.

    Integer coordinates are pixel centres, so that corners stay at -0.5.
    """
    K = K / shrink
    K[..., :2, 2] += 0.5 / shrink - 0.5
    K[..., 2, 2] = 1
    return K
