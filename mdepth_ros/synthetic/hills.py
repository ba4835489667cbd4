# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hills: the height of the ground, and where rays meet it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from mdepth_ros.synthetic.config import Random

LENGTHS = (60.0, 150.0, 400.0)  # metres: one wave of a length between each two
ASLANT = math.radians(30.0)
FARTHEST = 1500.0  # metres beyond which no ray is followed: there it meets the sky


@dataclass(frozen=True)
class Hills:
    """Ground whose height is a sum of plane waves: a sin(kx x + ky y + phase), plus an offset.

    waves: (a in metres, kx, ky in 1/m, phase) of each.
    """

    waves: tuple[tuple[float, float, float, float], ...]
    offset: float

    @property
    def lowest(self) -> float:
        """Metres that the ground is nowhere below."""
        return self.offset - sum(a for a, *_ in self.waves)

    @property
    def highest(self) -> float:
        """Metres that the ground is nowhere above."""
        return self.offset + sum(a for a, *_ in self.waves)

    def height(self, x: Tensor, y: Tensor) -> Tensor:
        """Metres above z = 0 at x, y in odom, any shape."""
        height = torch.full_like(x, self.offset)
        for a, kx, ky, phase in self.waves:
            height = height + a * (kx * x + ky * y + phase).sin()
        return height

    def gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Rise per metre along x and along y."""
        along_x, along_y = torch.zeros_like(x), torch.zeros_like(x)
        for a, kx, ky, phase in self.waves:
            wave = a * (kx * x + ky * y + phase).cos()
            along_x, along_y = along_x + kx * wave, along_y + ky * wave
        return along_x, along_y

    def rise(self, ground: Tensor) -> Tensor:
        """Rise per metre ahead at x, y, heading [..., 3]."""
        x, y, heading = ground.unbind(-1)
        a, b = self.gradient(x, y)
        return a * heading.cos() + b * heading.sin()

    def tangents(self, xy: Tensor) -> Tensor:
        """Planes z = a x + b y + c that touch the ground at xy [..., 2]: a, b, c [..., 3]."""
        x, y = xy.unbind(-1)
        a, b = self.gradient(x, y)
        return torch.stack([a, b, self.height(x, y) - a * x - b * y], -1)

    def standing(self, ground: Tensor) -> Tensor:
        """Poses [N, 4, 4] in odom of what stands on the ground at x, y, heading [N, 3].

        x points ahead along the ground, z along its normal.
        """
        x, y, heading = ground.unbind(-1)
        a, b = self.gradient(x, y)
        up = torch.stack([-a, -b, torch.ones_like(a)], -1)
        ahead = torch.stack([heading.cos(), heading.sin(), self.rise(ground)], -1)
        up, ahead = (torch.nn.functional.normalize(axis, dim=-1) for axis in (up, ahead))
        place = torch.stack([x, y, self.height(x, y)], -1)
        poses = torch.eye(4, dtype=ground.dtype).repeat(len(ground), 1, 1)
        poses[:, :3] = torch.stack([ahead, torch.linalg.cross(up, ahead), up, place], -1)
        return poses

    def cast(
        self, origin: tuple[float, float, float], dx: Tensor, dy: Tensor, dz: Tensor
    ) -> Tensor:
        """Ray parameter at which rays first meet the ground, any shape; inf where they do not.

        origin: x, y, z in odom, above the ground; dx, dy, dz: directions, float32 will do.

        The height above the ground along a ray is a sum of sines, whose second derivative is
        bounded. A step goes to where the parabola that bends down as much as that would end: it
        leaps over no crest, and close to the ground it is Newton's step.
        """
        shape, reach = dx.shape, torch.hypot(dx, dy).flatten()
        rates = torch.stack([(kx * dx + ky * dy).flatten() for _, kx, ky, _ in self.waves])
        amplitude = torch.tensor([[a] for a, *_ in self.waves]).to(rates)
        start = [
            math.remainder(kx * origin[0] + ky * origin[1] + p, math.tau)
            for _, kx, ky, p in self.waves
        ]
        phase = torch.tensor(start)[:, None].to(rates)
        climb, z = dz.flatten(), origin[2] - self.offset
        limit = FARTHEST / reach.clamp_min(1e-9)
        above = (self.highest - origin[2]) / climb.clamp_min(1e-9)
        limit = torch.where(climb > 0, torch.minimum(limit, above), limit)
        met = torch.full_like(climb, torch.inf)
        left = (climb < (amplitude * rates.abs()).sum(0)).nonzero()[:, 0]  # others only rise
        t = torch.zeros_like(climb[left])
        for _ in range(200):
            rate = rates[:, left]
            angle = phase + t * rate
            height = z + t * climb[left] - (amplitude * angle.sin()).sum(0)
            slope = climb[left] - (amplitude * rate * angle.cos()).sum(0)
            bend = (amplitude * rate * rate).sum(0).clamp_min(1e-9)
            root = (slope * slope + 2 * bend * height.clamp_min(0.0)).sqrt()
            step = torch.where(slope < 0, 2 * height / (root - slope), (slope + root) / bend)
            t = t + step
            close = bend * step.abs() * step <= 1e-6 * t * root
            met[left[close]] = t[close]
            on = ~close & (t < limit[left])
            left, t = left[on], t[on]
            if len(left) == 0:
                break
        met = torch.where(met < limit, met, torch.inf)
        return met.reshape(shape)


def height_of(plane: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Height at x, y of planes [..., 3]: z = a x + b y + c."""
    a, b, c = plane.unbind(-1)
    return a * x + b * y + c


def make_hills(random: Random, road: Tensor, slope: float) -> Hills:
    """Make hills on which the steepest piece of a road rises or falls by `slope`.

    road: its x, y, heading [S, 3]. The ground at x = y = 0 has height 0.
    """
    x, y = (road[-1] - road[0])[:2].tolist()
    general = math.atan2(y, x)
    waves = []
    for low, high in pairwise(LENGTHS):
        rate = 2 * math.pi / (low * (high / low) ** random.uniform(0.0, 1.0))
        direction = general + random.uniform(-ASLANT, ASLANT)
        share = random.uniform(0.5, 1.0)
        kx, ky = rate * math.cos(direction), rate * math.sin(direction)
        waves.append((share / rate, kx, ky, random.uniform(0.0, 2 * math.pi)))
    rise = Hills(tuple(waves), 0.0).rise(road)
    factor = slope / float(rise.abs().max())
    waves = [(factor * a, kx, ky, phase) for a, kx, ky, phase in waves]
    return Hills(tuple(waves), -sum(a * math.sin(phase) for a, _, _, phase in waves))
