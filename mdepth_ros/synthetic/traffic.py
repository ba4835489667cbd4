# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Moving traffic: oncoming, co-moving and crossing vehicles, and people on the pavement."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.synthetic import objects
from mdepth_ros.synthetic.config import Random, Wave, WorldConfig
from mdepth_ros.synthetic.road import CROSSING_LENGTH, Road
from mdepth_ros.synthetic.scene import Part, distance_to_boxes, reach
from mdepth_ros.synthetic.trajectory import Path
from mdepth_ros.synthetic.vehicles import car, truck

VIEW = 110.0  # metres ahead within which traffic exists
CLEARANCE = 1.6  # metres between the camera and any vehicle, at least


@dataclass(frozen=True)
class Mover:
    """A moving object: its parts, its poses [N, 3] at every frame, the frames it exists in."""

    parts: list[Part]
    poses: Tensor
    active: Tensor


def vehicle(random: Random) -> list[Part]:
    """Draw a car, or now and then a truck."""
    return truck(random) if random.chance(0.07, 0.2) else car(random)


def make_traffic(
    random: Random, path: Path, road: Road, distance: Tensor, config: WorldConfig
) -> list[Mover]:
    """Make the moving objects around a camera that is `distance` [N] along the path."""
    if config.moving <= 0:
        return []
    time = torch.arange(len(distance), dtype=torch.float64) * config.frame_interval
    ego = path.at(distance)
    movers: list[Mover] = []

    def keep(mover: Mover) -> None:
        if _clear(ego, mover) and not any(_meet(mover, other) for other in movers):
            movers.append(mover)

    leaders = [] if 0.0 in road.standing else _leaders(random, time, distance, config)
    for s, lateral in leaders:
        keep(Mover(vehicle(random), path.at(s, lateral), _near(s, distance)))
    for lateral in road.ahead + road.oncoming:
        if lateral in road.standing:
            continue
        forward = lateral in road.ahead
        mean = float(distance[-1] / max(float(time[-1]), config.frame_interval))
        if forward:
            speed = max(mean, 3.0) * random.uniform(0.7, 1.4)
        else:
            speed = -random.uniform(4.0, 16.0)
        sway = Wave(random, (8.0, 20.0))(time) * random.uniform(0.0, 2.0)
        travel = speed * time + sway
        first = float(distance[0] - travel.max()) - 20.0
        last = float(distance[-1] - travel.min()) + VIEW
        start = first + random.uniform(0.0, 30.0)
        while start < last:
            s = start + travel
            poses = path.at(s, lateral + random.uniform(-0.2, 0.2))
            if not forward:
                poses = poses + torch.tensor([0, 0, torch.pi], dtype=torch.float64)
            keep(Mover(vehicle(random), poses, _near(s, distance)))
            start += random.uniform(20.0, 140.0) / min(config.moving, 3.0)
    for crossing in road.crossings:
        for _ in range(_count(random, 2.0 * config.moving)):
            keep(_crossing(random, path, crossing, time, distance))
    for _ in range(_count(random, float(time[-1]) * 0.25 * config.moving)):
        keep(_on_pavement(random, path, road, time, distance))
    return movers


def _count(random: Random, mean: float) -> int:
    return int(mean * random.uniform(0.3, 1.7) + random.uniform(0.0, 1.0))


def _near(s: Tensor | float, distance: Tensor) -> Tensor:
    return (s - distance > -20.0) & (s - distance < VIEW)


def _leaders(
    random: Random, time: Tensor, distance: Tensor, config: WorldConfig
) -> list[tuple[Tensor, float]]:
    """Vehicles ahead in the same lane, some at exactly the camera's speed: (s [N], lateral)."""
    leaders = []
    if random.uniform(0.0, 1.0) < 0.4 * config.moving:
        gap = random.uniform(12.0, 45.0) * torch.ones_like(time)
        for _ in range(random.choice([1, 1, 2, 3])):
            manner = random.uniform(0.0, 1.0)
            if manner < 0.35:
                gap = gap * (1.0 + 0.2 * Wave(random, (5.0, 15.0))(time))
            elif manner < 0.6:
                gap = gap + random.uniform(0.3, 2.0) * time
            leaders.append((distance + gap, random.uniform(-0.2, 0.2)))
            gap = gap + random.uniform(10.0, 30.0)
    return leaders


def _crossing(
    random: Random, path: Path, crossing: float, time: Tensor, distance: Tensor
) -> Mover:
    side = random.choice([-1.0, 1.0])
    arrival = random.uniform(0.0, float(time[-1]) + 4.0)
    across = side * random.uniform(3.0, 9.0) * (time - arrival)
    x, y, heading = path.at(torch.tensor(crossing, dtype=torch.float64)).tolist()
    heading = torch.tensor(heading + side * torch.pi / 2, dtype=torch.float64)
    ahead, right = side * across, 1.75
    x = x + ahead * heading.cos() + right * heading.sin()
    y = y + ahead * heading.sin() - right * heading.cos()
    poses = torch.stack([x, y, heading.expand_as(ahead)], -1)
    active = (across.abs() < CROSSING_LENGTH) & _near(crossing, distance)
    return Mover(vehicle(random), poses, active)


def _on_pavement(random: Random, path: Path, road: Road, time: Tensor, distance: Tensor) -> Mover:
    parts, speed = objects.pedestrian(random), random.uniform(0.6, 1.8)
    lateral = random.choice([road.left + 0.9, road.right - 0.9])
    if random.uniform(0.0, 1.0) < 0.4:
        parts, speed = objects.cyclist(random), random.uniform(2.5, 6.0)
    direction = random.choice([-1.0, 1.0])
    meeting = random.uniform(float(distance[0]), float(distance[-1]) + 50.0)
    s = meeting + direction * speed * (time - random.uniform(0.0, float(time[-1])))
    poses = path.at(s, lateral)
    if direction < 0:
        poses = poses + torch.tensor([0, 0, torch.pi], dtype=torch.float64)
    return Mover(parts, poses, _near(s, distance))


def _clear(ego: Tensor, mover: Mover) -> bool:
    """Tell whether the camera keeps its distance from the mover in all frames."""
    half = torch.tensor([part.half for part in mover.parts], dtype=torch.float64)
    centre = torch.tensor([part.centre for part in mover.parts], dtype=torch.float64)
    pose = mover.poses[:, None].expand(-1, len(half), -1)
    gap = distance_to_boxes(ego[:, None, :2], pose, centre, half)
    return not bool((gap.amin((1, 2)) < CLEARANCE)[mover.active].any())


def _meet(mover: Mover, other: Mover) -> bool:
    """Tell whether two movers come closer to each other than two cars can.

    They do not where they pass in parallel lanes, never closer than 2.6 m across.
    """
    both = mover.active & other.active
    x, y, turned = (other.poses - mover.poses)[both].unbind(-1)
    heading, gap = mover.poses[both, 2], torch.stack([x, y], -1).norm(dim=-1)
    if not bool((gap < max(0.9 * (reach(mover.parts) + reach(other.parts)), 1.0)).any()):
        return False
    across = -heading.sin() * x + heading.cos() * y
    beside = (across.abs() > 2.6) & (turned.sin().abs() < 0.6)
    return not bool(beside[gap < 12.0].all())
