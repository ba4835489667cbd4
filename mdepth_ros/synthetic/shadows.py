# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shadows that the sun casts: a shadow map over the ground, in the direction of the light."""

import math

import torch
from torch import Tensor

from mdepth_ros.geometry import pixel_grid
from mdepth_ros.synthetic.hills import Hills
from mdepth_ros.synthetic.render import ROUND, Placed

CELL = 0.25  # metres between the points of the map
AHEAD, ASIDE = 90.0, 50.0  # metres around the camera's way that the map covers
COARSE = 8  # cells between the points at which the height of hills is looked up
SOFT = 0.3  # metres of height over which a shadow sets in


class Shadows:
    """For each ground point, how high above it the light is blocked on its way there.

    A point of any surface is in shadow where the ray of light through it is blocked higher up.
    The static world is entered once, what moves in every frame anew. The map lies on the floor, a
    level plane: the ground itself where it is flat, below all hills where it is not.
    """

    def __init__(
        self,
        sun: tuple[float, float, float],
        poses: Tensor,
        still: Placed,
        hills: Hills | None = None,
    ) -> None:
        forward = poses[:, :2, 2]
        reach = torch.cat([poses[:, :2, 3], poses[:, :2, 3] + AHEAD * forward])
        self.corner = reach.amin(0) - ASIDE
        size = ((reach.amax(0) + ASIDE - self.corner) / CELL).long() + 1
        self.sun = sun
        self.slope = sun[2] / math.hypot(sun[0], sun[1])
        self.floor = 0.0 if hills is None else hills.lowest
        self.static = torch.zeros(int(size[1]), int(size[0]))
        if hills is not None:
            self.static = self._relief(hills)
        self._enter(self.static, still)

    def at(self, moving: Placed) -> Tensor:
        """Heights [h, w] of the map with what moves in it."""
        heights = self.static.clone()
        self._enter(heights, moving)
        return heights

    def lit(self, heights: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Share of the sun's light [N] that reaches the points x, y, z [N] in odom."""
        height, width = heights.shape
        z = z - self.floor
        u = (x - z * (self.sun[0] / self.sun[2]) - float(self.corner[0])) / CELL
        v = (y - z * (self.sun[1] / self.sun[2]) - float(self.corner[1])) / CELL
        grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], -1)
        top = torch.nn.functional.grid_sample(
            heights[None, None], grid[None, None], align_corners=False
        )[0, 0, 0]
        margin = 0.2 + min(CELL * self.slope, 1.0)  # a surface does not shade itself
        return 1 - ((top - z - margin) / SOFT).clamp(0.0, 1.0)

    def _relief(self, hills: Hills) -> Tensor:
        """Height of the ground above the floor where it meets the light of each point."""
        height, width = self.static.shape
        rows, columns = ((size - 1) // COARSE + 2 for size in (height, width))
        grid = pixel_grid(rows, columns, dtype=torch.float64)
        x, y = (self.corner + COARSE * CELL * grid).unbind(-1)
        above = torch.zeros_like(x)
        for _ in range(20):  # up the ray of light; it is steeper than the ground
            run = above / self.sun[2]
            above = hills.height(x + run * self.sun[0], y + run * self.sun[1]) - self.floor
        fine = [COARSE * (size - 1) + 1 for size in (rows, columns)]
        relief = torch.nn.functional.interpolate(
            above.float()[None, None], fine, mode='bilinear', align_corners=True
        )[0, 0]
        return relief[:height, :width].contiguous()

    def _enter(self, heights: Tensor, placed: Placed) -> None:
        """Raise the map to where light that comes down past the primitives leaves them."""
        down = torch.tensor([-self.sun[0] / self.sun[2], -self.sun[1] / self.sun[2]]).double()
        size = torch.tensor([heights.shape[1], heights.shape[0]])
        centre, half = placed.pose[:, :3].clone(), placed.half
        centre[:, 2] -= self.floor
        lean = torch.zeros_like(centre[:, :2]) if placed.ground is None else placed.ground[:, :2]
        foot = centre[:, :2] + centre[:, 2:] * down - self.corner
        radius = half[:, :2].norm(dim=-1, keepdim=True)
        tall = half[:, 2:] + radius * lean.norm(dim=-1, keepdim=True)
        radius = radius + tall * down.abs()
        low = ((foot - radius) / CELL).floor().long().clamp_min(0).minimum(size)
        high = ((foot + radius) / CELL).ceil().long().clamp_min(0).minimum(size)
        place = torch.cat([centre[:, :2] - self.corner, centre[:, 2:], placed.pose[:, 3:]], 1)
        columns = (placed.kind, place, lean, half, low, high)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for kind, (x, y, z, heading), (a, b), size_, (left, bottom), (right, top) in rows:
            if right <= left or top <= bottom:
                continue
            window = heights[bottom:top, left:right]
            gx = (torch.arange(left, right) * CELL - x)[None]
            gy = (torch.arange(bottom, top) * CELL - y)[:, None]
            c, s = math.cos(heading), math.sin(heading)
            origin = (
                (c * gx + s * gy) / size_[0],
                (c * gy - s * gx) / size_[1],
                (-z - a * gx - b * gy) / size_[2] if a or b else torch.full((1, 1), -z / size_[2]),
            )
            rise = (
                (c * self.sun[0] + s * self.sun[1]) / self.sun[2] / size_[0],
                (c * self.sun[1] - s * self.sun[0]) / self.sun[2] / size_[1],
                (1.0 - (a * self.sun[0] + b * self.sun[1]) / self.sun[2]) / size_[2],
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
