# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic world: what it renders is what is there."""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from mdepth_ros.geometry import Camera, pixel_grid
from mdepth_ros.synthetic import Drive, View, WorldConfig, make_drive

CAMERA = Camera(128, 40, 74.0, 74.0, 63.5, 19.5)
PLAIN = WorldConfig()
PLAIN_BLOCKS = [
    [
        82.5,
        78.9,
        172.9,
        196.9,
        195.9,
        196.5,
        200.2,
        199.0,
        197.5,
        191.8,
        150.7,
        85.5,
        141.0,
        92.7,
        47.5,
        45.9,
    ],
    [
        78.9,
        81.4,
        76.8,
        184.4,
        134.8,
        172.2,
        182.1,
        176.7,
        200.3,
        206.1,
        125.6,
        46.7,
        85.6,
        174.8,
        119.0,
        118.6,
    ],
    [
        74.8,
        79.4,
        82.9,
        103.0,
        91.4,
        55.9,
        58.5,
        70.5,
        146.4,
        141.3,
        117.2,
        52.6,
        149.6,
        153.0,
        141.2,
        131.2,
    ],
    [
        88.7,
        108.0,
        122.7,
        113.9,
        103.5,
        109.1,
        102.4,
        112.2,
        124.7,
        105.1,
        89.4,
        68.7,
        73.4,
        71.9,
        68.1,
        65.7,
    ],
    [
        122.1,
        105.9,
        95.8,
        94.7,
        107.0,
        109.0,
        98.7,
        93.1,
        89.7,
        110.9,
        122.5,
        124.5,
        112.2,
        92.4,
        82.2,
        67.4,
    ],
]


def quiet(drive: Drive) -> Drive:
    """The same drive seen by a sensor without noise, blur and exposure changes."""
    look = replace(drive.look, noise=(0.0, 0.0), blur=0.0, adapt=0.0, drift=0.0, vignette=0.0)
    look = replace(look, sharpen=0.0, black=0.0, contrast=0.0)
    return replace(drive, look=look)


def same(first: View, second: View) -> bool:
    pairs = ((getattr(first, f.name), getattr(second, f.name)) for f in fields(View))
    return all(torch.equal(a.nan_to_num(7e7), b.nan_to_num(7e7)) for a, b in pairs)


def sample(image: Tensor, pixels: Tensor, mode: str = 'bilinear') -> Tensor:
    """Image [C, H, W] at pixels [H, W, 2]."""
    size = pixels.new_tensor([image.shape[2], image.shape[1]])
    grid = ((2 * pixels + 1) / size - 1)[None]
    return torch.nn.functional.grid_sample(image[None], grid, mode, align_corners=False)[0]


@pytest.mark.parametrize('appearance', [0.0, 1.0])
def test_a_seed_is_a_drive_whatever_is_rendered_with_it(appearance: float) -> None:
    config = WorldConfig(appearance=appearance)
    drive = make_drive(3, 6, CAMERA, config)
    together = drive.render([1, 2, 4])
    alone = make_drive(3, 6, CAMERA, config).render([2])
    assert same(View(*(getattr(together, f.name)[1:2] for f in fields(View))), alone)
    other = make_drive(4, 6, CAMERA, config).render([2])
    assert not torch.equal(other.image, alone.image)
    assert not torch.equal(other.depth, alone.depth)


def test_the_plain_world_stays_as_it_is() -> None:
    """The shipped model's scores hang on it: mean grey values of 8 x 8 blocks, as first drawn."""
    view = make_drive(2, 6, CAMERA, PLAIN).render([5])
    blocks = view.image[0].float().mean(-1).unflatten(0, (5, 8)).unflatten(2, (16, 8)).mean((1, 3))
    torch.testing.assert_close(blocks, torch.tensor(PLAIN_BLOCKS), rtol=0, atol=0.6)


def test_shapes_types_and_range() -> None:
    view = make_drive(0, 3, CAMERA, PLAIN).render([0, 1])
    size = (2, CAMERA.height, CAMERA.width)
    assert view.image.shape == (*size, 3) and view.image.dtype == torch.uint8
    assert view.depth.shape == size and view.depth.dtype == torch.float32
    assert view.instance.shape == size and view.instance.dtype == torch.int32
    assert view.moving.shape == size and view.moving.dtype == torch.bool
    assert view.flow.shape == (2, 2, *size[1:]) and view.flow.dtype == torch.float32
    assert view.pose.shape == (2, 4, 4) and view.pose.dtype == torch.float64
    with pytest.raises(IndexError, match='frame 3 of a drive of 3'):
        make_drive(0, 3, CAMERA, PLAIN).render([3])


def test_the_ground_is_a_plane_at_zero_and_the_sky_is_infinite() -> None:
    drive = make_drive(1, 4, CAMERA, PLAIN)
    view = drive.render([0, 3])
    for pose, depth, instance in zip(view.pose, view.depth, view.instance, strict=True):
        rays = CAMERA.unproject(pixel_grid(CAMERA.height, CAMERA.width).double())
        directions = rays @ pose[:3, :3].T
        expected = -pose[2, 3] / directions[..., 2]
        ground = instance == 1
        assert ground.float().mean() > 0.2
        torch.testing.assert_close(depth[ground].double(), expected[ground], rtol=1e-4, atol=0)
        assert torch.isinf(depth[instance == 0]).all() and (depth[instance == 0] > 0).all()
        assert torch.isfinite(depth[instance != 0]).all()
        solid = instance > 1
        assert (depth[solid].double() <= expected[solid].abs() * 1.0001)[
            directions[solid][:, 2] < 0
        ].all()


def test_odom_is_below_the_first_camera_and_the_camera_looks_along_x() -> None:
    drive = make_drive(2, 20, CAMERA, PLAIN)
    assert drive.poses[0, :2, 3].abs().max() < 1e-9
    assert abs(float(drive.poses[0, 2, 3]) - drive.camera_height) < 0.05
    optical = drive.poses[0, :3, :3]
    assert optical[0, 2] > 0.99 and optical[1, 0] < -0.99 and optical[2, 1] < -0.99
    identity = torch.eye(3, dtype=torch.float64).expand(20, 3, 3)
    rotations = drive.poses[:, :3, :3]
    torch.testing.assert_close(rotations @ rotations.mT, identity)
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(20, dtype=torch.float64))


@pytest.mark.parametrize('interval', [0.1, 0.05])
def test_poses_speeds_and_stamps_agree(interval: float) -> None:
    config = WorldConfig(frame_interval=interval)
    drive = make_drive(5, 60, CAMERA, config)
    steps = (drive.poses[1:, :2, 3] - drive.poses[:-1, :2, 3]).norm(dim=-1)
    mean = (drive.speeds[1:] + drive.speeds[:-1]) / 2
    assert (steps / interval - mean).abs().max() < 0.1
    assert drive.stamps[:3] == [0, round(interval * 1e9), round(2 * interval * 1e9)]
    change = (drive.speeds[1:] - drive.speeds[:-1]) / interval
    assert change.min() > -3.01 and change.max() < 2.01


def test_speed_and_turning_stay_in_their_ranges_and_vary_between_drives() -> None:
    config = WorldConfig(speed=(4.0, 9.0), yaw_rate=20.0)
    fastest, turning = [], []
    for seed in range(12):
        drive = make_drive(seed, 80, CAMERA, config)
        forward = drive.poses[:, :2, 2]
        heading = torch.atan2(forward[:, 1], forward[:, 0])
        turn = torch.remainder(heading[1:] - heading[:-1] + torch.pi, 2 * torch.pi) - torch.pi
        assert drive.speeds.max() < 9.01
        turning.append(float(torch.rad2deg(turn.abs().max()) / config.frame_interval))
        fastest.append(float(drive.speeds.max()))
    assert max(turning) < 24.0  # 20 by steering; the shaking camera adds a little
    assert max(turning) > 10.0 and min(turning) < 5.0
    assert max(fastest) - min(fastest) > 2.0


def test_a_drive_can_stand() -> None:
    drive = make_drive(7, 150, CAMERA, WorldConfig(standing=1.0, speed=(3.0, 6.0)))
    assert (drive.speeds == 0).sum() > 3
    still = (drive.speeds[1:] == 0) & (drive.speeds[:-1] == 0)
    assert torch.equal(drive.poses[1:][still], drive.poses[:-1][still])
    assert make_drive(7, 150, CAMERA, WorldConfig(speed=(3.0, 6.0))).speeds.min() > 2.0


@pytest.mark.parametrize('seed', [0, 1])
def test_flow_is_depth_and_camera_motion_on_static_pixels(seed: int) -> None:
    drive = make_drive(seed, 8, CAMERA, PLAIN)
    view = drive.render([4])
    pixels = pixel_grid(CAMERA.height, CAMERA.width).double()
    rays = CAMERA.unproject(pixels)
    for j, flow in ((5, view.flow[0]), (3, view.flow_previous[0])):
        motion = torch.linalg.inv(drive.poses[j]) @ drive.poses[4]
        points = rays * view.depth[0].double().clamp_max(1e9)[..., None]
        points = points @ motion[:3, :3].T + motion[:3, 3]
        expected = (CAMERA.project(points) - pixels).permute(2, 0, 1).float()
        static = ~view.moving[0] & torch.isfinite(flow[0])
        assert static.float().mean() > 0.8
        error = (flow - expected).abs().amax(0)[static]
        assert error.max() < 1e-2


def test_flow_leads_to_the_same_point_of_a_moving_object() -> None:
    checked = 0
    for seed in range(6):
        drive = make_drive(seed, 6, CAMERA, PLAIN)
        view = drive.render([2, 3])
        target = pixel_grid(CAMERA.height, CAMERA.width) + view.flow[0].permute(1, 2, 0)
        there = sample(view.instance[1][None].float(), target, 'nearest')[0]
        inside = (target > 1).all(-1) & (target < target.new_tensor([126.0, 38.0])).all(-1)
        movers = view.moving[0] & inside
        checked += int(movers.sum())
        assert (there == view.instance[0])[movers].float().mean() > 0.75 or movers.sum() < 30
    assert checked > 200


def test_forward_and_backward_flow_close() -> None:
    view = make_drive(0, 6, CAMERA, PLAIN).render([2, 3])
    target = pixel_grid(CAMERA.height, CAMERA.width) + view.flow[0].permute(1, 2, 0)
    back = sample(view.flow_previous[1], target)
    same_object = sample(view.instance[1][None].float(), target, 'nearest')[0] == view.instance[0]
    error = (view.flow[0] + back).norm(dim=0)[same_object & (view.instance[0] > 0)]
    assert error.nanquantile(0.9) < 0.2


def test_flow_is_undefined_outside_of_the_drive() -> None:
    view = make_drive(0, 2, CAMERA, PLAIN).render([0, 1])
    assert view.flow_previous[0].isnan().all() and view.flow[1].isnan().all()
    assert view.flow[0].isfinite().float().mean() > 0.9
    assert view.flow[0][:, view.instance[0] == 0].isfinite().all()


def edges(instance: Tensor) -> Tensor:
    """Pixels next to which another object begins."""
    block = instance[None, None].float()
    high = torch.nn.functional.max_pool2d(block, 3, 1, 1)
    low = -torch.nn.functional.max_pool2d(-block, 3, 1, 1)
    return (high != low)[0, 0]


def photometric_errors(drive: Drive, i: int, scale: float = 1.0) -> tuple[Tensor, Tensor, View]:
    """Errors of frame i - 1 seen from frame i: warped by scaled depth and pose, and not warped.

    NaN where the other frame does not see the point, and next to the edges of objects.
    """
    view = quiet(drive).render([i - 1, i])
    images = view.image.permute(0, 3, 1, 2).float() / 255
    pixels = pixel_grid(CAMERA.height, CAMERA.width).double()
    motion = torch.linalg.inv(drive.poses[i - 1]) @ drive.poses[i]
    points = CAMERA.unproject(pixels) * view.depth[1].double().clamp_max(1e9)[..., None]
    points = scale * points @ motion[:3, :3].T + motion[:3, 3]
    source = CAMERA.project(points).float()
    warped = sample(images[0], source)
    origin = sample(view.instance[0][None].float(), source, 'nearest')[0]
    visible = (origin == view.instance[1]) & (view.instance[1] > 0) & ~edges(view.instance[1])
    size = source.new_tensor([CAMERA.width - 1, CAMERA.height - 1])
    visible &= (source > 0).all(-1) & (source < size).all(-1)
    nan = torch.full_like(warped[0], torch.nan)
    error = torch.where(visible, (warped - images[1]).abs().mean(0), nan)
    unwarped = torch.where(visible, (images[0] - images[1]).abs().mean(0), nan)
    return error, unwarped, view


@pytest.mark.parametrize(('appearance', 'slope'), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.1)])
def test_the_true_depth_and_motion_explain_the_image(appearance: float, slope: float) -> None:
    errors: dict[float, list[Tensor]] = {0.8: [], 1.0: [], 1.25: []}
    plain = []
    for seed in range(6):
        config = WorldConfig(appearance=appearance, slope=slope)
        drive = make_drive(seed, 8, CAMERA, config)
        for scale, some in errors.items():
            error, unwarped, view = photometric_errors(drive, 5, scale)
            some.append(error[~view.moving[1]])
        plain.append(unwarped[~view.moving[1]])
    mean = {scale: float(torch.cat(some).nanmean()) for scale, some in errors.items()}
    assert mean[1.0] < 0.02
    assert mean[1.0] < 0.4 * torch.cat(plain).nanmean()
    assert mean[1.0] < 0.85 * min(mean[0.8], mean[1.25])


def test_the_true_depth_and_camera_motion_do_not_explain_moving_objects() -> None:
    static, moving = [], []
    for seed in range(12):
        error, _, view = photometric_errors(make_drive(seed, 4, CAMERA, PLAIN), 2)
        static.append(error[~view.moving[1]])
        moving.append(error[view.moving[1]])
    assert torch.cat(moving).nanmean() > 2 * torch.cat(static).nanmean()
