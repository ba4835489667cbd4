# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What networks without error would see on a road: depth and motion in units, of any scale."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Frame, FramePair, Prediction
from mdepth_ros.geometry import Camera

CAMERA = Camera.from_normalised(320, 96, 0.58, 1.92, 0.5, 0.5)
HEIGHT = 1.65


def road_depth(
    pitch: float = 0.0, roll: float = 0.0, height: float = HEIGHT, wall: float = 6.0
) -> NDArray[np.float32]:
    """Depth [96, 320] in metres of a level road between two walls, 80 m at most.

    pitch  radians that the camera looks down;  roll  radians it leans to the right
    """
    v, u = np.mgrid[:96, :320].astype(np.float64)
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)], -1
    )
    c, s = math.cos(pitch), math.sin(pitch)
    down = np.array([0.0, c, s])
    right = np.array([1.0, 0.0, 0.0])
    right, down = (
        math.cos(roll) * right + math.sin(roll) * down,
        math.cos(roll) * down - math.sin(roll) * right,
    )
    with np.errstate(divide='ignore'):
        ground = np.where(rays @ down > 0, height / (rays @ down), np.inf)
        walls = wall / np.abs(rays @ right)
    depth: NDArray[np.float32] = np.minimum(np.minimum(ground, walls), 80).astype(np.float32)
    return depth


def seen_at(
    stamp: int,
    *,
    depth: NDArray[np.float32] | None = None,
    metres_per_unit: float = 1.0,
    forward: float = 1.0,
    speeds: tuple[tuple[int, float], ...] = (),
    reason: str = '',
) -> tuple[Prediction, FramePair]:
    """A pair 0.1 s apart that moved `forward` metres, as exact networks see it in their unit."""
    image = np.zeros((96, 320, 3), np.uint8)
    previous, current = (
        Frame(stamp - 10**8, image, CAMERA),
        Frame(stamp, image, CAMERA, '', speeds),
    )
    motion = np.eye(4)
    motion[2, 3] = 0.0 if reason else forward / metres_per_unit
    depth = road_depth() if depth is None else depth
    prediction = Prediction(
        depth / np.float32(metres_per_unit),
        motion,
        np.ones((96, 320), np.float32),
        CAMERA,
        image,
        np.ones((96, 320), bool),
        {},
    )
    pair = FramePair(current, current if reason else previous, reason, 0.0 if reason else 0.1)
    return prediction, pair
