# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Closed forms of how deep a thing is, on a flat road with boxes whose true depth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mdepth_training.methods.dynamic_regions.contact import (
    contact_depth,
    ground_rows,
    lower_hull,
    on_seen_ground,
    standing_depths,
)
from numpy.typing import NDArray

HEIGHT, WIDTH, FOCAL, HORIZON, CAMERA = 96, 160, 90.0, 40.0, 1.6
Mask = NDArray[np.bool_]


def row_of(depth: float) -> float:
    """The row in which the road has this depth."""
    return HORIZON + FOCAL * CAMERA / depth


def world(*boxes: tuple[float, int, int, int]) -> tuple[NDArray[np.float32], Mask, list[Mask]]:
    """Depth and ground of a road, and a mask of each box: its depth, top, left and right.

    The network sees the boxes at three times their depth, as what drives ahead.
    """
    rows = np.arange(HEIGHT)[:, None] - HORIZON
    depth = np.where(rows > 0.5, FOCAL * CAMERA / np.maximum(rows, 0.5), 80.0).astype(np.float32)
    depth = np.repeat(depth, WIDTH, 1)
    ground = depth < 80
    masks: list[Mask] = []
    for true, top, left, right in sorted(boxes, reverse=True):  # the nearest is painted last
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[top : round(row_of(true) + 0.5), left:right] = True
        masks = [other & ~mask for other in masks] + [mask]
        depth[mask] = 3 * true
        ground &= ~mask
    return depth, ground, masks


def depths_of(mask: Mask, depth: NDArray[np.float32], ground: Mask, every: Mask) -> np.ndarray:
    found = standing_depths(mask, every, depth, ground)
    assert np.array_equal(np.isfinite(found), mask.any(0))
    return found[mask.any(0)]


@pytest.mark.parametrize('true', [5.0, 9.0, 20.0])
def test_a_thing_is_as_deep_as_the_ground_in_its_row(true: float) -> None:
    depth, ground, (mask,) = world((true, 30, 50, 80))
    found = depths_of(mask, depth, ground, mask)
    # Half a row is what the image cannot tell.
    assert np.abs(1 / found - 1 / true).max() <= 0.51 / (FOCAL * CAMERA)
    assert contact_depth(mask, depth, ground) > 1.5 * true  # its own feet are wrong


def test_ground_that_is_not_seen_right_below_is_seen_beside() -> None:
    depth, ground, (mask,) = world((9.0, 30, 50, 80))
    ground[:, 45:85] = False
    assert np.allclose(depths_of(mask, depth, ground, mask), 9.0, rtol=0.05)


def test_from_wheel_to_wheel_it_stands_on_one_line() -> None:
    depth, ground, (mask,) = world((6.0, 30, 50, 90))
    whole = depths_of(mask, depth, ground, mask)
    bottom = np.flatnonzero(mask.any(1))[-1]
    gap = mask.copy()
    gap[bottom - 4 : bottom + 1, 58:82] = False  # the road is seen below its body
    depth[bottom - 4 : bottom + 1] = depth[bottom - 4 : bottom + 1, :1]
    assert np.allclose(depths_of(gap, depth, ground | (mask & ~gap), gap), whole)


def test_a_slanted_thing_has_a_depth_in_each_column() -> None:
    depth, ground, _ = world()
    mask = np.zeros_like(ground)
    true = np.linspace(5.0, 9.0, 60)  # of a wall that recedes to the right
    line = np.round([row_of(z) + 0.5 for z in true]).astype(int)
    for column, row in enumerate(line):
        mask[25:row, 40 + column] = True
    found = depths_of(mask, depth, ground & ~mask, mask)
    assert (np.diff(found) >= -1e-6).all()
    # The whole thing has a say, so the ends are drawn to its middle.
    assert np.abs(np.log(found / true)).max() < np.abs(np.log(np.median(true) / true)).max()


def test_what_another_thing_hides_is_between_its_feet_and_the_row() -> None:
    depth, ground, masks = world((10.0, 20, 50, 80), (5.0, 45, 45, 85))
    far, near = masks
    every = far | near
    found = depths_of(far, depth, ground, every)
    row = FOCAL * CAMERA / (np.flatnonzero(far.any(1))[-1] + 0.5 - HORIZON)
    assert np.allclose(found, np.sqrt(30.0 * row))
    assert np.allclose(depths_of(near, depth, ground, every), 5.0, rtol=0.05)


def test_what_the_image_cuts_off_and_a_road_that_is_not_seen_leave_the_thing_itself() -> None:
    depth, ground, (mask,) = world((2.0, 30, 50, 80))
    assert mask[-1].any()
    assert np.allclose(depths_of(mask, depth, ground, mask), 6.0)
    depth, ground, (mask,) = world((9.0, 30, 50, 80))
    assert np.allclose(depths_of(mask, depth, ground & False, mask), 27.0)


def test_the_rows_of_the_ground_come_nearer_downwards() -> None:
    depth, ground, _ = world()
    depth[60] = 100.0  # one row that is wrong
    rows, inverse = ground_rows(depth, ground)
    assert rows.min() > HORIZON and (np.diff(inverse) >= 0).all()


def test_the_hull_is_that_of_another_library() -> None:
    random = np.random.default_rng(0)
    columns = np.arange(40)
    rows = random.integers(0, 50, 40)
    hull = lower_hull(columns, rows)
    points = np.concatenate([np.stack([columns, rows], 1), [[0, -99], [39, -99]]])
    corners = cv2.convexHull(points.astype(np.int32))[:, 0]
    assert (hull >= rows - 1e-9).all()
    on_hull = {(x, y) for x, y in corners.tolist() if y > -99}
    touching = {(x, y) for x, y in zip(columns, rows, strict=True) if np.isclose(hull[x], y)}
    assert on_hull <= touching
    assert np.allclose(np.interp(columns, *np.array(sorted(on_hull)).T), hull)


def test_a_mask_that_ends_in_its_thing_stands_on_no_ground() -> None:
    _, ground, (mask,) = world((5.0, 20, 50, 80))
    assert on_seen_ground(mask, ground)
    last = np.flatnonzero(mask.any(1))[-1]
    hidden = ground.copy()
    hidden[last + 1 : last + 5] = False  # normals there are those of two surfaces
    assert on_seen_ground(mask, hidden)
    hidden[last + 5] = False
    assert not on_seen_ground(mask, hidden)
    upper = mask.copy()
    upper[last - 10 :] = False  # what was found of it ends above its wheels
    assert not on_seen_ground(upper, ground)
    assert not on_seen_ground(np.zeros_like(mask), ground)
    cut = mask | (np.arange(HEIGHT)[:, None] > last) & mask.any(0)
    assert not on_seen_ground(cut, ground & ~cut)


def test_an_empty_mask_has_no_depth() -> None:
    depth, ground, _ = world()
    assert np.isnan(standing_depths(ground & False, ground & False, depth, ground)).all()
