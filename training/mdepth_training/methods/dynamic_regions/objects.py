# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From pixels that move to things that move: components, split by depth or by slots.

By depth nothing is learned. Mining Supervision finds them by slot attention and an instance
network (1.1, 1.3); the filters are those of the latter.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_training.methods.dynamic_regions.ground import REACH

SOON = 1.5 * REACH
"""How far below a thing its ground begins, as a share of the width."""
Mask = NDArray[np.bool_]
Depth = NDArray[np.float32]


@dataclass(frozen=True)
class ObjectRules:
    """What counts as a thing. Shares are of the image's pixels.

    jump        step of the log depth between neighbours that parts two things
    least, most smallest area, and largest area of the box
    fill        least share of its box that a thing fills
    compact     largest ratio of far to near depth (9th to 1st decile) of what stands still, and
                of its depth to that of the ground below it
    ahead       share of the columns, in the middle, in which nothing is said to stand still: what
                drives ahead as fast as the camera hardly moves in its images
    moving      share of an object's pixels that move, from which on the object moves
    """

    jump: float = 0.12
    least: float = 0.001
    most: float = 0.5
    fill: float = 0.3
    compact: float = 1.5
    ahead: float = 0.05
    moving: float = 0.5


def dynamic_mask(flows: NDArray[np.floating], least: float) -> Mask:
    """Where the own motion is at least so many pixels at a width of 512, [H, W].

    flows [2, 2, H, W]: to the previous and the next frame, x and y. The size is |x| + |y|, its
    mean over both (the authors' code).
    """
    size = np.abs(flows).sum(1).mean(0)
    moves: Mask = size >= least * flows.shape[-1] / 512
    return moves


def sorted_objects(
    objects: NDArray[np.integer], moves: Mask, ground: Mask, rules: ObjectRules
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Ids [H, W] of the objects that move, and of those that stand still (3.7 of the authors).

    An object moves if half of its pixels do, or if it is straight ahead: there nothing that
    drives along seems to move. Ground is no part of it.
    """
    moving, still = np.zeros(objects.shape, np.int32), np.zeros(objects.shape, np.int32)
    middle = columns_ahead(objects.shape[1], rules)
    parts = np.where(ground, 0, objects)
    for number in np.unique(parts[parts > 0]):
        mask = parts == number
        if mask.sum() < rules.least * mask.size:
            continue
        found = moving if mask[:, middle].any() or moves[mask].mean() >= rules.moving else still
        found[mask] = found.max() + 1
    return moving, still


def columns_ahead(width: int, rules: ObjectRules) -> slice:
    """The columns in the middle."""
    return slice(round(width * (1 - rules.ahead) / 2), round(width * (1 + rules.ahead) / 2))


def components(
    moves: Mask,
    depth: Depth,
    ground: Mask,
    rules: ObjectRules,
    slots: NDArray[np.integer] | None = None,
) -> NDArray[np.int32]:
    """Instances [H, W]: 0 none, then 1, 2, ...

    Parts of the moving pixels that hang together without a jump of depth, or within one of the
    slots [H, W] (0 is none) where these are known; that are not ground, but stand on it, and are
    neither specks nor half of the image.
    """
    inside = moves & ~ground
    parts = _cut(inside, depth, rules) if slots is None else parts_of(slots, inside)
    found = np.zeros(moves.shape, np.int32)
    number = 0
    kernel = np.ones((5, 5), np.uint8)
    for part in range(1, parts.max() + 1):
        mask = (parts == part).astype(np.uint8)
        if mask.sum() < rules.least * mask.size:
            continue
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
        *_, w, h = cv2.boundingRect(mask)
        filled = mask.sum() / (w * h)
        if w * h > rules.most * mask.size or filled < rules.fill or not stands(mask > 0, ground):
            continue
        number += 1
        found[(mask > 0) & (found == 0)] = number
    return found


def _cut(inside: Mask, depth: Depth, rules: ObjectRules) -> NDArray[np.int32]:
    log_depth = np.log(np.maximum(depth, 1e-6))
    edges = np.zeros_like(inside)
    edges[:, 1:] |= np.abs(np.diff(log_depth, axis=1)) > rules.jump
    edges[1:] |= np.abs(np.diff(log_depth, axis=0)) > rules.jump
    _, parts = cv2.connectedComponents((inside & ~edges).astype(np.uint8), connectivity=4)
    return _grown(parts, inside)


def parts_of(slots: NDArray[np.integer], inside: Mask) -> NDArray[np.int32]:
    """Connected parts [H, W] of each slot, from 1 on: a street has more things than slots."""
    parts = np.zeros(slots.shape, np.int32)
    for slot in np.unique(slots[slots > 0]):
        mask = (inside & (slots == slot)).astype(np.uint8)
        _, own = cv2.connectedComponents(mask, connectivity=4)
        parts = np.where(own > 0, own + parts.max(), parts)
    return parts


def _grown(parts: NDArray[np.int32], inside: Mask) -> NDArray[np.int32]:
    """Edge pixels go to the part beside them."""
    left = inside & (parts == 0)
    for _ in range(2):
        spread = cv2.dilate(parts.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
        parts = np.where(left & (parts == 0), spread, parts)
    return parts


def stands(mask: Mask, ground: Mask) -> bool:
    """Whether ground begins soon below the lowest pixels of a thing.

    Not at once: the normals beside it are those of two surfaces.
    """
    rows, columns = below(mask, round(SOON * mask.shape[1]))
    return bool(ground[rows, columns].any()) if len(rows) else False


def below(mask: Mask, reach: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels that lie 1 to `reach` below the lowest pixel of a column."""
    height = mask.shape[0]
    columns = np.flatnonzero(mask.any(0))
    lowest = height - 1 - mask[::-1, columns].argmax(0)
    rows = (lowest[:, None] + np.arange(1, reach + 1)).ravel()
    columns = np.repeat(columns, reach)
    inside = rows < height
    return rows[inside], columns[inside]
