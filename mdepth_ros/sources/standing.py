# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the camera stood still between two images.

It did if the median optical flow over the textured parts is next to nothing; flow is found by
least squares in windows of an image of 160 columns (Lucas and Kanade 1981), which is blind to the
noise of the sensor, and the median is blind to traffic, as long as that fills less than half of
what is textured. The usual rules fail on the road: a share of pixels that change by ten grey
levels (SC-Depth: more than half) finds standing in all city traffic at 10 Hz, where road and sky
change little; a mean difference finds none where the camera stands and others drive by.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

WIDTH = 160  # columns of the compared images
WINDOW = 9  # pixels of WIDTH
TEXTURE = 4.0  # grey levels per pixel, in the direction in which a window has the least
# Pixels of WIDTH. On synthetic drives nine of ten standing pairs are below 0.035, all that moved
# by 5 cm above 0.1; half a pixel of KITTI's 1242.
STANDING = 0.06
FEWEST = 20  # textured windows that must be there to tell anything


def small_grey(image: NDArray[np.uint8]) -> Grey:
    """What is compared of an image uint8 [H, W, 3] or [H, W]: grey, averaged to WIDTH columns."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    height = max(3, round(grey.shape[0] * WIDTH / grey.shape[1]))
    small = cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def median_flow(first: Grey, second: Grey) -> float:
    """Median flow in pixels of WIDTH from one `small_grey` to another; NaN without texture.

    It is right for less than about a pixel; more than that gives anything but a small number.
    """
    if first.shape != second.shape:
        return math.nan
    change = second - first
    change = (change - np.median(change))[1:-1, 1:-1]  # the exposure may have changed
    mean = (first + second) / 2
    gx = (mean[1:-1, 2:] - mean[1:-1, :-2]) / 2
    gy = (mean[2:, 1:-1] - mean[:-2, 1:-1]) / 2

    def windows(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW))[::3, ::3])

    xx, xy, yy = windows(gx * gx), windows(gx * gy), windows(gy * gy)
    xt, yt = windows(gx * change), windows(gy * change)
    least = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)  # the smaller eigenvalue
    textured = least > TEXTURE**2
    if textured.sum() < FEWEST:
        return math.nan
    u, v, determinant = yy * xt - xy * yt, xx * yt - xy * xt, xx * yy - xy * xy
    return float(np.median(np.hypot(u, v)[textured] / determinant[textured]))


def is_static(first: Grey, second: Grey) -> bool:
    """Whether the camera stood still between two `small_grey`; False where nothing tells."""
    return median_flow(first, second) < STANDING
