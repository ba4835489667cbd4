# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from mdepth_ros.geometry import (
    Camera,
    forward_warp,
    inverse_transform,
    pixel_grid,
    project_depth,
    splat_depth,
    transform_from_axis_angle,
)
from mdepth_ros.synthetic import WorldConfig, make_drive

K = torch.tensor([[[50.0, 0, 31.5], [0, 50.0, 23.5], [0, 0, 1]]])


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> torch.Tensor:
    return transform_from_axis_angle(torch.zeros(1, 3), torch.tensor([[x, y, z]]))


def test_at_the_same_place_nothing_changes() -> None:
    depth = torch.rand(2, 48, 64) * 20 + 1
    seen = splat_depth(depth, torch.eye(4).expand(2, 4, 4), K)
    assert torch.equal(seen, depth)


def test_a_plane_that_comes_nearer_has_no_holes_and_the_right_depth() -> None:
    seen = splat_depth(torch.full((1, 48, 64), 9.0), moved(z=-3.0), K)  # scale 1.5
    torch.testing.assert_close(seen, torch.full((1, 48, 64), 6.0))


def test_the_nearest_point_of_a_pixel_stays() -> None:
    depth = torch.full((1, 48, 64), 20.0)
    depth[:, 10:20, 40:50] = 5.0  # moves 10 pixels per metre, what is behind it 2.5
    seen = splat_depth(depth, moved(x=1.0), K)
    assert (seen[:, 10:20, 50:60] == 5.0).all()
    assert (seen[:, 10:20, 43:50] == 0.0).all()  # uncovered: nobody saw what is there
    assert (seen[:, 30:, 3:] == 20.0).all()
    assert (seen[:, :, :2] == 0.0).all()


def test_unknown_depth_is_left_out() -> None:
    depth = torch.full((1, 48, 64), 8.0)
    depth[0, 5, 5], depth[0, 6, 6], depth[0, 7, 7] = torch.nan, torch.inf, 0.0
    seen = splat_depth(depth, torch.eye(4)[None], K)
    assert (seen == 0).sum() == 3
    assert (seen[seen > 0] == 8.0).all()


def test_a_translation_moves_points_by_themselves() -> None:
    depth = torch.full((1, 48, 64), 10.0)
    one = splat_depth(depth, moved(x=2.0), K)
    other = splat_depth(depth, moved(), K, torch.tensor([2.0, 0, 0]).view(1, 3, 1, 1) + 0 * depth)
    assert torch.equal(one, other)


def test_forward_and_back_closes_on_a_plane() -> None:
    ramp = torch.arange(64.0).expand(1, 3, 48, 64) / 64
    depth = torch.full((1, 48, 64), 10.0)
    T = moved(x=1.0)
    image, seen = forward_warp(ramp, depth, T, K)
    back, _ = forward_warp(image, seen, inverse_transform(T), K)
    inner = (..., slice(None), slice(0, 58))
    torch.testing.assert_close(back[inner], ramp[inner], atol=2e-2, rtol=0)


def test_it_lands_where_the_synthetic_flow_says() -> None:
    camera = Camera(160, 64, 100.0, 100.0, 79.5, 31.5)
    view = make_drive(3, 3, camera, WorldConfig()).render([1, 2])
    T = torch.linalg.solve(view.pose[1], view.pose[0])[None].float()
    depth = view.depth[:1].clamp(max=500)
    static = ~view.moving[0] & view.depth[0].isfinite()
    K = camera.matrix()[None].float()
    pixels, _ = project_depth(depth, T, K)
    flow = (pixels[0] - pixel_grid(64, 160)).permute(2, 0, 1)
    torch.testing.assert_close(flow[:, static], view.flow[0][:, static], atol=2e-2, rtol=1e-3)
    seen = splat_depth(depth, T, K)[0]
    both = (seen > 0) & view.depth[1].isfinite() & ~view.moving[1]
    off = (seen / view.depth[1] - 1).abs()[both]
    assert both.float().mean() > 0.6
    assert off.median() < 0.01  # the true depth of the other frame
