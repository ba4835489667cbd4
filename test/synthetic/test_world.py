# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic world: what stands and drives where, and how it looks."""

import pytest
import torch

from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.objects import SKIN
from mdepth_ros.synthetic.render import Placed, camera_rays, cast
from mdepth_ros.synthetic.scene import AXLE, BOX, CYLINDER, ELLIPSOID, TANK, distance_to_boxes
from mdepth_ros.synthetic.textures import Noise, grid_pattern
from mdepth_ros.synthetic.trajectory import BODY_OPTICAL, make_path
from mdepth_ros.synthetic.vehicles import TYRE

CAMERA = Camera(96, 32, 56.0, 56.0, 47.5, 15.5)
OVERHEAD = 4.0


@pytest.mark.parametrize('appearance', [0.0, 1.0])
def test_nothing_comes_close_to_the_camera(appearance: float) -> None:
    for seed in range(15):
        drive = make_drive(seed, 40, CAMERA, WorldConfig(appearance=appearance, moving=2.0))
        world = drive.world
        low = world.centre[:, 2] - world.half[:, 2] < OVERHEAD
        owner = world.owner[low]
        for i in range(0, drive.frames, 3):
            exists = torch.cat([torch.ones(world.still, dtype=torch.bool), world.active[i]])[owner]
            poses = world.object_poses(i)[owner]
            position = drive.poses[i, None, :2, 3]
            gap = distance_to_boxes(position, poses, world.centre[low], world.half[low])[0]
            assert gap[exists].min() > 1.0, f'seed {seed}, frame {i}'


def test_distance_to_boxes() -> None:
    points = torch.tensor([[3.0, 0.0], [0.0, 3.0], [0.2, 0.1]], dtype=torch.float64)
    pose = torch.tensor([[0.0, 0.0, torch.pi / 2]], dtype=torch.float64)
    half = torch.tensor([[2.0, 1.0, 1.0]], dtype=torch.float64)
    gap = distance_to_boxes(points, pose, torch.zeros(1, 3, dtype=torch.float64), half)
    expected = torch.tensor([[2.0], [1.0], [0.0]], dtype=torch.float64)
    torch.testing.assert_close(gap, expected)


def test_a_static_world_has_no_moving_pixels_and_a_moving_one_has_some() -> None:
    config = WorldConfig(supersample=1)
    shares = []
    for seed in range(20):
        shares.append(make_drive(seed, 10, CAMERA, config).render([5]).moving.float().mean())
    assert 0.01 < torch.stack(shares).mean() < 0.08
    for seed in range(4):
        still = make_drive(seed, 10, CAMERA, WorldConfig(supersample=1, moving=0.0))
        assert not still.render([0, 5, 9]).moving.any()


def test_traffic_comes_in_all_kinds() -> None:
    oncoming = crossing = ahead = same_speed = 0
    for seed in range(30):
        drive = make_drive(seed, 30, CAMERA, WorldConfig())
        world = drive.world
        forward = drive.poses[15, :2, 2]
        for k in range(world.tracks.shape[1]):
            step = world.tracks[16, k, :2] - world.tracks[15, k, :2]
            if not world.active[15, k] or step.norm() < 0.2:
                continue
            cosine = float(step @ forward / step.norm() / forward.norm())
            oncoming += cosine < -0.9
            crossing += abs(cosine) < 0.3
            ahead += cosine > 0.9
            own = (drive.poses[16, :2, 3] - drive.poses[15, :2, 3]).norm()
            same_speed += cosine > 0.9 and abs(float(step.norm() - own)) < 0.02
    assert min(oncoming, crossing, ahead, same_speed) > 1


def test_vehicles_queue_beside_and_ahead_of_the_camera_in_the_randomised_world_alone() -> None:
    ahead = queues = 0
    for seed in range(30):
        drive = make_drive(seed, 20, CAMERA, WorldConfig(appearance=1.0))
        assert make_drive(seed, 20, CAMERA, WorldConfig()).road.standing == ()
        queues += bool(drive.road.standing)
        if 0.0 in drive.road.standing:
            end, forward = drive.poses[-1, :2, 3], drive.poses[-1, :2, 2]
            offset = drive.world.pose[: drive.world.still, :2] - end
            along, across = offset @ forward, offset @ forward[[1, 0]].mul(torch.tensor([-1.0, 1]))
            ahead += bool(((along > 3) & (along < 45) & (across.abs() < 3)).any())
            # What stands in the camera's lane is a vehicle: nothing else drives there.
            assert not any(
                bool(step.norm() < 3)
                for step in drive.world.tracks[-1, drive.world.active[-1], :2] - end
            )
    assert 15 < queues < 30
    assert ahead > 8


def test_appearance_changes_the_pixels_and_keeps_the_drive() -> None:
    brightness = []
    for appearance in (0.0, 1.0):
        config = WorldConfig(appearance=appearance, supersample=1)
        drives = [make_drive(seed, 10, CAMERA, config) for seed in range(16)]
        views = [drive.render([5]) for drive in drives]
        assert all(
            drive.speeds.equal(make_drive(s, 10, CAMERA, WorldConfig()).speeds)
            for s, drive in enumerate(drives[:3])
        )
        median = torch.stack([view.depth[torch.isfinite(view.depth)].median() for view in views])
        assert 4 < median.median() < 25
        ground = [view.image[view.instance == 1].float().mean() for view in views]
        brightness.append(torch.stack(ground))
    plain, wide = brightness
    assert wide.std() > 2 * plain.std()


def test_images_are_neither_black_nor_white_nor_flat() -> None:
    for appearance in (0.0, 0.5, 1.0):
        for seed in range(6):
            drive = make_drive(seed, 4, CAMERA, WorldConfig(appearance=appearance))
            image = drive.render([1]).image.float()
            assert 30 < image.mean() < 235
            assert image.std() > 12


def test_sub_samples_change_the_image_and_not_the_truth() -> None:
    coarse = make_drive(0, 4, CAMERA, WorldConfig(supersample=1)).render([1])
    fine = make_drive(0, 4, CAMERA, WorldConfig(supersample=3)).render([1])
    assert torch.equal(coarse.depth, fine.depth)
    assert torch.equal(coarse.instance, fine.instance)
    assert not torch.equal(coarse.image, fine.image)
    assert (coarse.image.float() - fine.image.float()).abs().mean() < 10


@pytest.mark.parametrize('kind', [BOX, ELLIPSOID, CYLINDER, AXLE, TANK])
def test_rays_end_on_the_surface_of_primitives(kind: int) -> None:
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = BODY_OPTICAL
    pose[2, 3] = 1.5
    placed = Placed(
        torch.tensor([0]),
        torch.tensor([kind]),
        torch.tensor([[9.0, 0.5, 1.4, 0.7]], dtype=torch.float64),
        torch.tensor([[1.5, 0.8, 1.1]], dtype=torch.float64),
    )
    rays = camera_rays(CAMERA, 1)
    depth, surface, direction = cast(placed, CAMERA, pose, rays)
    hit = surface == 2
    assert hit.sum() > 100
    points = torch.stack([part[hit] for part in direction], -1) * depth[hit][:, None]
    x, y, z = (points + pose[:3, 3] - placed.pose[0, :3]).unbind(-1)
    c, s = placed.pose[0, 3].cos(), placed.pose[0, 3].sin()
    unit = torch.stack([c * x + s * y, c * y - s * x, z], -1) / placed.half[0]
    a, b, d = unit.abs().unbind(-1)
    outermost = {
        BOX: torch.stack([a, b, d]).amax(0),
        ELLIPSOID: unit.norm(dim=-1),
        CYLINDER: torch.maximum(torch.hypot(a, b), d),
        AXLE: torch.maximum(torch.hypot(a, d), b),
        TANK: torch.maximum(torch.hypot(b, d), a),
    }[kind]
    torch.testing.assert_close(outermost, torch.ones_like(outermost), rtol=1e-4, atol=1e-4)


def test_a_path_is_as_long_as_its_arc_length_and_bends_as_it_says() -> None:
    path = make_path(Random(3, 0), 100.0)
    steps = (path.xy[1:] - path.xy[:-1]).norm(dim=-1)
    torch.testing.assert_close(steps, torch.full_like(steps, 0.1), rtol=1e-3, atol=0)
    at = path.at(torch.tensor([0.0, 10.0, 1e4], dtype=torch.float64), 2.0)
    assert at[0].abs().max() < 2.01 and abs(float(at[0, 1]) - 2.0) < 1e-6
    assert at[2, :2].norm() > 5e3  # beyond its end it goes straight on


def test_noise_fades_with_the_footprint_and_repeats_itself_exactly() -> None:
    noise = Noise(torch.device('cpu'))
    u, v = torch.rand(2, 4000, generator=torch.Generator().manual_seed(0)) * 60 - 30
    near = noise.layers(u, v, torch.full_like(u, 0.001))
    far = noise.layers(u, v, torch.full_like(u, 0.5))
    assert (near.std(1) > 0.2).all() and near.abs().max() <= 1
    assert far[0].std() > 0.1 and (far[3:] == 0).all()
    torch.testing.assert_close(noise.layers(u[:7], v[:7], u[:7] * 0 + 0.001), near[:, :7])


def test_a_pattern_covers_its_share_at_every_distance() -> None:
    u, v = torch.rand(2, 20000, generator=torch.Generator().manual_seed(1)) * 50
    one = torch.ones_like(u)
    period, part = torch.stack([2 * one, 3 * one]), torch.stack([0.5 * one, 0.4 * one])
    for footprint in (0.01, 0.3, 10.0):
        share = grid_pattern(u, v, footprint * one, period, part, 0.5 * one)
        assert abs(float(share.mean()) - 0.2) < 0.02
    none = grid_pattern(u, v, 0.01 * one, period, 0 * part, 0 * one)
    assert none.mean() < 0.01


@pytest.mark.parametrize('slope', [0.0, 0.1])
def test_what_can_move_has_wheels_or_skin_and_looks_as_rendered(slope: float) -> None:
    standing = 0
    for seed in range(4):
        drive = make_drive(seed, 4, CAMERA, WorldConfig(appearance=1.0, slope=slope))
        world, view = drive.world, drive.render([2])
        rows = torch.tensor([TYRE.row(), SKIN.row()])
        marked = (world.material[:, None] == rows).all(-1).any(-1)
        alive = torch.zeros(len(world.pose), dtype=torch.bool)
        alive[world.owner[marked]] = True
        assert torch.equal(world.movable, alive)
        instance = view.instance[0]
        wanted = (instance >= 2) & alive[(instance - 2).clamp(min=0)]
        assert torch.equal(drive.movables(2), instance.where(wanted, 0))
        assert (drive.movables(2) > 0)[view.moving[0]].all()
        standing += int((wanted & ~view.moving[0]).sum())
    assert standing > 50
