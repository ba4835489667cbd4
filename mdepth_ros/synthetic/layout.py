# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stands where: everything static on and beside the road, laid out along the path."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mdepth_ros.synthetic import objects
from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.road import FAR_CARRIAGEWAY, Road
from mdepth_ros.synthetic.scene import Part, Thing, distance_to_boxes, reach
from mdepth_ros.synthetic.traffic import Mover, vehicle
from mdepth_ros.synthetic.trajectory import Path
from mdepth_ros.synthetic.vehicles import car

CLEARANCE = 1.3  # metres between the camera's path and anything static, at least
OVERHEAD = 4.4  # what hangs above this height is in nobody's way


def make_static(
    random: Random, path: Path, road: Road, movers: Sequence[Mover], end: float
) -> list[Thing]:
    """Place the static objects, then drop those in the way of the camera or of traffic.

    end: arc length of the camera's last position.
    """
    site = Site(random, path, road)
    for side, edge in ((1.0, road.left), (-1.0, road.right)):
        if road.layout in ('street', 'suburb') or (
            road.layout == 'avenue' and random.uniform(0, 1) < 0.6
        ):
            site.buildings(side, edge)
        if road.layout in ('street', 'avenue') and random.uniform(0, 1) < 0.85:
            site.parked(side, edge)
        site.greenery(side, edge)
        site.furniture(side, edge)
    if random.appearance > 0:
        site.clutter()
    if road.layout in ('highway', 'open', 'avenue') and random.chance(0.0, 0.4):
        half_width = (road.left - road.right) / 2
        s = random.uniform(15.0, max(20.0, path.end - 60.0))
        bridge = objects.overpass(random, half_width)
        site.place(s, road.left - half_width, bridge, level=True)
    if road.layout == 'highway' and random.uniform(0, 1) < 0.5:
        site.jam(FAR_CARRIAGEWAY)
    solid, site.things = site.things, []
    if random.appearance > 0:
        site.queues(end)
        site.backdrop(end)
    # The road behind the last position may be closed.
    driven = path.at(torch.arange(-20.0, end + 1.0, 1.0, dtype=torch.float64))[:, :2]
    free = _out_of_the_way(site.things, driven, movers) if site.things else []
    return _out_of_the_way(solid, path.xy[::10], movers) + free


class Site:
    """Collects static objects by their place along and beside the path."""

    def __init__(self, random: Random, path: Path, road: Road) -> None:
        self.random, self.path, self.road = random, path, road
        self.things: list[Thing] = []

    def place(
        self,
        s: float,
        lateral: float,
        parts: list[Part],
        turn: float = 0.0,
        level: bool = False,
        movable: bool = False,
    ) -> None:
        """Put an object `lateral` metres left of the path, turned from its direction."""
        pose = self.path.at(torch.tensor(s, dtype=torch.float64), lateral)
        pose[2] += turn
        self.things.append(Thing(parts, pose, level, movable))

    def free(self, s: float, margin: float) -> bool:
        """Tell whether no crossing is within `margin` metres along the path."""
        return all(abs(s - crossing) > margin for crossing in self.road.crossings)

    def buildings(self, side: float, edge: float) -> None:
        """Build a row of houses with gaps and set-backs."""
        random, street = self.random, self.road.layout == 'street'
        setback = random.uniform(0.3, 3.0) if street else random.uniform(4.0, 10.0)
        s = self.path.start
        while s < self.path.end:
            half = random.uniform(3.0, 10.0)
            s += half
            if random.uniform(0, 1) > (0.15 if street else 0.6) and self.free(s, half + 5.5):
                back = setback + (random.uniform(0.0, 3.0) if random.uniform(0, 1) < 0.4 else 0.0)
                lateral = edge + side * (self.road.pavement + back + 6.5)
                self.place(s, lateral, objects.building(random, half), level=True)
            s += half + (0.05 if random.uniform(0, 1) < 0.5 else random.uniform(0.5, 5.0))

    def parked(self, side: float, edge: float) -> None:
        """Park cars along the edge of the road."""
        random = self.random
        density = random.uniform(0.4, 1.0)
        s = self.path.start
        while s < self.path.end:
            if random.uniform(0, 1) < density and self.free(s, 8.0):
                turn = torch.pi if side > 0 and random.uniform(0, 1) < 0.8 else 0.0
                turn += random.uniform(-0.04, 0.04)
                self.place(s, edge - side * 1.05, car(random), turn, movable=True)
            s += random.uniform(5.6, 8.0)

    def greenery(self, side: float, edge: float) -> None:
        """Plant trees and hedges, and put up walls and fences among them."""
        random, layout = self.random, self.road.layout
        spacing = {'street': 18.0, 'open': 7.0}.get(layout, 9.0)
        depth = {'street': 0.5, 'avenue': 3.0, 'suburb': 4.0, 'open': 25.0}.get(layout, 15.0)
        s = self.path.start
        while s < self.path.end:
            if self.free(s, 6.0):
                far = self.road.pavement + 0.8 + depth * random.uniform(0, 1) ** 2
                lateral, kind = edge + side * far, random.uniform(0, 1)
                if kind < 0.65:
                    self.place(s, lateral, objects.tree(random), random.uniform(0, 6.28))
                elif kind < 0.85:
                    self.place(s, lateral, objects.hedge(random, random.uniform(1.5, 5.0)))
                elif layout != 'street':
                    self.place(s, lateral, objects.wall(random, random.uniform(2.0, 6.0)))
            s += spacing * random.uniform(0.3, 1.7)

    def furniture(self, side: float, edge: float) -> None:
        """Set up poles, and on some roads crash barriers."""
        random = self.random
        s = self.path.start + random.uniform(0, 30)
        while s < self.path.end:
            turn = random.uniform(-0.2, 0.2)
            self.place(s, edge + side * 0.4, objects.pole(random), turn)
            s += random.uniform(15.0, 50.0)
        if self.road.layout == 'highway' or random.chance(0.03, 0.12):
            s = self.path.start
            while s < self.path.end:
                self.place(s, edge + side * 0.25, objects.rail(random, 2.05))
                s += 4.0

    def jam(self, lateral: float) -> None:
        """Fill a lane with vehicles that stand."""
        s = self.path.start
        while s < self.path.end:
            self.place(s, lateral, vehicle(self.random), torch.pi, movable=True)
            s += self.random.uniform(7.0, 16.0)

    def clutter(self) -> None:
        """Add groves and buildings further away, and people who stand."""
        random = self.random
        dense = random.uniform(0.3, 1.0)
        for side, edge in ((1.0, self.road.left), (-1.0, self.road.right)):
            s = self.path.start
            while s < self.path.end:
                half = random.uniform(4.0, 9.0)
                far = self.road.pavement + random.uniform(3.0, 9.0 + 25.0 * random.uniform(0, 1))
                if random.uniform(0, 1) < dense and self.free(s, half + 4.0):
                    built = random.uniform(0, 1) >= 0.75
                    parts = (objects.building if built else objects.grove)(random, half)
                    lateral = edge + side * (far + 6.0 * built)
                    self.place(s, lateral, parts, random.uniform(-0.1, 0.1), built)
                if random.uniform(0, 1) < 0.15:
                    person, beside = objects.pedestrian(random), side * random.uniform(0.3, 1.5)
                    turn = random.uniform(0, 6.28)
                    self.place(s, edge + beside, person, turn, movable=True)
                s += 2 * half * random.uniform(0.7, 1.3)

    def queues(self, end: float) -> None:
        """Let vehicles queue in the standing lanes; in the camera's own behind its way."""
        random = self.random
        for lateral in self.road.standing:
            tight = random.uniform(1.0, 3.0 if random.uniform(0, 1) < 0.6 else 8.0)
            s = self.path.start
            if lateral == 0.0:
                s = end + random.uniform(3.0, 9.0 if random.uniform(0, 1) < 0.6 else 30.0)
            while s < min(self.path.end, end + 110.0):
                parts = vehicle(random)
                half = reach(parts)
                s += half
                if self.free(s, half + 3.5) or lateral == 0.0:
                    turn = torch.pi if lateral in self.road.oncoming else 0.0
                    turn += random.uniform(-0.04, 0.04)
                    at = lateral + random.uniform(-0.25, 0.25)
                    self.place(s, at, parts, turn, movable=True)
                s += half + tight * random.uniform(0.4, 1.6)

    def backdrop(self, end: float) -> None:
        """Close the view at the far end, as a bend or a junction does."""
        random = self.random
        if random.uniform(0, 1) < 0.4:
            return
        s = end + random.uniform(25.0, 90.0)
        lateral = self.road.right - 40.0
        while lateral < self.road.left + 40.0:
            half = random.uniform(4.0, 9.0)
            built = random.uniform(0, 1) >= 0.6
            parts = (objects.building if built else objects.grove)(random, half)
            place = s + random.uniform(0.0, 8.0)
            turn = torch.pi / 2 + random.uniform(-0.1, 0.1)
            self.place(place, lateral + half, parts, turn, built)
            lateral += 2 * half * random.uniform(0.8, 1.2)


def _out_of_the_way(things: list[Thing], driven: Tensor, movers: Sequence[Mover]) -> list[Thing]:
    """Leave out what is in the way of the camera or of a mover.

    driven: where the camera comes along [N, 2].
    """
    pose = torch.stack([thing.pose for thing in things])
    flat = [(i, part) for i, thing in enumerate(things) for part in thing.parts]
    flat = [(i, part) for i, part in flat if part.centre[2] - part.half[2] < OVERHEAD]
    owner = torch.tensor([i for i, _ in flat])
    centre = torch.tensor([part.centre for _, part in flat], dtype=torch.float64)
    half = torch.tensor([part.half for _, part in flat], dtype=torch.float64)
    blocked = torch.zeros(len(things), dtype=torch.bool)
    tracks = [(driven, CLEARANCE)]
    for mover in movers:
        if bool(mover.active.any()):
            end = reach(mover.parts)
            width = max(part.half[1] for part in mover.parts)
            at = mover.poses[mover.active]
            forward = torch.stack([at[:, 2].cos(), at[:, 2].sin()], -1)
            tips = [at[:, :2] + offset * forward for offset in (-end, 0.0, end)]
            tracks.append((torch.cat(tips), width + 0.1))
    for points, clearance in tracks:
        low, high = points.amin(0) - 25.0, points.amax(0) + 25.0
        where = pose[owner, :2]
        near = ((where > low) & (where < high)).all(-1).nonzero()[:, 0]
        for some in torch.split(near, max(1, 4_000_000 // len(points))):
            gap = distance_to_boxes(points, pose[owner[some]], centre[some], half[some])
            blocked[owner[some[gap.amin(0) < clearance]]] = True
    return [thing for thing, flag in zip(things, blocked.tolist(), strict=True) if not flag]
