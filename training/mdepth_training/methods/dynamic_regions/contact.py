# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How deep a thing is: as deep as the line on which it stands (Mining Supervision, Obs. 2).

The closed form that competes with the network of the scale alignment (DSA): it has no parameters
and needs no data set of static things.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_training.methods.dynamic_regions.objects import Depth, Mask, below

REACH = 2
BESIDE = 5
"""Columns on each side that count for one."""
FEET = 0.15
"""Share of the pixels of a thing, its lowest, that are its feet."""


def contact_depth(mask: Mask, depth: Depth, ground: Mask | None = None) -> float:
    """Depth of the line on which a thing stands: mean of the logs of both sides of it.

    mask, depth, ground [H, W] as `ground_below`. Depth bleeds over the edge of a thing: the ground
    below it is often too far, its feet are too near. Where no ground is seen the feet alone count.
    """
    feet, below = feet_depth(mask, depth), ground_below(mask, depth, ground)
    return feet if math.isnan(below) else math.sqrt(feet * below)


def column_depths(mask: Mask, depth: Depth, ground: Mask | None = None) -> NDArray[np.floating]:
    """As `contact_depth`, for each column of a thing: [W], NaN where it has none.

    What stands upright is right then even where one mask holds two things or a wall. Medians over
    a few columns, for what hangs over: a mirror, the gap between two wheels.
    """
    columns = np.flatnonzero(mask.any(0))
    logs, places = np.log(depth), np.arange(mask.shape[0])[:, None]
    within = mask[:, columns]
    left = within[::-1].cumsum(0)[::-1]  # pixels of the thing from here down
    feet = within & (left <= np.maximum(np.round(FEET * within.sum(0)), 1))
    lowest = mask.shape[0] - 1 - within[::-1].argmax(0)
    below = (places > lowest) & (places <= lowest + REACH)
    if ground is not None:
        below &= ground[:, columns]
    found = np.full(mask.shape[1], np.nan)
    for place, column in enumerate(columns):
        near = slice(max(place - BESIDE, 0), place + BESIDE + 1)
        sides = [logs[:, columns[near]][side[:, near]] for side in (feet, below)]
        found[column] = np.exp(np.mean([np.median(side) for side in sides if len(side)]))
    return found


def feet_depth(mask: Mask, depth: Depth) -> float:
    """Median depth of the lowest pixels of a thing; NaN where the mask is empty."""
    rows = np.nonzero(mask)[0]
    if not len(rows):
        return float('nan')
    return float(np.median(depth[mask][rows >= np.quantile(rows, 1 - FEET)]))


def ground_below(mask: Mask, depth: Depth, ground: Mask | None = None) -> float:
    """Median depth of the ground in the two rows below a thing; NaN where none is seen.

    mask, depth, ground [H, W]; without `ground` all that is below counts. Only the lower half of
    the thing's own height counts: what is below a mirror is the side of the car, not its ground.
    """
    if not mask.any():
        return float('nan')
    rows, columns = below(mask, REACH)
    high = np.flatnonzero(mask.any(1))
    low_enough = rows > (high[0] + high[-1]) / 2
    rows, columns = rows[low_enough], columns[low_enough]
    if ground is not None:
        standing = ground[rows, columns]
        rows, columns = rows[standing], columns[standing]
    return float(np.median(depth[rows, columns])) if len(rows) else float('nan')


def depth_label(depth: Tensor, masks: Tensor, own: Tensor) -> Tensor:
    """Eq. 5: the scene's depth [H, W], with each thing at its own; the nearest where some overlap.

    masks bool [N, H, W] of the things, and their depths [N, H, W], in units of `depth`.
    """
    if not len(masks):
        return depth
    nearest = own.where(masks, torch.inf).amin(0)
    return nearest.where(masks.any(0), depth)


SCALES: dict[str, Callable[[Mask, Depth, Mask | None], float]] = {
    'contact': contact_depth,
    'ground': ground_below,
    'feet': lambda mask, depth, _: feet_depth(mask, depth),
}
"""The closed forms by their name in the settings."""
