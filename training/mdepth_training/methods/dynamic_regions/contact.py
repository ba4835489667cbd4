# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How deep a thing is: as deep as the line on which it stands (Mining Supervision, Obs. 2).

Closed forms that compete with the network of the scale alignment (DSA): they have no parameters
and need no data set of static things.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_training.methods.dynamic_regions.objects import SOON, Depth, Mask, below

REACH = 2
BESIDE = 5
"""Columns on each side that count for one."""
FEET = 0.15
"""Share of the pixels of a thing, its lowest, that are its feet."""
LOWEST = 0.3
"""Share of the height of a thing, its lowest, in which it may stand."""
LEAST_PIXELS, LEAST_ROWS = 5, 5
"""Pixels of ground that say the depth of a row, and rows that are enough."""


def contact_depth(mask: Mask, depth: Depth, ground: Mask | None = None) -> float:
    """Depth of the line on which a thing stands: mean of the logs of both sides of it.

    mask, depth, ground [H, W] as `ground_below`. Depth bleeds over the edge of a thing: the ground
    below it is often too far, its feet are too near. Where no ground is seen the feet alone count.
    """
    feet, below = feet_depth(mask, depth), ground_below(mask, depth, ground)
    return feet if math.isnan(below) else math.sqrt(feet * below)


def standing_depths(mask: Mask, things: Mask, depth: Depth, ground: Mask) -> NDArray[np.floating]:
    """Depth of an upright thing in each of its columns, from the ground beside it: [W], else NaN.

    mask, things (all of the frame), depth, ground [H, W]. On a road a row of the image has one
    depth, whoever stands in it: that of its ground where this is seen, which needs no depth of
    the thing itself. The line on which the thing stands is the lower convex hull of its mask: it
    passes below the body of a car from wheel to wheel. Columns and the whole thing each have a
    say (mean of logs), since a mask is not exact. Where the image ends above that line, the
    closed forms of the thing itself count; where other things hide it, the row is too far away,
    and the feet that are seen are often too near.
    """
    columns = np.flatnonzero(mask.any(0))
    found = np.full(mask.shape[1], np.nan)
    if not len(columns):
        return found
    rows, inverse = ground_rows(depth, ground)
    bottom = mask.shape[0] - 1
    lows, lowest = _lower_line(mask, columns)
    cut = lows >= bottom - 1
    free = ~cut & ~things[np.minimum(lows + 1, bottom), columns]
    if cut[lowest].mean() > 0.5 or len(rows) < LEAST_ROWS:
        whole: float | NDArray[np.floating] = contact_depth(mask, depth, ground)
        each = column_depths(mask, depth, ground)[columns]
    elif free[lowest].mean() < 0.5:
        whole = feet_depth(mask, depth)
        each = 1 / np.full(len(columns), np.median(np.interp(lows[lowest] + 0.5, rows, inverse)))
    else:
        line = lower_hull(columns, lows)
        each = 1 / np.interp(line + 0.5, rows, inverse)
        whole = np.median(each[free & lowest])
        outside = line >= bottom - 1
        each[outside] = column_depths(mask, depth, ground)[columns][outside]
    found[columns] = np.sqrt(whole * each)
    return found


def on_seen_ground(mask: Mask, ground: Mask) -> bool:
    """Whether the ground [H, W] begins soon below the line on which a thing stands.

    Not at once: beside a thing the normals of the ground are those of two surfaces. Where it does
    not, a found mask may end anywhere in the thing, and its last row says nothing.
    """
    columns = np.flatnonzero(mask.any(0))
    if not len(columns):
        return False
    lows, lowest = _lower_line(mask, columns)
    reach = round(SOON * mask.shape[1])
    pairs = zip(lows[lowest], columns[lowest], strict=True)
    seen = [ground[row + 1 : row + 1 + reach, column].any() for row, column in pairs]
    return bool(np.mean(seen) > 0.5)


def _lower_line(
    mask: Mask, columns: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The last row of a thing in each of its columns, and whether it may stand there."""
    lows = mask.shape[0] - 1 - mask[::-1, columns].argmax(0)
    height = lows.max() - np.flatnonzero(mask.any(1))[0]
    return lows, lows >= lows.max() - max(LOWEST * height, 1)


def ground_rows(depth: Depth, ground: Mask) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Rows with enough ground, and the median inverse depth of it there, which rises downwards."""
    rows = np.flatnonzero(ground.sum(1) >= LEAST_PIXELS)
    inverse = np.array([np.median(1 / depth[row, ground[row]]) for row in rows])
    return rows, np.maximum.accumulate(inverse) if len(inverse) else inverse


def lower_hull(columns: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.floating]:
    """The lower convex hull, as an image is seen (largest rows), at each of the columns."""
    kept: list[tuple[int, int]] = []
    for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
        while len(kept) > 1:
            (x0, y0), (x1, y1) = kept[-2:]
            if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                break
            kept.pop()
        kept.append((x, y))
    x, y = np.array(kept).T
    line: NDArray[np.floating] = np.interp(columns, x, y)
    return line


def column_depths(mask: Mask, depth: Depth, ground: Mask) -> NDArray[np.floating]:
    """As `contact_depth`, for each column of a thing: [W], NaN where it has none.

    Medians over a few columns, for what hangs over: a mirror, the gap between two wheels.
    """
    columns = np.flatnonzero(mask.any(0))
    logs, places = np.log(depth), np.arange(mask.shape[0])[:, None]
    within = mask[:, columns]
    left = within[::-1].cumsum(0)[::-1]  # pixels of the thing from here down
    feet = within & (left <= np.maximum(np.round(FEET * within.sum(0)), 1))
    lowest = mask.shape[0] - 1 - within[::-1].argmax(0)
    below = (places > lowest) & (places <= lowest + REACH) & ground[:, columns]
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
