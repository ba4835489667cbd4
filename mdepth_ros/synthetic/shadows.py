# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shadows that the sun casts: a shadow map over the ground, in the direction of the light."""

import math

import torch
from torch import Tensor

from mdepth_ros.synthetic.render import ROUND, Placed

CELL = 0.25  # metres between the points of the map
AHEAD, ASIDE = 90.0, 50.0  # metres around the camera's way that the map covers
SOFT = 0.3  # metres of height over which a shadow sets in


class Shadows:
    """For each ground point, how high above it the light is blocked on its way there.

    A point of any surface is in shadow where the ray of light through it is blocked higher up.
    The static world is entered once, what moves in every frame anew.
    """

    def __init__(self, sun: tuple[float, float, float], poses: Tensor, still: Placed) -> None:
        forward = poses[:, :2, 2]
        reach = torch.cat([poses[:, :2, 3], poses[:, :2, 3] + AHEAD * forward])
        self.corner = reach.amin(0) - ASIDE
        size = ((reach.amax(0) + ASIDE - self.corner) / CELL).long() + 1
        self.sun = sun
        self.slope = sun[2] / math.hypot(sun[0], sun[1])
        self.static = torch.zeros(int(size[1]), int(size[0]))
        self._enter(self.static, still)

    def at(self, moving: Placed) -> Tensor:
        """Heights [h, w] of the map with what moves in it."""
        heights = self.static.clone()
        self._enter(heights, moving)
        return heights

    def lit(self, heights: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Share of the sun's light [N] that reaches the points x, y, z [N] in odom."""
        height, width = heights.shape
        u = (x - z * (self.sun[0] / self.sun[2]) - float(self.corner[0])) / CELL
        v = (y - z * (self.sun[1] / self.sun[2]) - float(self.corner[1])) / CELL
        grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], -1)
        top = torch.nn.functional.grid_sample(
            heights[None, None], grid[None, None], align_corners=False
        )[0, 0, 0]
        margin = 0.2 + min(CELL * self.slope, 1.0)  # a surface does not shade itself
        return 1 - ((top - z - margin) / SOFT).clamp(0.0, 1.0)

    def _enter(self, heights: Tensor, placed: Placed) -> None:
        """Raise the map to where light that comes down past the primitives leaves them."""
        down = torch.tensor([-self.sun[0] / self.sun[2], -self.sun[1] / self.sun[2]]).double()
        size = torch.tensor([heights.shape[1], heights.shape[0]])
        centre, half = placed.pose[:, :3], placed.half
        foot = centre[:, :2] + centre[:, 2:] * down - self.corner
        radius = half[:, :2].norm(dim=-1, keepdim=True) + half[:, 2:] * down.abs()
        low = ((foot - radius) / CELL).floor().long().clamp_min(0).minimum(size)
        high = ((foot + radius) / CELL).ceil().long().clamp_min(0).minimum(size)
        rows = zip(
            placed.kind.tolist(),
            (centre[:, :2] - self.corner).tolist(),
            placed.pose[:, 2:].tolist(),
            half.tolist(),
            low.tolist(),
            high.tolist(),
            strict=True,
        )
        for kind, (x, y), (z, heading), size_, (left, bottom), (right, top) in rows:
            if right <= left or top <= bottom:
                continue
            window = heights[bottom:top, left:right]
            gx = (torch.arange(left, right) * CELL - x)[None]
            gy = (torch.arange(bottom, top) * CELL - y)[:, None]
            c, s = math.cos(heading), math.sin(heading)
            origin = (
                (c * gx + s * gy) / size_[0],
                (c * gy - s * gx) / size_[1],
                torch.full((1, 1), -z / size_[2]),
            )
            rise = (
                (c * self.sun[0] + s * self.sun[1]) / self.sun[2] / size_[0],
                (c * self.sun[1] - s * self.sun[0]) / self.sun[2] / size_[1],
                1.0 / size_[2],
            )
            exit_ = _leave(origin, rise, ROUND.get(kind, (0, 1)))
            torch.maximum(window, exit_, out=window)


def _leave(
    o: tuple[Tensor, Tensor, Tensor], d: tuple[float, float, float], round_axes: tuple[int, ...]
) -> Tensor:
    """Height at which the rays o + t d leave a unit solid (see render.cast); 0 on a miss."""
    enter, leave = torch.zeros(1, 1), torch.full((1, 1), math.inf)
    for axis in range(3):
        if axis in round_axes:
            continue
        step = d[axis] if abs(d[axis]) > 1e-9 else 1e-9
        middle, reach = o[axis] * (-1 / step), abs(1 / step)
        enter = torch.maximum(enter, middle - reach)
        leave = torch.minimum(leave, middle + reach)
    if round_axes:
        a = sum(d[axis] ** 2 for axis in round_axes)
        b = sum((o[axis] * d[axis] for axis in round_axes), torch.zeros(1, 1))
        c = sum((o[axis] * o[axis] for axis in round_axes), torch.zeros(1, 1)) - 1
        room = b * b - a * c
        reach_ = room.clamp_min(0.0).sqrt() / a
        hit = room > 0
        enter = torch.maximum(enter, -b / a - reach_)
        leave = torch.where(hit, torch.minimum(leave, -b / a + reach_), -1.0)
    return torch.where(leave > enter, leave, 0.0)
