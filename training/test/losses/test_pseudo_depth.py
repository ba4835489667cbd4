# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mdepth_training.losses import (
    at_scale,
    distillation_loss,
    edge_normal_loss,
    log_depth_loss,
    normal_loss,
    ranking_loss,
)
from mdepth_training.losses.pseudo_depth import drawn, inner

from mdepth_ros.geometry import Camera, pixel_grid

HEIGHT, WIDTH = 48, 64
SIZE = (2, HEIGHT, WIDTH)
K = Camera(WIDTH, HEIGHT, 50.0, 50.0, 31.5, 23.5).matrix().float().expand(2, 3, 3)
EVERYWHERE = torch.ones(SIZE, dtype=torch.bool)


def depths(seed: int = 0) -> torch.Tensor:
    return torch.rand(SIZE, generator=torch.Generator().manual_seed(seed)) * 20 + 2


def plane(normal: tuple[float, float, float], distance: float = 8.0) -> torch.Tensor:
    """Depth of the plane n . x = distance: z = distance / (n . K^-1 (u, v, 1))."""
    u, v = pixel_grid(HEIGHT, WIDTH).unbind(-1)
    x, y = (u - 31.5) / 50, (v - 23.5) / 50
    unit = np.array(normal) / np.linalg.norm(normal)
    return (distance / (unit[0] * x + unit[1] * y + unit[2])).expand(SIZE).float()


def test_log_depth_is_the_mean_of_the_ratios_logs() -> None:
    counts = depths(1) > 9
    target = depths() * torch.where(counts, 1.3, 5.0)
    target[~counts] = torch.nan
    depth = depths().requires_grad_()
    loss = log_depth_loss(depth, target, counts)
    torch.testing.assert_close(loss, torch.tensor(math.log(1.3)), rtol=1e-5, atol=0)
    loss.backward()
    wanted = -1 / depth.detach() / counts.sum()  # of |log d - log t| where d is below t
    torch.testing.assert_close(depth.grad, wanted.masked_fill(~counts, 0.0))
    assert log_depth_loss(depth, target, counts & False) == 0


def test_normals_of_two_planes_differ_by_their_normals() -> None:
    one, other = (0.3, 0.1, 1.0), (-0.2, 0.4, 1.0)
    ours, theirs = (np.array(n) / np.linalg.norm(n) for n in (one, other))
    counts = EVERYWHERE.clone()
    counts[:, :, -1] = counts[:, -1] = counts[:, 0] = counts[:, :, 0] = False
    loss = normal_loss(plane(one), plane(other), K, counts)
    assert loss.item() == pytest.approx(np.abs(ours - theirs).mean(), rel=1e-3)
    assert normal_loss(plane(one), 3 * plane(one), K, counts) < 1e-4  # no unit counts
    depth = depths().requires_grad_()
    target = depths(1)
    target[:, 10:12] = torch.nan
    normal_loss(depth, target, K, counts & target.isfinite()).backward()
    assert depth.grad.isfinite().all() and depth.grad.any()
    assert (depth.grad[:, 10:12] == 0).all()


def roof(slope: float) -> torch.Tensor:
    """Two planes that meet in the middle column, z = 8 there, each inclined by `slope`."""
    x = (pixel_grid(HEIGHT, WIDTH)[..., 0] - 31.5) / 50
    return (8 / (1 - slope * x.abs())).expand(SIZE)


def across_the_roof(slope: float, distances: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Cosines [N, 3] between the normals of neighbours among points beside the ridge.

    At the two columns of the ridge half of the ways see both sides: the normal is the mean of
    that of the plane and one straight ahead.
    """
    columns = edges[:, None] + distances * [-1, -1, 1, 1]
    left = np.array([slope, 1.0]) / np.hypot(slope, 1)
    ridge = (left + [0, 1]) / np.linalg.norm(left + [0, 1])
    near = ((columns == 31) | (columns == 32))[..., None]
    normals = np.where(near, ridge, left) * np.where(columns < 31.5, 1, -1)[..., None] ** [1, 0]
    return (normals[:, 1:] * normals[:, :-1]).sum(-1)


def test_angles_across_an_edge_are_those_of_the_planes() -> None:
    """Against points that numpy draws: edges are the columns where the normals change."""
    image = torch.zeros(2, 3, HEIGHT, WIDTH)
    image[..., WIDTH // 2 :] = 1.0
    counts = EVERYWHERE.clone()
    counts[:, 0] = counts[:, -1] = counts[:, :, 0] = counts[:, :, -1] = False
    torch.manual_seed(0)
    loss = edge_normal_loss(roof(0.2), roof(0.5), image, K, counts, 2000)
    chance = np.random.default_rng(0)
    far = 2 + 2 * np.sort(chance.random((4000, 4)), 1)
    distances = far[:, [2, 0, 1, 3]].round()
    edges = chance.integers(30, 34, 4000)
    ours, theirs = (across_the_roof(slope, distances, edges) for slope in (0.2, 0.5))
    assert loss.item() == pytest.approx(np.abs(ours - theirs).mean(), rel=0.05)
    torch.manual_seed(0)
    assert edge_normal_loss(roof(0.5), 2 * roof(0.5), image, K, counts, 200) < 1e-4
    torch.manual_seed(0)
    depth = roof(0.2).clone().requires_grad_()
    edge_normal_loss(depth, roof(0.5), image, K, counts, 200).backward()
    assert depth.grad.isfinite().all() and depth.grad.any()
    assert (depth.grad[:, :, :25] == 0).all()  # at most 4 pixels away, and one for the normal


def test_points_at_a_jump_of_the_target_are_left_out() -> None:
    """At a step between two walls the two pixels have a wrong normal; their cosines do not count.

    The walls are flat: all cosines that count are 1.
    """
    image, wall = torch.zeros(2, 3, HEIGHT, WIDTH), torch.full(SIZE, 5.0)
    image[..., WIDTH // 2 + 3 :] = 1.0  # an edge beside the step: points fall on the step too
    step = wall.clone()
    step[..., WIDTH // 2 :] = 15.0
    for seed in range(3):
        torch.manual_seed(seed)
        assert edge_normal_loss(wall, step, image, K, EVERYWHERE, 200) < 1e-5
    small = wall.clone()
    small[..., WIDTH // 2 :] = 5.2  # no jump: its normals count
    assert edge_normal_loss(wall, small, image, K, EVERYWHERE, 200) > 0.01


def test_no_edge_costs_nothing() -> None:
    flat = torch.full(SIZE, 5.0)
    image = torch.zeros(2, 3, HEIGHT, WIDTH)
    assert edge_normal_loss(depths(), flat, image, K, EVERYWHERE & False, 50) == 0


def test_ranking_is_the_logistic_loss_of_ordered_pairs() -> None:
    """Left half near, right half far, in the target; the depth has them the other way round."""
    target, depth = torch.full(SIZE, 2.0), torch.full(SIZE, 6.0)
    target[..., 32:], depth[..., 32:] = 4.0, 3.0
    left = EVERYWHERE.clone()
    left[..., 32:] = False
    torch.manual_seed(0)
    wrong = ranking_loss(depth, target, left, EVERYWHERE)
    assert wrong.item() == pytest.approx(math.log(1 + 2), rel=1e-5)  # exp(log 6 - log 3)
    torch.manual_seed(0)
    right = ranking_loss(target, target, left, EVERYWHERE)
    assert right.item() == pytest.approx(math.log(1 + 0.5), rel=1e-5)
    torch.manual_seed(0)
    assert ranking_loss(depth, 2 + 0.1 * target, left, EVERYWHERE) == 0  # 2.2 and 2.4: alike


def test_ranking_pushes_pairs_apart_and_stays_finite() -> None:
    target, depth = depths(1), torch.full(SIZE, 5.0, requires_grad=True)
    target[:, :5] = torch.nan
    ranking_loss(depth, target, depths(2) > 15, target.isfinite()).backward()
    assert depth.grad.isfinite().all() and (depth.grad[:, :5] == 0).all()
    farther, nearer = depth.grad[target > 18], depth.grad[target < 5]
    assert farther.sum() < 0 < nearer.sum()


def test_pixels_are_drawn_evenly_from_the_mask() -> None:
    mask = torch.zeros(2, 4, 5, dtype=torch.bool)
    mask[0, 1, 2] = mask[0, 3, 4] = True
    torch.manual_seed(0)
    places, some = drawn(mask, 400)
    assert set(places[0].tolist()) == {7, 19} and 150 < (places[0] == 7).sum() < 250
    assert some[0].all() and not some[1].any()


def test_inner_is_what_scipy_calls_erosion() -> None:
    from scipy.ndimage import binary_erosion

    mask = depths(3) > 3
    for i in range(2):
        wanted = binary_erosion(mask[i].numpy(), np.ones((3, 3)), border_value=1)
        assert np.array_equal(inner(mask)[i].numpy(), wanted)


def test_distillation_is_the_mean_of_logs_and_of_their_gradients() -> None:
    prior = depths()
    weight = torch.full(SIZE, 0.5)
    loss = distillation_loss(2 * prior, prior, weight)
    assert loss.item() == pytest.approx(0.5 * math.log(2), rel=1e-5)  # a factor has no gradient
    off = torch.linspace(-1, 1, WIDTH).expand(SIZE)
    step = 2 / (WIDTH - 1)
    loss = distillation_loss(prior * off.exp(), prior, weight)
    assert loss.item() == pytest.approx(0.5 * (off.abs().mean().item() + 0.5 * step), rel=1e-3)
    weight[:, :, :32] = 0
    depth = depths(1).requires_grad_()
    distillation_loss(depth, prior, weight).backward()
    assert (depth.grad[:, :, :32] == 0).all() and (depth.grad[:, :, 32:] != 0).all()


def test_a_prior_comes_to_the_scale_of_the_depth() -> None:
    torch.testing.assert_close(at_scale(depths(), 0.2 * depths()), depths())
