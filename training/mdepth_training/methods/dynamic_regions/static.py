# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Things that stand still, from the depth of the scene: what the scale alignment learns from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_training.methods.dynamic_regions.contact import ground_below
from mdepth_training.methods.dynamic_regions.objects import (
    Depth,
    Mask,
    ObjectRules,
    columns_ahead,
    components,
)


def static_things(
    moves: Mask, depth: Depth, ground: Mask, rules: ObjectRules
) -> NDArray[np.int32]:
    """Instances [H, W] of what stands on the ground and does not move: 0 none, then 1, 2, ...

    As `components`, and compact: a thing has about one depth, a row of houses has not; the sky
    has, but is far behind the ground below it. ground: as `ground_around`.
    """
    near_motion = cv2.dilate(moves.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    found = components(~near_motion, depth, ground, rules)
    found[near_motion | ground] = 0
    middle = columns_ahead(found.shape[1], rules)
    number = 0
    for thing in range(1, found.max() + 1):
        mask = found == thing
        found[mask] = 0
        if not mask.any() or mask[:, middle].any():
            continue
        near, usual, far = np.quantile(depth[mask], (0.1, 0.5, 0.9))
        below = ground_below(mask, depth, ground)
        if far <= rules.compact * near and usual <= rules.compact * below:
            number += 1
            found[mask] = number
    return found
