# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The path of the vehicle, its speed along it, and the poses of its camera."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.core.types import OPTICAL_ROTATION
from mdepth_ros.synthetic.config import Random, Wave, WorldConfig
from mdepth_ros.synthetic.hills import Hills

STEP = 0.1  # metres between samples of a path
BEHIND = 40.0  # metres of road before the first frame
AHEAD = 200.0  # metres of road after the last frame

BODY_OPTICAL = torch.tensor(OPTICAL_ROTATION[:3, :3])


@dataclass(frozen=True)
class Path:
    """A smooth planar curve, sampled every STEP metres from arc length `start` on.

    xy: [S, 2] metres in odom, heading: [S] rad, curvature: [S] 1/m; all float64.
    """

    start: float
    xy: Tensor
    heading: Tensor
    curvature: Tensor

    @property
    def end(self) -> float:
        """Arc length of the last sample."""
        return self.start + STEP * (len(self.xy) - 1)

    def at(self, s: Tensor, lateral: Tensor | float = 0.0) -> Tensor:
        """Poses [..., 3] (x, y, heading) at arc lengths s [...], `lateral` metres to the left.

        Before its start and after its end the path goes straight on.
        """
        inside = s.clamp(self.start, self.end - STEP)
        position = (inside - self.start) / STEP
        low = position.floor().long().clamp(0, len(self.xy) - 2)
        part = position - low
        heading = self.heading[low] + part * (self.heading[low + 1] - self.heading[low])
        xy = self.xy[low] + part[..., None] * (self.xy[low + 1] - self.xy[low])
        forward = torch.stack([heading.cos(), heading.sin()], -1)
        left = torch.stack([-heading.sin(), heading.cos()], -1)
        lateral = torch.as_tensor(lateral, dtype=torch.float64).expand(s.shape)
        xy = xy + (s - inside)[..., None] * forward + lateral[..., None] * left
        return torch.cat([xy, heading[..., None]], -1)


def make_path(random: Random, length: float) -> Path:
    """Make a path of straights, bends and turns that leaves the origin along x at s = 0."""
    start, total = -BEHIND, BEHIND + length + AHEAD
    curvature = torch.zeros(int(total / STEP) + 1, dtype=torch.float64)
    winding = random.uniform(0.0, 1.0)  # from a straight drive to one with many turns
    s, heading = BEHIND + random.uniform(-30.0, 30.0), 0.0
    while s < total:
        if random.uniform(0.0, 1.0) < 0.45 * winding:
            radius, angle = random.uniform(11.0, 18.0), math.radians(random.uniform(50, 90))
        else:
            radius, angle = random.uniform(30.0, 150.0), math.radians(random.uniform(8, 40))
        sign = 1.0 if random.uniform(-1.0, 1.0) * 2.0 > heading else -1.0  # seldom a full circle
        stretch = slice(int(s / STEP), int((s + radius * angle) / STEP))
        curvature[stretch] = sign / radius
        heading += sign * angle
        s += radius * angle + random.uniform(8.0, 25.0 + 75.0 * (1.0 - winding))
    for _ in range(2):  # a steering wheel turns gradually: 5 m from straight to full lock
        window = torch.ones(1, 1, 25, dtype=torch.float64) / 25
        curvature = torch.nn.functional.conv1d(curvature[None, None], window, padding=12)[0, 0]
    heading_samples = torch.cumsum(curvature * STEP, 0)
    middle = heading_samples - curvature * STEP / 2
    xy = torch.cumsum(torch.stack([middle.cos(), middle.sin()], -1) * STEP, 0)
    origin = int(BEHIND / STEP)
    heading_samples = heading_samples - heading_samples[origin]
    turn = middle[origin] + curvature[origin] * STEP / 2
    c, n = turn.cos(), turn.sin()
    xy = (xy - xy[origin]) @ torch.stack([torch.stack([c, -n]), torch.stack([n, c])])
    return Path(start, xy, heading_samples, curvature)


def drive_along(
    random: Random, path: Path, frames: int, config: WorldConfig
) -> tuple[Tensor, Tensor]:
    """Arc length [N] and speed [N] at each frame: cruising, slower in bends, perhaps a stop."""
    slowest, fastest = config.speed
    cruise = random.uniform(slowest, fastest)
    swing = random.uniform(0.0, 0.5) * (fastest - slowest)
    wave = Wave(random, (6.0, 25.0))
    stop_at = random.uniform(0.0, 0.6 * frames * config.frame_interval)
    stop_until = stop_at + fastest / 3.0 + random.uniform(1.0, 4.0)  # braking takes its time too
    stops = random.uniform(0.0, 1.0) < config.standing
    limit = (math.radians(config.yaw_rate) / path.curvature.abs().clamp_min(1e-4)).tolist()
    for i in range(len(limit) - 2, -1, -1):  # brake before the bend at 2.5 m/s2
        limit[i] = min(limit[i], math.sqrt(limit[i + 1] ** 2 + 2 * 2.5 * STEP))
    substeps = 4
    dt = config.frame_interval / substeps
    times = torch.arange(frames * substeps, dtype=torch.float64) * dt
    wanted = (cruise + swing * wave(times)).clamp(slowest, fastest).tolist()
    s, speed = 0.0, min(wanted[0], limit[int(BEHIND / STEP)])
    distances, speeds = [], []
    for i, target in enumerate(wanted):
        if i % substeps == 0:
            distances.append(s)
            speeds.append(speed)
        if stops and stop_at < i * dt < stop_until:
            target = 0.0
        target = min(target, limit[int((s + BEHIND) / STEP)])
        speed += min(max(target - speed, -3.0 * dt), 2.0 * dt)
        s += speed * dt
    found = torch.tensor([distances, speeds], dtype=torch.float64)
    return found[0], found[1]


def camera_poses(
    random: Random,
    ground: Tensor,
    height: float,
    speeds: Tensor,
    config: WorldConfig,
    hills: Hills | None,
) -> Tensor:
    """Camera poses [N, 4, 4] in odom for ground poses [N, 3]; a suspension shakes the camera.

    On hills the vehicle leans with the ground: the height is that along the ground's normal.
    """
    time = torch.arange(len(ground), dtype=torch.float64) * config.frame_interval
    shake = (speeds / 8.0).clamp(0.0, 1.0)  # a standing vehicle does not shake
    amplitude = math.radians(random.uniform(0.1, 0.45))
    mounting_pitch = math.radians(random.widened((-0.3, 0.3), (-1.5, 1.5)))
    mounting_roll = math.radians(random.widened((-0.2, 0.2), (-1.0, 1.0)))
    pitch = mounting_pitch + amplitude * shake * Wave(random, (0.7, 2.5))(time)
    roll = mounting_roll + amplitude * shake * Wave(random, (0.9, 3.0))(time)
    heave = 0.015 * shake * Wave(random, (0.7, 2.0))(time)
    zero, one = torch.zeros_like(time), torch.ones_like(time)

    def rotation(angle: Tensor, axis: int) -> Tensor:
        c, s = angle.cos(), angle.sin()
        rows = {
            0: [one, zero, zero, zero, c, -s, zero, s, c],
            1: [c, zero, s, zero, one, zero, -s, zero, c],
            2: [c, -s, zero, s, c, zero, zero, zero, one],
        }[axis]
        return torch.stack(rows, -1).reshape(-1, 3, 3)

    if hills is None:
        poses = torch.eye(4, dtype=torch.float64).repeat(len(ground), 1, 1)
        poses[:, :3, :3] = rotation(ground[:, 2], 2)
        poses[:, :2, 3] = ground[:, :2]
    else:
        poses = hills.standing(ground)
    poses[:, :3, 3] += poses[:, :3, 2] * (height + heave)[:, None]
    poses[:, :3, :3] = poses[:, :3, :3] @ rotation(pitch, 1) @ rotation(roll, 0)
    poses[:, :3, :3] = poses[:, :3, :3] @ BODY_OPTICAL
    return poses
