# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which of the things that were found in the motion can be things that move.

Motion is wrong in many places, most of all at poles, trees and where the road has no texture.
What is found there is seldom as large as what drives or walks, and seldom goes the same way
before and after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mdepth_training.methods.dynamic_regions.contact import standing_depths
from mdepth_training.methods.dynamic_regions.objects import Depth, Mask

HEIGHTS, WIDTHS = (0.45, 2.5), (0.25, 8.0)
"""Sizes of what moves on roads, in camera heights; at 1.6 m 0.7 to 4 m high, at most 13 m wide."""
OPPOSITE = 0.5
"""Least cosine between the motion to the next frame and the opposite of that to the previous."""


def credible_things(
    ids: NDArray[np.uint8],
    flows: NDArray[np.floating] | None,
    depth: Depth,
    ground: Mask,
    K: NDArray[np.floating],
) -> NDArray[np.uint8]:
    """Ids [H, W] of those that can be things that move, 0 where there was another.

    flows [2, 2, H, W] own motion to the previous and the next frame, x and y in pixels; without
    it the size alone is asked. depth, ground [H, W]; K [3, 3] in pixels. Where no ground is seen
    the size is not asked.
    """
    rows, columns = np.nonzero(ground)
    heights = (rows - K[1, 2]) / K[1, 1] * depth[rows, columns]
    camera = float(np.median(heights)) if len(rows) else 0.0
    kept = ids.copy()
    for thing in np.unique(ids[ids > 0]):
        mask = ids == thing
        credible = True
        if flows is not None:
            to_previous, to_next = flows[:, :, mask].mean(2)
            sizes = np.linalg.norm(to_previous) * np.linalg.norm(to_next)
            credible = -(to_previous @ to_next) >= OPPOSITE * sizes
        if credible and camera > 0:
            far = float(np.nanmedian(standing_depths(mask, ids > 0, depth, ground))) / camera
            height, width = mask.any(1).sum() / K[1, 1] * far, mask.any(0).sum() / K[0, 0] * far
            credible = HEIGHTS[0] < height < HEIGHTS[1] and WIDTHS[0] < width < WIDTHS[1]
        if not credible:
            kept[mask] = 0
    return kept
