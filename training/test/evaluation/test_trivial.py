# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mdepth_training.evaluation.trivial import STEP, depth_statistics, flat_ground

from mdepth_ros.geometry import Camera, backproject

CAMERA = Camera.from_normalised(40, 24, 0.58, 1.92, 0.5, 0.5)


def test_statistics_by_hand() -> None:
    maps = {0: [[2.0, 100.0]], STEP: [[6.0, 80.0]], 2 * STEP: [[7.0, 20.0]]}

    def render(frames: range) -> Any:
        return SimpleNamespace(depth=torch.tensor([maps[frame] for frame in frames]))

    long = SimpleNamespace(frames=STEP + 1, render=render)
    last = SimpleNamespace(frames=1, render=lambda _: render(range(2 * STEP, 2 * STEP + 1)))
    found = depth_statistics([long, last])  # type: ignore[list-item]
    assert found['per-pixel mean'].tolist() == [[5.0, 60.0]]
    assert found['per-pixel median'].tolist() == [[6.0, 80.0]]
    assert found['per-pixel harmonic mean'][0, 0] == pytest.approx(3 / (1 / 2 + 1 / 6 + 1 / 7))


def test_ground_and_walls_are_where_they_should_be() -> None:
    """Every finite point lies on the ground 1.5 m below, or on a wall 4 m to the side."""
    depth = torch.from_numpy(flat_ground(CAMERA, 1.5, wall=4.0))[None]
    x, y, z = backproject(depth, CAMERA.matrix(torch.float64))[0]
    near = z < 79.9
    on_ground, on_wall = (y - 1.5).abs() < 1e-6, (x.abs() - 4.0).abs() < 1e-6
    assert near.any() and (on_ground | on_wall)[near].all()
    assert (y[near] < 1.5 + 1e-6).all() and (x[near].abs() < 4 + 1e-6).all()


def test_above_the_horizon_there_is_nothing() -> None:
    depth = flat_ground(CAMERA, 1.65, far=50.0)
    assert (depth[:11] == 50).all() and (depth[-1] < 7).all()
