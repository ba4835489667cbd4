# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import torch

from mdepth_ros.geometry import (
    Camera,
    backproject,
    inverse_transform,
    pixel_grid,
    project,
    project_depth,
    sample,
    se3_exp,
    warp,
)

CAMERA = Camera(160, 96, 120, 118, 77.3, 49.1)
K = CAMERA.matrix(torch.float64)
MOTION = torch.tensor([0.1, -0.05, 0.3, 0.01, -0.02, 0.015], dtype=torch.float64)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def inner(pixels: torch.Tensor) -> torch.Tensor:
    """Where no edge pixel is repeated."""
    return ((pixels >= 0) & (pixels <= torch.tensor([159, 95]))).all(-1)


def test_pixel_grid() -> None:
    grid = pixel_grid(3, 4)
    assert grid.shape == (3, 4, 2)
    assert grid[2, 3].tolist() == [3, 2] and grid[0, 0].tolist() == [0, 0]
    assert grid is pixel_grid(3, 4)


def test_backprojection_and_projection_are_the_cameras() -> None:
    depth = 1 + 9 * noise(2, 96, 160)
    points = backproject(depth, K)
    grid = pixel_grid(96, 160, dtype=torch.float64)
    expected = CAMERA.unproject(grid) * depth[..., None]
    torch.testing.assert_close(points, expected.permute(0, 3, 1, 2))
    pixels, z = project(points, K)
    torch.testing.assert_close(pixels, grid.expand_as(pixels), rtol=0, atol=1e-10)
    torch.testing.assert_close(z, depth)


def test_one_camera_for_each_image() -> None:
    depth = 1 + noise(2, 96, 160)
    both = torch.stack([K, CAMERA.cropped(3, 5, 160, 96).matrix(torch.float64)])
    T = se3_exp(torch.stack([MOTION, -MOTION]))
    pixels, _ = project_depth(depth, T, both)
    for i in range(2):
        alone, _ = project_depth(depth[i : i + 1], T[i : i + 1], both[i])
        torch.testing.assert_close(pixels[i : i + 1], alone)


def test_depth_seen_from_the_source() -> None:
    depth, T = 2 + noise(1, 96, 160), se3_exp(MOTION)[None]
    points = backproject(depth, K)
    moved = torch.einsum('bij,bjhw->bihw', T[:, :3, :3], points) + T[:, :3, 3, None, None]
    expected_pixels, expected_z = project(moved, K)
    pixels, z = project_depth(depth, T, K)
    torch.testing.assert_close(pixels, expected_pixels)
    torch.testing.assert_close(z, expected_z)


@pytest.mark.parametrize('padding', ['border', 'zeros'])
def test_identity_pose_is_identity(padding: str) -> None:
    image, depth = noise(2, 3, 96, 160), 0.1 + 100 * noise(2, 96, 160)
    eye = torch.eye(4).expand(2, 4, 4)
    warped, valid = warp(image.float(), depth.float(), eye, K.float(), padding)
    torch.testing.assert_close(warped, image.float(), rtol=0, atol=1e-4)
    assert valid.all() and valid.dtype == torch.bool
    warped, _ = warp(image, depth, eye.double(), K, padding)
    torch.testing.assert_close(warped, image, rtol=0, atol=1e-10)


def rigid_flow(depth: torch.Tensor, T: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """Optical flow [B, 2, H, W] in pixels, from target to source, of a static world."""
    pixels, _ = project_depth(depth, T, K)
    return (pixels - pixel_grid(*depth.shape[-2:], dtype=pixels.dtype)).permute(0, 3, 1, 2)


def test_known_translation_gives_known_flow() -> None:
    depth, T = 2 + 8 * noise(1, 96, 160), torch.eye(4, dtype=torch.float64)[None].clone()
    T[:, :3, 3] = torch.tensor([0.3, -0.2, 0], dtype=torch.float64)
    flow = rigid_flow(depth, T, K)
    torch.testing.assert_close(flow[:, 0], 120 * 0.3 / depth, rtol=0, atol=1e-10)
    torch.testing.assert_close(flow[:, 1], 118 * -0.2 / depth, rtol=0, atol=1e-10)


def test_forward_motion_expands_from_the_principal_point() -> None:
    T = torch.eye(4, dtype=torch.float64)[None].clone()
    T[:, 2, 3] = -1  # the source camera is one metre ahead
    flow = rigid_flow(torch.full((1, 96, 160), 5.0, dtype=torch.float64), T, K)[0]
    offset = pixel_grid(96, 160, dtype=torch.float64) - K[:2, 2]
    torch.testing.assert_close(flow.permute(1, 2, 0), offset / 4, rtol=0, atol=1e-10)


def test_rotation_flow_does_not_depend_on_depth() -> None:
    T = se3_exp(MOTION * torch.tensor([0, 0, 0, 1, 1, 1]))[None]
    near = rigid_flow(1 + noise(1, 96, 160), T, K)
    far = rigid_flow(50 + noise(1, 96, 160), T, K)
    torch.testing.assert_close(near, far, rtol=0, atol=1e-9)


def test_scale_of_depth_and_translation_cancels() -> None:
    depth, T = 2 + noise(1, 96, 160), se3_exp(MOTION)[None]
    scaled = T.clone()
    scaled[:, :3, 3] *= 7
    torch.testing.assert_close(rigid_flow(depth, T, K), rigid_flow(7 * depth, scaled, K))


def test_true_motion_reproduces_the_true_image(world: Any) -> None:
    T_target_source = se3_exp(MOTION)
    target, depth = world.render(CAMERA)
    source, source_depth = world.render(CAMERA, T_target_source)
    T = inverse_transform(T_target_source)[None]
    warped, valid = warp(source[None], depth[None], T, K)
    pixels, z = project_depth(depth[None], T, K)
    valid &= inner(pixels)
    assert 0.8 < valid.double().mean() < 1
    error = (warped - target).abs().amax(1)
    # What remains is bilinear interpolation of the texture; a wrong motion is far worse.
    assert error[valid].max() < 1e-3
    wrong, _ = warp(source[None], depth[None], T_target_source[None], K)
    assert (wrong - target).abs().mean() > 20 * error[valid].mean()
    # The depth seen from the source agrees with the source's own depth.
    own = sample(source_depth[None, None], pixels)[:, 0]
    torch.testing.assert_close(own[valid], z[valid], rtol=1e-3, atol=0)


def test_there_and_back_closes(world: Any) -> None:
    T_target_source = se3_exp(MOTION)
    _, depth = world.render(CAMERA)
    _, source_depth = world.render(CAMERA, T_target_source)
    pixels, _ = project_depth(depth[None], inverse_transform(T_target_source)[None], K)
    back = rigid_flow(source_depth[None], T_target_source[None], K)
    there = rigid_flow(depth[None], inverse_transform(T_target_source)[None], K)
    gap = (there + sample(back, pixels)).norm(dim=1)
    assert gap[inner(pixels)].max() < 1e-2 < 0.05 * there.norm(dim=1).mean()


def test_valid_marks_the_image_and_the_front() -> None:
    depth = torch.full((1, 96, 160), 4.0)
    T = torch.eye(4)[None].clone()
    T[:, 0, 3] = 4 * 10.2 / 120  # everything moves 10.2 pixels to the right
    _, valid = warp(torch.zeros(1, 1, 96, 160), depth, T, K.float())
    assert valid[..., :150].all() and not valid[..., 150:].any()
    T[:, :3, 3] = torch.tensor([0, 0, -8.0])  # everything lies behind the source camera
    centred = Camera(160, 96, 120, 118, 77, 49).matrix()  # one pixel stays where it is
    warped, valid = warp(torch.ones(1, 1, 96, 160), depth, T, centred, 'zeros')
    assert not valid.any() and warped.isfinite().all()


def test_padding() -> None:
    T = torch.eye(4)[None].clone()
    T[:, 0, 3] = 4 * 20 / 120
    ones, depth = torch.ones(1, 1, 96, 160), torch.full((1, 96, 160), 4.0)
    assert warp(ones, depth, T, K.float())[0].min() == 1
    assert warp(ones, depth, T, K.float(), 'zeros')[0][..., 145:].max() == 0


def test_gradients() -> None:
    camera = Camera(7, 5, 6, 6.5, 3.1, 2.2)
    image, depth = noise(2, 2, 5, 7).requires_grad_(), (2 + noise(2, 5, 7)).requires_grad_()
    twist = (0.1 * torch.stack([MOTION, -MOTION])).requires_grad_()
    matrix = camera.matrix(torch.float64).requires_grad_()

    def warped(
        image: torch.Tensor, depth: torch.Tensor, twist: torch.Tensor, matrix: torch.Tensor
    ) -> torch.Tensor:
        return warp(image, depth, se3_exp(twist), matrix)[0]

    assert torch.autograd.gradcheck(warped, (image, depth, twist, matrix), eps=1e-7)


def test_gradients_stay_finite_behind_the_camera() -> None:
    depth = torch.rand(1, 96, 160)
    depth[:, 40:50] = 0.5  # in the plane of the source camera
    depth.requires_grad_()
    twist = torch.tensor([[0.1, 0, -0.5, 0, 0, 0]], requires_grad=True)
    warped, valid = warp(torch.rand(1, 3, 96, 160), depth, se3_exp(twist), K.float())
    assert valid.any() and not valid.all()
    for gradient in torch.autograd.grad(warped.sum(), (depth, twist)):
        assert gradient.isfinite().all()


def test_autocast_does_not_move_pixels() -> None:
    image, depth, T = noise(1, 3, 96, 160).float(), 2 + noise(1, 96, 160).float(), se3_exp(MOTION)
    plain, _ = warp(image, depth, T[None].float(), K.float())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        cast, _ = warp(image, depth, T[None].float(), K.float())
        half, _ = warp(image.bfloat16(), depth.bfloat16(), T[None].float(), K.float())
    assert torch.equal(plain, cast) and half.dtype == torch.float32


def test_grid_made_in_inference_mode_serves_training() -> None:
    with torch.inference_mode():
        pixel_grid(11, 13)
    weight = torch.ones(2, requires_grad=True)
    (gradient,) = torch.autograd.grad((pixel_grid(11, 13) * weight).sum(), weight)
    assert gradient.tolist() == [11 * 78, 13 * 55]
