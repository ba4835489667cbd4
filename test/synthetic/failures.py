# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on real vehicles, done to drives of the synthetic world.

`first` and `last` are frames; the failure holds from `first` until before `last`. Functions of
images take and return uint8 [N, H, W, 3]; those of drives return a drive to render.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mdepth_ros.synthetic import Drive
from mdepth_ros.synthetic.scene import AXLE, BOX, Material, Part
from mdepth_ros.synthetic.vehicles import TYRE


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
    half = (10.0 + step * (last - first), 0.4, 5.0)
    paint = Material((0.1, 0.1, 0.3), (0.7, 0.6, 0.4), (0.02, 0.02, 0.02), period=(1.7, 1.1))
    train = [Part(BOX, (0, 0, half[2]), half, replace(paint, part=(0.5, 0.4)))]
    frames = torch.arange(drive.frames, dtype=torch.float64)
    ahead, left = _level(drive)
    passed = step * (frames - (first + last) / 2)[:, None]
    place = drive.poses[:, :2, 3] + (distance + half[1]) * ahead + passed * left
    track = torch.cat([place, torch.atan2(left[:, 1:], left[:, :1])], -1)
    return _with_mover(drive, train, track, (frames >= first) & (frames < last))


def lorry(drive: Drive, along: Tensor, across: Tensor, turned: float = 0.0) -> Drive:
    """A lorry of 8.4 m by 2.5 m by 3.6 m, near the camera.

    along, across: [N] metres by which its middle is ahead and to the left of the camera in each
    frame; turned: rad to the left, of the way that the camera looks.
    """
    sheet = Material((0.2, 0.25, 0.5), (0.75, 0.7, 0.6), (0.05, 0.05, 0.08), period=(1.6, 0.9))
    parts = [
        Part(BOX, (-0.8, 0, 2.1), (3.4, 1.25, 1.5), replace(sheet, part=(0.3, 0.4))),
        Part(BOX, (3.4, 0, 1.6), (0.8, 1.2, 1.0), replace(sheet, period=(0.9, 1.1))),
        Part(BOX, (0, 0, 0.55), (4.1, 1.1, 0.2), Material((0.02,) * 3, (0.08,) * 3)),
        *(Part(AXLE, (x, 0, 0.5), (0.5, 1.25, 0.5), TYRE) for x in (-2.8, -1.5, 2.9)),
    ]
    ahead, left = _level(drive)
    place = drive.poses[:, :2, 3] + along[:, None] * ahead + across[:, None] * left
    heading = torch.atan2(ahead[:, 1:], ahead[:, :1]) + turned
    track = torch.cat([place, heading], -1)
    return _with_mover(drive, parts, track, torch.ones(drive.frames, dtype=torch.bool))


def creeping(drive: Drive, speed: float) -> Drive:
    """The camera goes straight on from where it is first, at so many m/s; 0: it stands."""
    poses = drive.poses[:1].repeat(drive.frames, 1, 1)
    ahead, _ = _level(drive)
    seconds = torch.arange(drive.frames, dtype=torch.float64) * drive.config.frame_interval
    poses[:, :2, 3] += speed * seconds[:, None] * ahead[:1]
    return replace(drive, poses=poses, speeds=torch.full_like(drive.speeds, speed))


def shaken(drive: Drive, degrees: float, seed: int = 0) -> Drive:
    """Pitch and roll of the camera are off by up to so much, anew in each frame."""
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(drive.frames, 2, generator=generator, dtype=torch.float64) * 2 - 1
    turns = torch.zeros(drive.frames, 3, dtype=torch.float64)
    turns[:, ::2] = torch.deg2rad(angles * degrees)  # about the camera's x and z axes
    poses = drive.poses.clone()
    poses[:, :3, :3] = poses[:, :3, :3] @ torch.linalg.matrix_exp(_crossed(turns))
    return replace(drive, poses=poses)


def wiped(images: Tensor, first: int, last: int, width: float = 0.08) -> Tensor:
    """A wiper's dark blade goes over the view and back, once in six frames, slanted and soft."""
    height, wide = images.shape[1:3]
    v = torch.linspace(0, 1, height)[:, None]
    u = torch.linspace(0, 1, wide)[None]
    result = images.clone()
    for i in range(first, last):
        phase = (i - first + 0.5) / 3.0
        place = 1 - abs(phase % 2 - 1)
        distance = (u - place - 0.3 * (0.5 - v) * (place - 0.5)).abs() / (width / 2)
        clear = ((distance - 0.8) / 0.4).clamp(0.04, 1)[..., None]
        result[i] = (images[i] * clear).byte()
    return result


def rained(
    images: Tensor, first: int, last: int, drops: int = 40, largest: float = 0.03
) -> Tensor:
    """Drops on the windscreen, out of focus: each shows a smear of what is outside, upside down.

    They stay where they are in the image. largest: of their radii, as a share of its width.
    """
    generator = torch.Generator().manual_seed(0)
    height, wide = images.shape[1:3]
    v, u = torch.meshgrid(torch.arange(height), torch.arange(wide), indexing='ij')
    place = torch.rand(drops, 3, generator=generator)
    cover = torch.zeros(height, wide)
    for x, y, size in place.tolist():
        radius = wide * largest * (0.4 + 0.6 * size)
        distance = ((u - x * wide) ** 2 + (v - y * height) ** 2).sqrt() / radius
        cover = torch.maximum(cover, ((1 - distance) / 0.3).clamp(0, 1))
    outside = images[first:last].permute(0, 3, 1, 2).float()
    smear = torch.nn.functional.adaptive_avg_pool2d(outside.flip(-2), (6, 20))
    smear = torch.nn.functional.interpolate(smear, (height, wide), mode='bicubic')
    bright = (1.1 * smear + 10).clamp(0, 255)
    image = torch.lerp(outside, bright, 0.9 * cover)
    return _during(images, first, last, image.permute(0, 2, 3, 1).byte())


def tunnel(drive: Drive, images: Tensor, first: int, last: int, left: float = 0.04) -> Tensor:
    """A tunnel: in two frames it gets dark, and bright again; lamps pass on the ceiling.

    left: the share of the brightness that is left; the noise of the camera stays what it was.
    """
    generator = torch.Generator().manual_seed(0)
    height, wide = images.shape[1:3]
    v, u = torch.meshgrid(torch.arange(height), torch.arange(wide), indexing='ij')
    ahead, aside = _level(drive)
    start = drive.poses[first, :2, 3]
    result = images.clone()
    for i in range(first, last):
        share = left if first < i < last - 1 else left**0.5
        image = images[i].float() * share
        image += 1.5 * torch.randn(image.shape, generator=generator)
        back = torch.linalg.inv(drive.poses[i])
        for k in range(40):
            for side in (-2.5, 2.5):
                place = start + (k * 6.0 - 10) * ahead[first] + side * aside[first]
                lamp = torch.cat([place, torch.tensor([4.0, 1.0], dtype=torch.float64)])
                seen = (back @ lamp)[:3]
                if not 2 < seen[2] < 60 or i in (first, last - 1):
                    continue
                x, y = drive.camera.project(seen[None])[0].tolist()
                size = drive.camera.fx * 0.25 / float(seen[2])
                glow = (-((u - x) ** 2 + (v - y) ** 2) / (2 * size**2)).exp()
                image += 220 * glow[..., None]
        result[i] = image.clamp(0, 255).byte()
    return result


def _crossed(turns: Tensor) -> Tensor:
    """Rotation vectors [N, 3] -> their matrices of the cross product [N, 3, 3]."""
    x, y, z = turns.unbind(-1)
    none = torch.zeros_like(x)
    return torch.stack([none, -z, y, z, none, -x, -y, x, none], -1).reshape(-1, 3, 3)


def _level(drive: Drive) -> tuple[Tensor, Tensor]:
    """Unit vectors [N, 2] on the ground: ahead of the camera in each frame, and to its left."""
    ahead = torch.nn.functional.normalize(drive.poses[:, :2, 2], dim=-1)
    return ahead, torch.stack([-ahead[:, 1], ahead[:, 0]], -1)


def _with_mover(drive: Drive, parts: Sequence[Part], track: Tensor, there: Tensor) -> Drive:
    """The drive with one more moving object, of the poses [N, 3], in frames [N] where it is."""
    world, count = copy.copy(drive.world), len(parts)
    world.owner = torch.cat([world.owner, torch.full((count,), len(world.pose))])
    world.kind = torch.cat([world.kind, torch.tensor([part.kind for part in parts])])
    centre, half = ([getattr(part, name) for part in parts] for name in ('centre', 'half'))
    world.centre = torch.cat([world.centre, torch.tensor(centre, dtype=torch.float64)])
    world.half = torch.cat([world.half, torch.tensor(half, dtype=torch.float64)])
    rows = [part.material.row() for part in parts]
    world.material = torch.cat([world.material, torch.tensor(rows)])
    world.pose = torch.cat([world.pose, torch.zeros(1, 3, dtype=torch.float64)])
    world.tracks = torch.cat([world.tracks, track[:, None]], 1)
    world.active = torch.cat([world.active, there[:, None]], 1)
    world.moves = torch.cat([world.moves, torch.ones_like(there)[:, None]], 1)
    return replace(drive, world=world)


def _during(images: Tensor, first: int, last: int, instead: Tensor) -> Tensor:
    images = images.clone()
    images[first:last] = instead
    return images
