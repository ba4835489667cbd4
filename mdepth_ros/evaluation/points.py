# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""True points in an image: where they fall, and which of them hides the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mdepth_ros.evaluation.depth import Array, Crop, in_image
from mdepth_ros.geometry import Camera


class View(NamedTuple):
    """One scored frame: estimate [h,w], true points in it as pixels [N,2] and depths [N].

    sampled and confidence [N] are those of the estimate there.
    """

    stamp: int
    difference: float  # seconds between truth and estimate
    estimate: Array
    pixels: Array
    truth: Array
    sampled: Array
    moving: Array | None
    confidence: Array | None = None


def project_points(
    xyz: Array, camera: Camera, shape: tuple[int, ...], crop: Crop = 'none'
) -> tuple[Array, Array]:
    """Pixels [N,2] of points [N,3] in a pinhole camera, and which lie in front and inside."""
    front = xyz[:, 2] > 0  # false for NaN
    z = np.where(front, xyz[:, 2], 1.0)
    pixels = np.stack(
        [camera.fx * xyz[:, 0] / z + camera.cx, camera.fy * xyz[:, 1] / z + camera.cy], 1
    )
    return pixels, front & in_image(pixels, shape, crop)


def nearest_points(u: Array, v: Array, depth: Array, shape: tuple[int, int]) -> Array:
    """Which of N points shows at each pixel: the nearest there; [H,W], -1 where there is none.

    u, v are pixels, whole numbers. Of a lidar above the camera the nearest hides what the camera
    does not see.
    """
    inside = np.flatnonzero((u >= 0) & (u < shape[1]) & (v >= 0) & (v < shape[0]))
    order = inside[np.argsort(depth[inside], kind='stable')[::-1]]  # what is written last stays
    result = np.full(shape, -1, np.intp)
    result[v[order].astype(np.intp), u[order].astype(np.intp)] = order
    return result
