# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The confidence falls where depth is rough or changes, and nowhere else."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mdepth_ros.core.confidence import ALONE, SMALLEST, confidence, expected_error, terms
from mdepth_ros.geometry import pixel_grid, project_depth

H, W = 48, 160
K = torch.tensor([[92.0, 0.0, 79.5], [0.0, 92.0, 15.5], [0.0, 0.0, 1.0]])
FORWARD = torch.eye(4, dtype=torch.float64)
FORWARD[2, 3] = 0.5
INNER = (0, 0, slice(2, -2), slice(2, -2))  # neighbourhoods that the border does not touch


def plane(normal: tuple[float, float, float], distance: float) -> Tensor:
    """Depth [1, H, W] of the points with n.P = distance."""
    grid = pixel_grid(H, W)
    x, y = (grid[..., 0] - K[0, 2]) / K[0, 0], (grid[..., 1] - K[1, 2]) / K[1, 1]
    return (distance / (normal[0] * x + normal[1] * y + normal[2]))[None]


ROAD = plane((0.0, 1.0, 0.2), 1.65)
WALL = plane((0.6, 0.0, 0.8), 9.0)


def moved(depth: Tensor, normal: tuple[float, float, float], distance: float) -> Tensor:
    """Depth of the same plane from the previous camera, `FORWARD` behind."""
    there = distance + normal[2] * float(FORWARD[2, 3])
    return plane(normal, there)


@pytest.mark.parametrize('depth', [WALL, plane((0.0, 0.8, 0.6), 3.0), plane((0.0, 0.0, 1.0), 20)])
def test_planes_have_no_roughness(depth: Tensor) -> None:
    assert float(terms(depth, None, FORWARD, K).roughness[INNER].max()) < 1e-4


def test_roughness_is_at_edges_whatever_the_unit() -> None:
    depth = plane((0.0, 0.0, 1.0), 20.0)
    depth[:, 10:40, 60:80] = 8.0
    rough = terms(depth, None, FORWARD, K).roughness
    edge, far = rough[0, 0, 5, 15], rough[0, 0, 5, 30]
    assert edge > 0.05 and far < 1e-5
    again = terms(5 * depth, None, FORWARD, K).roughness
    torch.testing.assert_close(again, rough, atol=1e-5, rtol=1e-4)


def test_what_stays_as_it_was_does_not_change() -> None:
    """A wall that the camera approaches: its depth falls, and is expected to."""
    before = moved(WALL, (0.6, 0.0, 0.8), 9.0)
    found = terms(WALL, before, FORWARD, K)
    assert float(found.change[INNER].max()) < 0.01
    standing = terms(WALL, WALL, FORWARD, K)
    assert float(standing.change[INNER].mean()) > 0.03
    assert float(found.share.min()) > 0.3 and float(found.share[INNER].max()) == 1


def test_change_is_the_logarithm_of_the_ratio_of_depths() -> None:
    depth = plane((0.0, 0.0, 1.0), 10.0)
    for ratio in (0.5, 1.1, 2.0):
        found = terms(depth, (depth + 0.5) * ratio, FORWARD, K)
        torch.testing.assert_close(
            found.change[INNER], torch.full_like(found.change[INNER], abs(math.log(ratio)))
        )


def test_change_counts_only_where_the_frame_before_looked() -> None:
    """The camera turned right: what came into view at the right was not seen before."""
    turned = FORWARD.clone()
    angle = 0.4
    turned[0, 0] = turned[2, 2] = math.cos(angle)
    turned[0, 2], turned[2, 0] = math.sin(angle), -math.sin(angle)
    depth = plane((0.0, 0.0, 1.0), 10.0)
    pixels, _ = project_depth(depth, turned.float()[None], K)
    gone = pixels[0, 24, :, 0] > W
    found = terms(depth, depth, turned, K)
    assert 20 < int(gone.sum()) < W - 20
    assert float(found.share[..., -3:].max()) == 0 and float(found.share[..., 3:8].min()) > 0.5
    assert bool((found.change[..., -3:] == 0).all())


@pytest.mark.parametrize('way', [0.0, 1e-3])
def test_in_standstill_agreement_says_nothing(way: float) -> None:
    still = torch.eye(4, dtype=torch.float64)
    still[2, 3] = way
    assert float(terms(ROAD.abs(), ROAD.abs(), still, K).share.max()) < 0.05
    alone = expected_error(terms(WALL, None, still, K))
    torch.testing.assert_close(
        expected_error(terms(WALL, WALL, still, K)), alone, rtol=0.05, atol=0
    )


def test_the_expected_error_is_the_formula() -> None:
    found = terms(WALL, None, FORWARD, K)
    rough = float(found.roughness[0, 0, 6, 20])
    wanted = math.exp(ALONE[0] + ALONE[1] * math.log(rough + SMALLEST[0]))
    assert float(expected_error(found)[0, 0, 6, 20]) == pytest.approx(wanted, rel=1e-5)


def test_confidence_is_a_probability_that_falls_with_the_error() -> None:
    depth = plane((0.0, 0.0, 1.0), 20.0)
    noise = torch.randn(1, H, W, generator=torch.Generator().manual_seed(0))
    means = []
    for amount in (0.0, 0.05, 0.2, 0.8):
        rough = depth * torch.exp(amount * noise)
        sure = confidence(rough, None, FORWARD, K, (2 * H, 2 * W))
        assert sure.shape == (2 * H, 2 * W) and sure.min() >= 0 and sure.max() <= 1
        means.append(float(sure.mean()))
    assert means == sorted(means, reverse=True) and means[0] > 0.9 and means[-1] < 0.7


def test_a_thing_that_moves_is_doubted() -> None:
    """It stays as large as it was while the road comes nearer: its depth was not nearer before."""
    depth = plane((0.0, 0.0, 1.0), 20.0)
    before = depth + 0.5
    before[:, 12:36, 60:100] = 12.0
    error = expected_error(terms(depth, before, FORWARD, K))[0, 0]
    assert 1.5 < float(error[4:8, 18:22].mean() / error[4:8, 3:8].mean()) < 10
