# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images of points."""

from __future__ import annotations

import numpy as np

from mdepth_ros.evaluation.depth import Array
from mdepth_ros.evaluation.points import nearest_points, project_points
from mdepth_ros.geometry import Camera

UNITS = 256  # of depth images of 16 bits, per metre, as KITTI has them


def depth_of_points(xyz: Array, camera: Camera) -> tuple[Array, Array]:
    """Points [N,3] in the frame of a pinhole camera -> depth float32 [H,W], 0 where none falls.

    Also which of the points each pixel shows, as `nearest_points` has it.
    """
    shape = camera.height, camera.width
    pixels, inside = project_points(xyz, camera, shape)
    u, v = np.where(inside, np.floor(pixels.T + 0.5), -1)
    index = nearest_points(u, v, xyz[:, 2], shape)
    return picked(xyz[:, 2], index), index


def picked(values: Array, index: Array) -> Array:
    """values [N] where an index [H,W] of `nearest_points` names one, else 0; float32 [H,W]."""
    result = np.zeros(index.shape, np.float32)
    result[index >= 0] = values[index[index >= 0]]
    return result
