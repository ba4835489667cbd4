# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a depth learns from a pseudo-depth of its own scale (terms of SC-DepthV3, 2211.03660).

All take depth and target [B, H, W], the target without gradient, and where it counts, bool
[B, H, W]. Outside of that the target may be anything.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.geometry import backproject, pixel_grid, sample
from mdepth_training.losses.normals import surface_normals, unit
from mdepth_training.losses.photometric import masked_mean

EDGE = 0.1
"""Share of the strongest gradient of an image from which on a pixel is on an edge."""
NEAREST, FARTHEST = 3 / 832, 19 / 832
"""From an edge to the points beside it, shares of the width: 3 to 19 pixels of 832."""
LEAST = 2
"""Nearest of these points in pixels, and the least spread: a normal is of 3 x 3 pixels."""
JUMP = 0.1
"""Difference of log depths among the neighbours of a pixel from which on it is at a jump."""
ALIKE = 1.15
"""Depths whose ratio is below this have no order."""


def log_depth_loss(depth: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean of |log depth - log target|: a scalar, 0 where nothing counts."""
    off = depth.where(counts, 1.0).log() - target.where(counts, 1.0).log()
    return masked_mean(off.abs(), counts.float())


def normal_loss(depth: Tensor, target: Tensor, K: Tensor, counts: Tensor) -> Tensor:
    """Mean of |n(depth) - n(target)| over the three parts of the normals, K [B, 3, 3].

    Only where the eight neighbours count too.
    """
    ours, theirs = _normals(depth, target, K, counts)
    off = (ours - theirs).abs().mean(1)
    return masked_mean(off, inner(counts).float())


def edge_normal_loss(
    depth: Tensor, target: Tensor, image: Tensor, K: Tensor, counts: Tensor, points: int
) -> Tensor:
    """How much the angles between surfaces differ, across edges of the image and of normals.

    image [B, 3, H, W]. Four points lie on a line across each of `points` edges of an image, two
    on each side, 3 to 19 pixels away (at a width of 832); the cosines between the normals of
    neighbours among them are compared: |cos(target) - cos(depth)|. Points where the target jumps
    are left out. Edges and distances are drawn by torch's default generator.
    """
    ours, theirs = _normals(depth, target, K, counts)
    certain = inner(inner(counts))
    of_image, direction = _edges(image.mean(1, keepdim=True), certain)
    of_normals, direction_n = _edges(theirs, certain)
    edge = torch.maximum(of_image, of_normals) >= EDGE
    direction = direction.where((of_image >= of_normals)[:, None], direction_n)
    log_target = target.where(counts, 1.0).log()[:, None]
    highest, lowest = (functional.max_pool2d(sign * log_target, 3, 1, 1)[:, 0] for sign in (1, -1))
    usable = inner(counts) & (highest + lowest < JUMP)
    chosen, some = drawn(edge & certain, points)
    batch, (height, width) = len(depth), depth.shape[-2:]
    at = pixel_grid(height, width, depth.device).reshape(1, -1, 2).expand(batch, -1, -1)
    at = at.gather(1, chosen[..., None].expand(-1, -1, 2))
    along = direction.flatten(2).transpose(1, 2)
    along = along.gather(1, chosen[..., None].expand(-1, -1, 2))
    steps = torch.rand(4, batch, points, 1, device=depth.device).sort(0).values
    nearest = max(NEAREST * width, LEAST)
    far = nearest + steps * max((FARTHEST - NEAREST) * width, LEAST)
    # The four distances in their order on the line: -far, -near, near, far.
    places = torch.stack([at + d * along for d in (-far[2], -far[0], far[1], far[3])], 1).round()
    inside = ((places >= 0) & (places < places.new_tensor([width, height]))).all(-1)
    good = sample(usable[:, None].float(), places)[:, 0] > 0.99
    good = good & inside & some[:, None]
    normals = [sample(n, places) for n in (ours, theirs)]
    cosines = [(n[:, :, :-1] * n[:, :, 1:]).sum(1) for n in normals]
    off = (cosines[0] - cosines[1]).abs()
    return masked_mean(off, (good[:, :-1] & good[:, 1:]).float())


def ranking_loss(
    depth: Tensor, target: Tensor, unsure: Tensor, counts: Tensor, share: float = 0.1
) -> Tensor:
    """Which of two pixels is farther, as the target has it: log(1 + exp(-l (z_a - z_b))).

    unsure bool [B, H, W]: each pair has one pixel of it and one of the rest; as many pairs are of
    any two pixels. share: pairs of each of the two kinds, as a share of the pixels of an image.
    l is 1 where a is farther by more than 15 %, -1 where b is; other pairs do not count. z is the
    log of the depth, so that no unit counts; SC-DepthV3 takes the depth itself. Pairs are drawn
    by torch's default generator.
    """
    points = max(1, round(share * depth[0].numel()))
    pairs = [(unsure & counts, ~unsure & counts), (counts, counts)]
    z, t = depth.clamp(min=1e-6).log().flatten(1), target.where(counts, 1.0).log().flatten(1)
    losses, weights = [], []
    for one, other in pairs:
        (a, some_a), (b, some_b) = drawn(one, points), drawn(other, points)
        apart = t.gather(1, a) - t.gather(1, b)
        order = apart.sign() * (apart.abs() > math.log(ALIKE))
        weights.append((order != 0) & some_a & some_b)
        losses.append(functional.softplus(-order * (z.gather(1, a) - z.gather(1, b))))
    return masked_mean(torch.cat(losses, 1), torch.cat(weights, 1).float())


def drawn(mask: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """So many pixels of a mask [B, H, W] by chance, again and again where it has fewer.

    Places in the flattened image [B, points], and whether there is one at all, bool [B, points].
    """
    weights = mask.flatten(1).float()
    some = weights.sum(1, keepdim=True) > 0
    weights = weights.where(some, 1.0)
    found = torch.rand(len(mask), points, device=mask.device) * weights.sum(1, keepdim=True)
    # The n-th pixel of the mask is where the running count passes n.
    places = torch.searchsorted(weights.cumsum(1), found, right=True)
    return places.clamp(max=weights.shape[1] - 1), some.expand(-1, points)


def inner(mask: Tensor) -> Tensor:
    """Where all eight neighbours inside of the image are in the mask too, bool [B, H, W]."""
    return functional.max_pool2d((~mask)[:, None].float(), 3, 1, 1)[:, 0] == 0


def _normals(depth: Tensor, target: Tensor, K: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        theirs = surface_normals(backproject(target.where(counts, 1.0), K))
    return surface_normals(backproject(depth, K)), theirs


def _edges(maps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of maps [B, C, H, W]: strength [B, H, W] and unit direction [B, 2, H, W].

    Of several channels that of the one where it is longest; 1 is the strongest in the mask.
    """
    with torch.no_grad():
        padded = functional.pad(maps, (1, 1, 1, 1), mode='replicate')
        right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
        down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
        length, channel = (right * right + down * down).sqrt().max(1)
        both = torch.stack([right, down], 2)
        place = channel[:, None, None].expand(-1, 1, 2, -1, -1)
        strongest = (length * mask).amax((1, 2), keepdim=True)
        length = length / strongest.clamp(min=1e-6)
        return length, unit(both.gather(1, place)[:, 0])
