# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scale from the height of the camera above the road.

A pixel is ground where the surface around it faces up and lies below the camera (DNet, Xue et al.
2020; here the direction of up is that of the plane found before, so that pitch, roll and slope do
not matter). A plane is fitted to the near ground pixels, weighted so that what lies off it (kerbs,
wheels, vehicles) does not count. Its distance from the camera is the height in network units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.geometry import Camera

Array = NDArray[np.float64]

NEIGHBOUR = 0.018
"""Distance of the neighbours of a normal, as a share of the width (11 of 640 pixels)."""
LARGEST_TILT = math.radians(10)
LARGEST_PITCH = math.radians(20)
REACH = 12.0
"""So many camera heights away is where the road ends: a slope further on is another plane."""
STRIDE = 2
"""Only every so many rows and columns are looked at: a plane has enough of them."""
SMALLEST_SHARE = 0.05
"""Least share of the lower half of the image that must be ground."""


@dataclass(frozen=True)
class GroundPlane:
    """Where the road is, in network units: normal . X = height for points X of it.

    normal  [3] unit, down, in the optical frame;  height  distance of the camera from the plane
    spread  relative standard deviation of the height;  share  of the lower half that is ground
    """

    normal: Array
    height: float
    spread: float
    share: float


def ground_plane(
    depth: NDArray[np.float32],
    camera: Camera,
    down: Array | None = None,
    seen: NDArray[np.bool_] | None = None,
) -> GroundPlane | None:
    """Find the road in a depth map [h, w] of any unit; None where too little of it is seen.

    camera  pinhole camera of the map
    down    [3] where down was in the frame before; None: the image's y axis, within 20 degrees
    seen    [h, w] which pixels have an image
    """
    height, width = depth.shape
    top = height // 2
    v, u = np.mgrid[top:height:STRIDE, :width:STRIDE].astype(np.float64)
    z = depth[top::STRIDE, ::STRIDE].astype(np.float64)
    points = np.stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z], -1)
    normals = _normals(points, max(1, round(NEIGHBOUR * width / STRIDE)))
    usable = np.isfinite(z) & (points[..., 1] > 0) & np.isfinite(normals).all(-1)
    if seen is not None:
        usable &= seen[top::STRIDE, ::STRIDE]
    axis = np.array([0.0, 1.0, 0.0])
    if down is None:
        # The whole road's direction first; then what faces along it.
        facing = usable & (normals @ axis > math.cos(LARGEST_PITCH))
        if facing.mean() < SMALLEST_SHARE:
            return None
        down = np.median(normals[facing], axis=0)
        down = down / np.linalg.norm(down)
    chosen = usable & (normals @ down > math.cos(LARGEST_TILT))
    if chosen.mean() < SMALLEST_SHARE:
        return None
    X = points[chosen]
    distance = X @ down
    X = X[X[:, 2] < REACH * np.median(distance)]
    if len(X) < SMALLEST_SHARE * z.size:
        return None
    return _fitted(X, down, axis, z.size)


def _fitted(X: Array, down: Array, axis: Array, pixels: int) -> GroundPlane | None:
    """Plane through points [N, 3]: reweighted least squares (Tukey), relative to the distance."""
    normal, offset = down, float(np.median(X @ down))
    weights = np.ones(len(X))
    for _ in range(5):
        # Depth errors grow with depth, so residuals are taken relative to it.
        residual = (X @ normal - offset) / X[:, 2]
        sigma = 1.4826 * np.median(np.abs(residual)) + 1e-6
        weights = np.clip(1 - (residual / (4.685 * sigma)) ** 2, 0, None) ** 2
        # n . X = h  <=>  (n / h) . (X / z) = 1 / z: linear in n / h, errors about even.
        A, b = X / X[:, 2:], 1 / X[:, 2]
        W = weights[:, None]
        solution, *_ = np.linalg.lstsq((A * W).T @ A, (A * W).T @ b, rcond=None)
        length = float(np.linalg.norm(solution))
        if not (math.isfinite(length) and length > 0):
            return None
        normal, offset = solution / length, 1 / length
    if normal @ axis < math.cos(LARGEST_PITCH):
        return None
    heights = X @ normal
    kept = weights > 0
    spread = 1.4826 * float(np.median(np.abs(heights[kept] - offset))) / offset
    return GroundPlane(normal, offset, spread, float(kept.sum() / pixels))


def _normals(points: Array, step: int) -> Array:
    """Unit normals [h, w, 3], y down: mean of the cross products of neighbours `step` away.

    NaN at the border, where there are no neighbours.
    """
    normals = np.full(points.shape, np.nan)
    inner = slice(step, -step)
    right = points[inner, 2 * step :] - points[inner, : -2 * step]
    below = points[2 * step :, inner] - points[: -2 * step, inner]
    diagonal = points[2 * step :, 2 * step :] - points[: -2 * step, : -2 * step]
    other = points[2 * step :, : -2 * step] - points[: -2 * step, 2 * step :]
    cross = np.cross(below, right) + np.cross(other, diagonal)
    with np.errstate(invalid='ignore', divide='ignore'):
        cross /= np.linalg.norm(cross, axis=-1, keepdims=True)
    cross[cross[..., 1] < 0] *= -1
    normals[inner, inner] = cross
    return normals
