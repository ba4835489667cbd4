# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hills: what is rendered lies, stands and drives on them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mdepth_ros.geometry import Camera, pixel_grid
from mdepth_ros.synthetic import Drive, View, WorldConfig, make_drive
from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.hills import Hills, height_of, make_hills
from mdepth_ros.synthetic.render import CORNERS, Placed
from mdepth_ros.synthetic.scene import AXLE, BOX
from mdepth_ros.synthetic.shadows import Shadows
from mdepth_ros.synthetic.trajectory import make_path

CAMERA = Camera(128, 40, 74.0, 74.0, 63.5, 19.5)
SLOPE = 0.05
STEEP = Hills(((1.2, 0.09, 0.03, 0.4), (2.0, 0.03, -0.02, 2.0)), 0.3)


def hilly(seed: int, frames: int = 8, **settings: float) -> Drive:
    settings = {'slope': SLOPE, 'supersample': 1, **settings}
    return make_drive(seed, frames, CAMERA, WorldConfig(**settings))


def points_of(drive: Drive, view: View, k: int, i: int) -> Tensor:
    """Points [H, W, 3] in odom that frame i, the k-th of the view, sees."""
    rays = CAMERA.unproject(pixel_grid(CAMERA.height, CAMERA.width).double())
    points = rays * view.depth[k].double()[..., None]
    return points @ drive.poses[i, :3, :3].T + drive.poses[i, :3, 3]


def test_the_road_is_as_steep_as_asked_and_not_steeper() -> None:
    reached = []
    for seed in range(9):
        path = make_path(Random(seed, 0), 100.0)
        road = torch.cat([path.xy, path.heading[:, None]], 1)
        hills = make_hills(Random(seed, 1), road, SLOPE)
        rise = hills.rise(road)
        assert abs(float(rise.abs().max()) - SLOPE) < 1e-9
        assert hills.height(*torch.zeros(2, 1, dtype=torch.float64)).abs() < 1e-9
        z = hills.height(*path.xy.T)
        torch.testing.assert_close((z[2:] - z[:-2]) / 0.2, rise[1:-1], rtol=0, atol=2e-3)
        driven = rise[400:1400]
        reached.append(float(driven.max() - driven.min()))
    assert sorted(reached)[3] > SLOPE  # changes of slope within 100 m, in most drives


@pytest.mark.parametrize('height', [0.4, 1.65, 6.0])
def test_rays_end_where_they_first_meet_the_ground(height: float) -> None:
    generator = torch.Generator().manual_seed(0)
    turn = 6.28 * torch.rand(120, generator=generator).double()
    dx, dy = turn.cos(), turn.sin()
    dz = 0.2 * torch.rand(120, generator=generator).double() ** 2 - 0.12
    ground = STEEP.height(*torch.zeros(2, 1, dtype=torch.float64))
    origin = (0.0, 0.0, float(ground) + height)
    met = STEEP.cast(origin, dx.float(), dy.float(), dz.float()).double()
    t = torch.arange(0, 500, 0.05, dtype=torch.float64)[:, None]  # march step by step
    below = origin[2] + t * dz - STEEP.height(t * dx, t * dy) < 0
    expected = torch.where(below.any(0), t[below.int().argmax(0), 0], torch.inf)
    assert ((below[1:] != below[:-1]).sum(0) > 1).sum() > 3  # behind a crest it comes again
    hit = torch.isfinite(expected) & (met < 500)
    assert 30 < hit.sum() < 115
    assert (torch.isfinite(expected) != (met < 500)).sum() <= 1  # one may graze a crest
    assert (met - expected).abs()[hit].max() < 0.1
    above = origin[2] + met * dz - STEEP.height(met * dx, met * dy)
    assert above[hit].abs().max() < 1e-3
    assert torch.isinf(met[met > 1500]).all() and torch.isinf(met).any()


@pytest.mark.parametrize(('seed', 'slope'), [(0, 0.05), (3, 0.05), (5, 0.15)])
def test_ground_pixels_lie_on_the_hills_and_nothing_visible_below(seed: int, slope: float) -> None:
    drive = hilly(seed, slope=slope)
    assert drive.hills is not None
    view = drive.render([0, 7])
    for k, i in enumerate((0, 7)):
        points = points_of(drive, view, k, i)
        solid = view.instance[k] > 0
        above = points[..., 2] - drive.hills.height(points[..., 0], points[..., 1])
        ground = view.instance[k] == 1
        assert ground.float().mean() > 0.2
        assert above[ground].abs().max() < 2e-3
        assert above[solid].min() > -2e-3
        assert torch.isinf(view.depth[k][~solid]).all()
        depth = view.depth[k][ground]
        assert depth.max() > 60


def test_the_camera_leans_with_the_ground_and_keeps_its_height() -> None:
    for seed in (0, 5):
        drive, flat = hilly(seed, 60), hilly(seed, 60, slope=0.0)
        assert drive.hills is not None and flat.hills is None
        nearest = (flat.poses[:, None, :2, 3] - drive.path.xy).norm(dim=-1).argmin(1)
        ground = torch.cat([flat.poses[:, :2, 3], drive.path.heading[nearest, None]], 1)
        stand = drive.hills.standing(ground)
        level = torch.eye(4, dtype=torch.float64).repeat(60, 1, 1)
        c, s = ground[:, 2].cos(), ground[:, 2].sin()
        level[:, 0, 0], level[:, 0, 1], level[:, 1, 0], level[:, 1, 1] = c, -s, s, c
        level[:, :2, 3] = ground[:, :2]
        mount = torch.linalg.inv(stand) @ drive.poses
        same = torch.linalg.inv(level) @ flat.poses
        torch.testing.assert_close(mount, same, rtol=0, atol=1e-3)  # the path's sampling
        # The height is that above the tangent plane, along its normal.
        position, foot, up = drive.poses[:, :3, 3], stand[:, :3, 3], stand[:, :3, 2]
        along = ((position - foot) * up).sum(-1)
        assert (along - drive.camera_height).abs().max() < 0.03  # the suspension
        near = ground[:, None, :2] + torch.linspace(-0.3, 0.3, 61).double()[:, None]
        z = drive.hills.height(near[..., 0], near[..., 1])
        gap = (torch.cat([near, z[..., None]], -1) - position[:, None]).norm(dim=-1).amin(1)
        assert (gap - along).abs().max() < 0.02
        assert drive.poses[:, 2, 3].max() - drive.poses[:, 2, 3].min() > 0.1


def test_it_is_the_drive_of_the_flat_world_on_other_ground() -> None:
    drive, flat = hilly(1, 30), hilly(1, 30, slope=0.0)
    assert torch.equal(drive.world.tracks, flat.world.tracks)
    assert torch.equal(drive.world.pose, flat.world.pose)
    assert torch.equal(drive.path.xy, flat.path.xy)
    excess = drive.speeds / flat.speeds - 1
    assert (excess >= 0).all() and excess.max() < SLOPE**2
    steps = (drive.poses[1:, :3, 3] - drive.poses[:-1, :3, 3]).norm(dim=-1) / 0.1
    assert (steps - (drive.speeds[1:] + drive.speeds[:-1]) / 2).abs().max() < 0.15
    still = hilly(7, 150, standing=1.0, speed=(3.0, 6.0))  # type: ignore[arg-type]
    stands = (still.speeds[1:] == 0) & (still.speeds[:-1] == 0)
    assert stands.sum() > 3 and torch.equal(still.poses[1:][stands], still.poses[:-1][stands])


@pytest.mark.parametrize('appearance', [0.0, 1.0])
def test_everything_stands_on_the_ground(appearance: float) -> None:
    wheels = built = 0
    for seed in range(4):
        drive = hilly(seed, 12, appearance=appearance, slope=0.1)
        world, hills = drive.world, drive.hills
        assert hills is not None
        placed = world.at(9, drive.poses[9, :3, 3])
        assert placed.ground is not None
        x, y, z = (CORNERS * placed.half[:, None]).unbind(-1)
        c, s = placed.pose[:, 3:].cos(), placed.pose[:, 3:].sin()
        x, y = placed.pose[:, :1] + c * x - s * y, placed.pose[:, 1:2] + s * x + c * y
        lean = height_of(placed.ground[:, None], x, y) - height_of(
            placed.ground, placed.pose[:, 0], placed.pose[:, 1]
        ).unsqueeze(1)
        above = placed.pose[:, 2:3] + z + lean - hills.height(x, y)
        bottom = CORNERS[:, 2] < 0
        wheel = placed.kind == AXLE
        assert above[wheel][:, bottom].abs().max() < 0.15
        wheels += int(wheel.sum())
        # What is built from the ground up leaves no gap at any corner.
        before = drive.world.centre - drive.world.half
        house = (
            (placed.kind == BOX) & (before[placed.index, 2] < 0.005) & (placed.half[:, 2] > 0.3)
        )
        assert above[house][:, bottom].max() < 0.01
        built += int(house.sum())
    assert wheels > 100 and built > 50


@pytest.mark.parametrize('seed', [0, 1])
def test_flow_is_depth_and_camera_motion_on_static_pixels(seed: int) -> None:
    drive = hilly(seed, slope=0.1)
    view = drive.render([4])
    points = points_of(drive, view, 0, 4)
    static = ~view.moving[0] & (view.instance[0] > 0)
    for j, flow in ((5, view.flow[0]), (3, view.flow_previous[0])):
        there = (points - drive.poses[j, :3, 3]) @ drive.poses[j, :3, :3]
        expected = CAMERA.project(there) - pixel_grid(CAMERA.height, CAMERA.width)
        use = static & torch.isfinite(flow[0])
        assert use.float().mean() > 0.5
        error = (flow - expected.permute(2, 0, 1).float()).abs().amax(0)[use]
        assert error.max() < 1e-2


def test_points_of_moving_objects_stay_on_them() -> None:
    """Where a point is in the next frame, that frame's depth is the point's."""
    checked, errors = 0, []
    for seed in range(5):
        drive = hilly(seed, 6, slope=0.12)
        view = drive.render([2, 3])
        points = points_of(drive, view, 0, 2)
        mover = view.moving[0]
        there = drive.world.displacement(2, 3, points[mover], view.instance[0][mover])
        assert (there - points[mover]).norm(dim=-1).max() < 3
        there = (there - drive.poses[3, :3, 3]) @ drive.poses[3, :3, :3]
        target = CAMERA.project(there).round().long()
        u, v = target.unbind(-1)
        inside = (u >= 0) & (u < CAMERA.width) & (v >= 0) & (v < CAMERA.height)
        u, v, z = u[inside], v[inside], there[inside, 2]
        same = view.instance[1][v, u] == view.instance[0][mover][inside]
        errors.append(((view.depth[1][v, u] - z).abs() / z)[same])
        checked += int(same.sum())
    assert checked > 200
    assert torch.cat(errors).median() < 0.01 and torch.cat(errors).quantile(0.9) < 0.1


def test_shadows_lie_on_hills_as_on_flat_ground() -> None:
    sun = (0.6 / 0.94**0.5, -0.3 / 0.94**0.5, 0.7 / 0.94**0.5)
    poses = torch.eye(4, dtype=torch.float64)[None].clone()
    poses[0, :3, 2] = torch.tensor([1.0, 0.0, 0.0])
    x, y = (20 * torch.rand(2, 4000, generator=torch.Generator().manual_seed(0))).unbind()
    y = y - 7
    foot = torch.tensor([[12.0, 3.0]], dtype=torch.float64)
    ground = STEEP.tangents(foot)
    base = height_of(ground, *foot.T)
    pose = torch.cat([foot, base[:, None] + 2.5, torch.tensor([[0.7]])], 1)
    half = torch.tensor([[2.0, 1.0, 1.5]], dtype=torch.float64)
    one = torch.zeros(1, dtype=torch.long)
    thing = Placed(one, one + BOX, pose, half, ground)
    z = STEEP.height(x.double(), y.double()).float()
    shadows = Shadows(sun, poses, thing, STEEP)
    lit = shadows.lit(shadows.static, x, y, z)
    up = torch.linspace(0, 12, 600)[:, None]  # march along the light
    px, py, pz = x + up * sun[0] - 12, y + up * sun[1] - 3, z + up * sun[2] - pose[0, 2].float()
    pz = pz - float(ground[0, 0]) * px - float(ground[0, 1]) * py
    c, s = pose[0, 3].cos().float(), pose[0, 3].sin().float()
    local = torch.stack([c * px + s * py, c * py - s * px, pz]).abs() / half[0, :, None, None]
    dark = (local.float() <= 1).all(0).any(0)
    assert 50 < dark.sum() < 2000
    assert ((lit < 0.5) != dark).float().mean() < 0.04
    assert lit[dark].mean() < 0.1 and lit[~dark].mean() > 0.97
    far = torch.tensor([1e4, -1e4])
    assert (shadows.lit(shadows.static, far, far, STEEP.height(far, far)) == 1).all()
