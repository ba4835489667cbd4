# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Does the depth of a frame agree with the depth of the frame before it?"""

from __future__ import annotations

import math

import numpy as np
import torch

from mdepth_ros.evaluation.depth import sample_depth
from mdepth_ros.evaluation.points import nearest_points
from mdepth_ros.geometry import Camera, project_depth
from mdepth_training.evaluation.shots import Array

HIDDEN = 1.05  # a point this much farther than another of its pixel is hidden behind it


def inconsistency(
    depth: Array, previous: Array, T_previous_current: Array, camera: Camera
) -> float:
    """Mean |ln(z / d)| over the points of `depth` [h, w] that the previous frame sees.

    Each point is moved into the previous frame; z is its depth there and d what the previous depth
    [h, w] says at its pixel (bilinear in disparity). Both depths and the translation have one
    unit. Left out are points that lie outside the previous view, and points that are hidden there
    by others of the same frame. 0 for a static world that is seen perfectly; a factor between
    the two depths shows as its logarithm; things that move by themselves add to it. It says
    nothing about accuracy: a constant depth is rather consistent. NaN where nothing overlaps.
    """
    pixels, moved = project_depth(
        torch.from_numpy(np.asarray(depth, np.float64))[None],
        torch.from_numpy(np.asarray(T_previous_current, np.float64))[None],
        camera.matrix(torch.float64),
    )
    (u, v), z = pixels.numpy().reshape(-1, 2).T, moved.numpy().ravel()
    height, width = depth.shape
    # Between the outermost pixel centres: beyond them there is nothing to blend with.
    inside = (z > 0) & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    u, v, z = u[inside], v[inside], z[inside]
    column, row = np.rint(u).astype(np.intp), np.rint(v).astype(np.intp)
    nearest = nearest_points(column, row, z, depth.shape)[row, column]
    visible = z <= HIDDEN * z[nearest]
    d = sample_depth(previous, u[visible], v[visible])
    ratio = z[visible] / d
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    return float(np.mean(np.abs(np.log(ratio)))) if len(ratio) else math.nan
