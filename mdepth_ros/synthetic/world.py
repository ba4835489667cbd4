# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The world of one drive as tensors: where every primitive is in every frame."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mdepth_ros.synthetic.hills import Hills, height_of
from mdepth_ros.synthetic.render import FIRST, Placed
from mdepth_ros.synthetic.scene import BOX, Thing
from mdepth_ros.synthetic.traffic import Mover

FAR = 160.0  # metres beyond which objects are not drawn
STILL = 0.01  # metres per frame below which an object stands


class World:
    """Static objects first, then the moving ones; objects are numbered in that order."""

    def __init__(
        self, things: Sequence[Thing], movers: Sequence[Mover], frames: int, hills: Hills | None
    ) -> None:
        self.still = len(things)
        objects = [thing.parts for thing in things] + [mover.parts for mover in movers]
        owners = [i for i, some in enumerate(objects) for _ in some]
        parts = [part for some in objects for part in some]
        self.kind = torch.tensor([part.kind for part in parts])
        self.owner = torch.tensor(owners)
        self.centre = torch.tensor([part.centre for part in parts], dtype=torch.float64)
        self.half = torch.tensor([part.half for part in parts], dtype=torch.float64)
        self.material = torch.tensor([part.material.row() for part in parts])
        self.pose = torch.zeros(len(things) + len(movers), 3, dtype=torch.float64)
        self.pose[: self.still] = torch.stack([thing.pose for thing in things])
        self.tracks = torch.zeros(frames, len(movers), 3, dtype=torch.float64)
        self.active = torch.zeros(frames, len(movers), dtype=torch.bool)
        for k, mover in enumerate(movers):
            self.tracks[:, k], self.active[:, k] = mover.poses, mover.active
        step = torch.zeros_like(self.tracks[..., 0])
        change = (self.tracks[1:, :, :2] - self.tracks[:-1, :, :2]).norm(dim=-1)
        step[:-1] = change
        step[1:] = torch.maximum(step[1:], change)
        self.moves = step > STILL
        self.movable = torch.ones(len(self.pose), dtype=torch.bool)
        self.movable[: self.still] = torch.tensor([t.movable for t in things], dtype=torch.bool)
        self.hills = hills
        if hills is not None:
            self.static_ground = hills.tangents(self.pose[: self.still, :2])
            level = torch.tensor([thing.level for thing in things])
            x, y = self.pose[: self.still, :2][level].unbind(-1)
            self.static_ground[level] = torch.stack([0 * x, 0 * x, hills.height(x, y)], -1)
            self._found(hills)

    def object_poses(self, i: int) -> Tensor:
        """Poses [O, 3] (x, y, heading) of all objects in frame i."""
        return torch.cat([self.pose[: self.still], self.tracks[i]])

    def ground(self, i: int) -> Tensor | None:
        """Planes [O, 3] that objects stand on in frame i: z = a x + b y + c; None on flat land."""
        if self.hills is None:
            return None
        return torch.cat([self.static_ground, self.hills.tangents(self.tracks[i, :, :2])])

    def at(self, i: int, position: Tensor) -> Placed:
        """Primitives that exist in frame i within sight of `position` [3]."""
        exists = torch.cat([torch.ones(self.still, dtype=torch.bool), self.active[i]])
        distance = (self.object_poses(i)[:, :2] - position[:2]).norm(dim=-1)
        return self._placed(i, (distance < FAR) & exists)

    def standing(self) -> Placed:
        """All primitives that belong to static objects."""
        return self._placed(0, torch.arange(len(self.pose)) < self.still)

    def driving(self, i: int) -> Placed:
        """Primitives that belong to the moving objects of frame i."""
        exists = torch.cat([torch.zeros(self.still, dtype=torch.bool), self.active[i]])
        return self._placed(i, exists)

    def _placed(self, i: int, chosen: Tensor) -> Placed:
        index = chosen[self.owner].nonzero()[:, 0]
        pose, centre = self.object_poses(i)[self.owner[index]], self.centre[index]
        c, s = pose[:, 2].cos(), pose[:, 2].sin()
        x = pose[:, 0] + c * centre[:, 0] - s * centre[:, 1]
        y = pose[:, 1] + s * centre[:, 0] + c * centre[:, 1]
        placed = torch.stack([x, y, centre[:, 2], pose[:, 2]], -1)
        ground = self.ground(i)
        if ground is not None:
            ground = ground[self.owner[index]]
            placed[:, 2] += height_of(ground, x, y)
        return Placed(index, self.kind[index], placed, self.half[index], ground)

    def _found(self, hills: Hills) -> None:
        """Deepen what is built until no corner of it hangs above the ground."""
        foot = self.centre[:, 2] - self.half[:, 2]
        built = (self.kind == BOX) & (foot < 0.01) & (self.half[:, 2] > 0.05)
        built &= self.owner < self.still
        owner = self.owner[built]
        pose, centre, half = self.pose[owner], self.centre[built], self.half[built]
        signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
        along, across = (centre[:, None, :2] + signs * half[:, None, :2]).unbind(-1)
        c, s = pose[:, 2:].cos(), pose[:, 2:].sin()
        x, y = pose[:, :1] + c * along - s * across, pose[:, 1:2] + s * along + c * across
        gap = height_of(self.static_ground[owner][:, None], x, y) - hills.height(x, y)
        deeper = gap.amax(1).clamp_min(0.0)
        self.centre[built, 2] -= deeper / 2
        self.half[built, 2] += deeper / 2

    def owners(self, placed: Placed, surface: Tensor) -> Tensor:
        """Instance numbers of surfaces [...]: 0 sky, 1 ground, 2 + object."""
        owner = torch.cat([torch.arange(FIRST), self.owner[placed.index] + FIRST])
        return owner.to(surface.device, torch.int32)[surface.long()]

    def moving(self, i: int, instance: Tensor) -> Tensor:
        """Tell which instances [...] move in frame i."""
        still = torch.zeros(FIRST + self.still, dtype=torch.bool)
        return torch.cat([still, self.moves[i]]).to(instance.device)[instance.long()]

    def movables(self, instance: Tensor) -> Tensor:
        """Tell which instances [...] are things that can move: vehicles and people."""
        world = torch.zeros(FIRST, dtype=torch.bool)
        return torch.cat([world, self.movable]).to(instance.device)[instance.long()]

    def displacement(self, i: int, j: int, points: Tensor, instance: Tensor) -> Tensor:
        """Where points [..., 3] in odom on instances [...] in frame i are in frame j."""
        start, end = self.object_poses(i), self.object_poses(j)
        turn = end[:, 2] - start[:, 2]
        c, s = turn.cos(), turn.sin()
        x = end[:, 0] - c * start[:, 0] + s * start[:, 1]
        y = end[:, 1] - s * start[:, 0] - c * start[:, 1]
        world = torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64).expand(FIRST, -1)
        table = torch.cat([world, torch.stack([c, s, x, y], -1)]).to(points.device)
        c, s, x, y = table[instance.long()].unbind(-1)
        there_x = c * points[..., 0] - s * points[..., 1] + x
        there_y = s * points[..., 0] + c * points[..., 1] + y
        z = points[..., 2]
        before, after = self.ground(i), self.ground(j)
        if before is not None and after is not None:
            planes = torch.nn.functional.pad(torch.stack([before, after]), (0, 0, FIRST, 0))
            before, after = planes.to(points.device)[:, instance.long()]
            z = z - height_of(before, points[..., 0], points[..., 1])
            z = z + height_of(after, there_x, there_y)
        return torch.stack([there_x, there_y, z], -1)
