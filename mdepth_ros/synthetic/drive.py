# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive through the synthetic world, frame by frame, with its exact truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.geometry import Camera, pixel_grid
from mdepth_ros.synthetic.config import Random, WorldConfig
from mdepth_ros.synthetic.hills import Hills, make_hills
from mdepth_ros.synthetic.layout import make_static
from mdepth_ros.synthetic.look import Look, make_look
from mdepth_ros.synthetic.render import NEAR, camera_rays, cast, worth_shading
from mdepth_ros.synthetic.road import Road, make_road
from mdepth_ros.synthetic.sensor import expose
from mdepth_ros.synthetic.shade import Rays, Shader
from mdepth_ros.synthetic.shadows import Shadows
from mdepth_ros.synthetic.traffic import make_traffic
from mdepth_ros.synthetic.trajectory import Path, camera_poses, drive_along, make_path
from mdepth_ros.synthetic.world import World

# Independent streams of random numbers of one drive; from FRAMES on one for each frame.
PATH, SPEED, SHAKE, ROAD, TRAFFIC, STATIC, LOOK, FRAMES = range(8)
HILLS = -3  # the training draws from -1 and -2


@dataclass(frozen=True)
class View:
    """What the camera saw and what was there.

    image: uint8 [B, H, W, 3] RGB.  depth: float32 [B, H, W] metres along z, +inf for the sky.
    instance: int32 [B, H, W], 0 sky, 1 ground, then objects.  moving: bool [B, H, W], on objects
    that move at that time.  flow, flow_previous: float32 [B, 2, H, W] optical flow in pixels to
    the next and to the previous frame, motion of objects included, NaN where the point is not in
    front of that camera or the drive has no such frame.  pose: float64 [B, 4, 4], camera in odom.
    All but the image belong to the ray through the pixel's centre.
    """

    image: Tensor
    depth: Tensor
    instance: Tensor
    moving: Tensor
    flow: Tensor
    flow_previous: Tensor
    pose: Tensor


@dataclass(frozen=True, eq=False)
class Drive:
    """One drive; `make_drive` makes it.

    poses: [N, 4, 4] float64, the camera (optical frame) in odom; odom is on the ground below the
    first camera, x forward, y left, z up against gravity.  speeds: [N] m/s.  camera_height: above
    the ground in m, along its normal.  hills: the shape of the ground, None where it is flat.
    """

    seed: int
    camera: Camera
    config: WorldConfig
    poses: Tensor
    speeds: Tensor
    camera_height: float
    path: Path
    road: Road
    world: World
    look: Look
    hills: Hills | None

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.poses)

    @property
    def stamps(self) -> list[int]:
        """Time of each frame in nanoseconds; the first is 0."""
        return [round(i * self.config.frame_interval * 1e9) for i in range(self.frames)]

    def render(self, indices: Sequence[int], device: str | torch.device = 'cpu') -> View:
        """Render the frames of these indices; a frame is the same in every selection."""
        device = torch.device(device)
        material, hills = self.world.material, self.hills
        shader = Shader(self.look, self.road, self.path, material, device, hills)
        if self.look.cast > 0:
            still = self.world.standing()
            shader.shadows = Shadows(self.look.sun, self.poses, still, hills)
        rays = camera_rays(self.camera, self.config.supersample).to(device)
        views = [self._frame(int(i), shader, rays) for i in indices]
        return View(*(torch.stack(parts) for parts in zip(*views, strict=True)))

    def movables(self, i: int, device: str | torch.device = 'cpu') -> Tensor:
        """Instances [H, W] of frame i that can move, vehicles and people; 0 elsewhere.

        As `render` has them, without its image.
        """
        placed = self.world.at(i, self.poses[i, :3, 3])
        rays = camera_rays(self.camera, 1).to(device)
        _, surface, _ = cast(placed, self.camera, self.poses[i], rays, self.hills)
        instance = self.world.owners(placed, surface[0])
        return instance.where(self.world.movables(instance), 0)

    def _frame(self, i: int, shader: Shader, rays: Tensor) -> tuple[Tensor, ...]:
        if not 0 <= i < self.frames:
            raise IndexError(f'frame {i} of a drive of {self.frames} frames')
        pose = self.poses[i]
        placed = self.world.at(i, pose[:3, 3])
        depth, surface, direction = cast(placed, self.camera, pose, rays, self.hills)
        heading = float(torch.atan2(pose[1, 2], pose[0, 2]))
        x, y, z = pose[:3, 3].tolist()
        chosen = worth_shading(depth, surface)
        ray_x, ray_y, ray_z = (part[chosen] for part in direction)
        hits = Rays(depth[chosen], ray_x, ray_y, ray_z, (x, y, z), 1.0 / self.camera.fx)
        if shader.shadows is not None:
            shader.heights = shader.shadows.at(self.world.driving(i)).to(depth.device)
        radiance = torch.zeros(3, *depth.shape, device=depth.device)
        radiance[:, chosen] = shader.shade(surface[chosen], hits, placed, heading)
        count = max(len(rays) - 1, 1)
        image = expose(
            (radiance[:, 0] + radiance[:, 1:].sum(1) / count).permute(1, 2, 0),
            self.look,
            i * self.config.frame_interval,
            Random(self.seed, FRAMES + i),
        )
        instance = self.world.owners(placed, surface[0])
        moving = self.world.moving(i, instance)
        flows = self._flows(i, depth[0], instance, moving, rays[0].double())
        return image, depth[0], instance, moving, *flows, pose.to(rays.device)

    def _flows(
        self, i: int, depth: Tensor, instance: Tensor, moving: Tensor, rays: Tensor
    ) -> list[Tensor]:
        """Optical flow [2, H, W] from frame i to the next and to the previous frame."""
        pose = self.poses[i].to(depth.device)
        sky = torch.isinf(depth)[..., None]  # infinitely far: only rotation shifts it
        directions = rays @ pose[:3, :3].T
        offsets = directions * torch.where(sky, 1.0, depth.double()[..., None])
        movers = (pose[:3, 3] + offsets[moving], instance[moving])
        height, width = depth.shape
        pixels = pixel_grid(height, width, depth.device)
        flows = []
        for j in (i + 1, i - 1):
            if not 0 <= j < self.frames:
                flows.append(torch.full((2, *depth.shape), torch.nan, device=depth.device))
                continue
            other = self.poses[j].to(depth.device)
            points = offsets + torch.where(sky, 0.0, pose[:3, 3] - other[:3, 3])
            points[moving] = self.world.displacement(i, j, *movers) - other[:3, 3]
            points = points @ other[:3, :3]
            flow = self.camera.project(points) - pixels
            visible = points[..., 2:] > NEAR
            flows.append(torch.where(visible, flow, torch.nan).permute(2, 0, 1).float())
        return flows


def make_drive(seed: int, frames: int, camera: Camera, config: WorldConfig) -> Drive:
    """Make the drive of a seed: same seed, frames, camera and config, same drive everywhere.

    camera: a pinhole camera (model 'pinhole').
    """
    appearance = config.appearance
    speed_random = Random(seed, SPEED)
    path = make_path(Random(seed, PATH), frames * config.frame_interval * config.speed[1])
    distance, speeds = drive_along(speed_random, path, frames, config)
    ground, hills = path.at(distance), None
    if config.slope > 0:
        whole = torch.cat([path.xy, path.heading[:, None]], 1)
        hills = make_hills(Random(seed, HILLS), whole, config.slope)
        speeds = speeds * (1 + hills.rise(ground) ** 2).sqrt()
    shake = Random(seed, SHAKE, appearance)
    height = shake.widened((1.65, 1.65), (1.4, 1.8))
    poses = camera_poses(shake, ground, height, speeds, config, hills)
    road = make_road(Random(seed, ROAD, appearance), path)
    movers = make_traffic(Random(seed, TRAFFIC, appearance), path, road, distance, config)
    static = Random(seed, STATIC, appearance)
    things = make_static(static, path, road, movers, float(distance[-1]))
    world = World(things, movers, frames, hills)
    look = make_look(Random(seed, LOOK, appearance))
    return Drive(seed, camera, config, poses, speeds, height, path, road, world, look, hills)
