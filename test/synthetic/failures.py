# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on real vehicles, done to drives of the synthetic world.

`first` and `last` are frames; the failure holds from `first` until before `last`. Functions of
images take and return uint8 [N, H, W, 3]; those of drives return a drive to render.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from mdepth_ros.synthetic import Drive
from mdepth_ros.synthetic.scene import BOX, Material


def frozen(images: Tensor, first: int, last: int) -> Tensor:
    """The driver of the camera repeats the image before `first`."""
    return _during(images, first, last, images[first - 1].expand(last - first, -1, -1, -1))


def black(images: Tensor, first: int, last: int) -> Tensor:
    """The camera delivers nothing but black."""
    return _during(images, first, last, torch.zeros_like(images[first:last]))


def covered(images: Tensor, first: int, last: int) -> Tensor:
    """Dirt on the lens: stains that stand still, and between them a smear of what is outside."""
    outside = images[first:last].permute(0, 3, 1, 2).float()
    height, width = outside.shape[2:]
    smear = torch.nn.functional.adaptive_avg_pool2d(outside, (2, 4))
    smear = torch.nn.functional.interpolate(smear, (height, width), mode='bicubic')
    stains = torch.rand(1, 1, 6, 16, generator=torch.Generator().manual_seed(0))
    stains = torch.nn.functional.interpolate(stains, (height, width), mode='bicubic')
    image = smear * (0.2 + 0.6 * stains.clamp(0, 1))
    return _during(images, first, last, image.clamp(0, 255).permute(0, 2, 3, 1).byte())


def cut(images: Tensor, other: Tensor, at: int) -> Tensor:
    """Another scene from frame `at` on."""
    return torch.cat([images[:at], other[at:]])


def spun(drive: Drive, first: int, last: int, turns: float = 1.0) -> Drive:
    """The camera is swung around its vertical axis, by so many turns until frame `last`."""
    angle = torch.zeros(drive.frames, dtype=torch.float64)
    angle[first:] = 2 * torch.pi * turns
    angle[first:last] *= torch.arange(1, last - first + 1) / (last - first + 1)
    c, s = angle.cos(), angle.sin()
    poses = drive.poses.clone()
    x, z = drive.poses[:, :3, :1], drive.poses[:, :3, 2:3]  # to the right, and ahead
    poses[:, :3, :1] = c[:, None, None] * x - s[:, None, None] * z
    poses[:, :3, 2:3] = s[:, None, None] * x + c[:, None, None] * z
    return replace(drive, poses=poses)


def blocked(
    drive: Drive, first: int, last: int, distance: float = 2.5, step: float = 0.3
) -> Drive:
    """A long train passes close before the camera, which rolls on behind it, and fills the view.

    distance: metres between them; step: metres per frame by which the train passes.
    """
    world = copy.copy(drive.world)
    half = (10.0 + step * (last - first), 0.4, 5.0)
    paint = Material((0.1, 0.1, 0.3), (0.7, 0.6, 0.4), (0.02, 0.02, 0.02), period=(1.7, 1.1))
    paint = replace(paint, part=(0.5, 0.4))
    frames = torch.arange(drive.frames, dtype=torch.float64)
    ahead = torch.nn.functional.normalize(drive.poses[:, :2, 2], dim=-1)
    left = torch.stack([-ahead[:, 1], ahead[:, 0]], -1)
    passed = step * (frames - (first + last) / 2)[:, None]
    place = drive.poses[:, :2, 3] + (distance + half[1]) * ahead + passed * left
    track = torch.cat([place, torch.atan2(left[:, 1:], left[:, :1])], -1)
    there = (frames >= first) & (frames < last)
    world.owner = torch.cat([world.owner, torch.tensor([len(world.pose)])])
    world.kind = torch.cat([world.kind, torch.tensor([BOX])])
    world.centre = torch.cat([world.centre, torch.tensor([[0, 0, half[2]]], dtype=torch.float64)])
    world.half = torch.cat([world.half, torch.tensor([half], dtype=torch.float64)])
    world.material = torch.cat([world.material, torch.tensor([paint.row()])])
    world.pose = torch.cat([world.pose, torch.zeros(1, 3, dtype=torch.float64)])
    world.tracks = torch.cat([world.tracks, track[:, None]], 1)
    world.active = torch.cat([world.active, there[:, None]], 1)
    world.moves = torch.cat([world.moves, torch.ones_like(there)[:, None]], 1)
    return replace(drive, world=world)


def _during(images: Tensor, first: int, last: int, instead: Tensor) -> Tensor:
    images = images.clone()
    images[first:last] = instead
    return images
