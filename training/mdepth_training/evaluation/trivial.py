# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What needs no learning, and what a model must beat: constant maps and flat ground."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.geometry import Camera
from mdepth_ros.limits import MAX_RANGE
from mdepth_ros.synthetic import Drive

STEP = 8  # frames of a drive
Depth = NDArray[np.float64]


def depth_statistics(drives: Iterable[Drive]) -> dict[str, Depth]:
    """Per-pixel mean, median and harmonic mean of every STEP-th depth [h, w], capped at 80 m."""
    depths = [drive.render(range(0, drive.frames, STEP)).depth.numpy() for drive in drives]
    stack = np.minimum(np.concatenate(depths).astype(np.float64), MAX_RANGE)
    return {
        'per-pixel mean': stack.mean(0),
        'per-pixel median': np.median(stack, axis=0),
        'per-pixel harmonic mean': 1 / (1 / stack).mean(0),
    }


def flat_ground(
    camera: Camera, height: float, wall: float | None = None, far: float = MAX_RANGE
) -> Depth:
    """Depth of level ground `height` metres below the camera, [h, w], nothing beyond `far`.

    With `wall`, vertical walls stand that many metres to the left and to the right.
    """
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    with np.errstate(divide='ignore'):
        depth = np.where(v > camera.cy, height * camera.fy / (v - camera.cy), np.inf)
        if wall is not None:
            depth = np.minimum(depth, wall * camera.fx / np.abs(u - camera.cx))
    return np.minimum(depth, far)
