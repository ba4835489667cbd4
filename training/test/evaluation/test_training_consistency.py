# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Agreement of depth in time: zero for a perfect static world, and what it counts elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mdepth_training.evaluation.consistency import inconsistency
from mdepth_training.evaluation.synthetic import held_out

from mdepth_ros.evaluation.trajectory import relative
from mdepth_ros.geometry import Camera, transform_from_axis_angle
from mdepth_ros.synthetic import WorldConfig

CAMERA = Camera.from_normalised(80, 32, 0.58, 1.4, 0.5, 0.5)


def motion(forward: float = 0.8) -> np.ndarray:
    turn, shift = torch.tensor([0.01, 0.03, -0.02]), torch.tensor([0.1, -0.05, forward])
    return transform_from_axis_angle(turn.double(), shift.double()).numpy()


def plane(normal: np.ndarray, distance: float) -> np.ndarray:
    """Depth [h, w] of the plane normal . x = distance."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)])
    return distance / np.tensordot(normal, rays, 1)


def test_a_perfect_plane_agrees_exactly() -> None:
    """1/z is linear in the pixels of a plane, so that sampling makes no error either."""
    T, normal = motion(), np.array([0.2, 0.1, 1.0])  # T_previous_current
    previous = plane(normal, 12.0)
    current = plane(T[:3, :3].T @ normal, 12.0 - normal @ T[:3, 3])
    assert inconsistency(current, previous, T, CAMERA) < 1e-12
    # One unit for depth and translation: another one for both changes nothing.
    T[:3, 3] *= 3
    assert inconsistency(3 * current, 3 * previous, T, CAMERA) < 1e-12


@pytest.mark.parametrize('factor', [0.8, 1.1])
def test_flicker_counts_as_its_logarithm(factor: float) -> None:
    depth = plane(np.array([0.0, 0.0, 1.0]), 10.0)
    found = inconsistency(factor * depth, depth, np.eye(4), CAMERA)
    assert found == pytest.approx(abs(math.log(factor)))


def test_hidden_and_invisible_points_do_not_count() -> None:
    """A near box hides the wall behind it; moving sideways, other parts of it."""
    T = np.eye(4)
    T[0, 3] = 0.8  # the camera went left: points lie farther right in the previous frame
    u = np.tile(np.arange(CAMERA.width), (CAMERA.height, 1))
    wall, box = 20.0, 4.0
    current = np.where((u >= 20) & (u < 40), box, wall)
    moved = CAMERA.fx * 0.8 / box
    previous = np.where((u >= 20 + moved) & (u < 40 + moved), box, wall)
    found = inconsistency(current, previous, T, CAMERA)
    # What is left are the two edges, where the sampling blends box and wall.
    assert found < 0.06
    everything = np.abs(np.log(current / previous)).mean()
    assert everything > 0.35
    away = np.eye(4)
    away[0, 3] = 1e4
    assert math.isnan(inconsistency(current, previous, away, CAMERA))


def test_the_synthetic_world_agrees_with_itself_but_for_what_moves() -> None:
    found = {}
    for moving in (0.0, 2.0):
        world, previous, values = WorldConfig(moving=moving), None, []
        camera = Camera.from_normalised(160, 48, 0.58, 1.92, 0.5, 0.5)
        for shot in held_out(camera, world, [10_000], 6):
            if previous is not None and previous.truth is not None:
                T = relative(previous.pose, shot.pose)
                near = (np.minimum(each.truth, 100.0) for each in (shot, previous))
                values.append(inconsistency(*near, T, camera))
            previous = shot
        found[moving] = np.mean(values)
    assert found[0.0] < 0.02 and found[2.0] > 2 * found[0.0]
