# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera always has in view of its own vehicle, found in the images of a drive.

Sky and road hardly change either while a vehicle drives, so it is not enough that pixels stay as
they are. But the outline of a bonnet stays where it is to a fraction of a pixel, while whatever
belongs to the world moves with every bump. Of the images less their surroundings (a difference of
Gaussians, which takes the light away), M is the median over the drive and D the median distance
from it. At an edge the brightness changes by its slope times its shift: D / |grad M| is by how
many pixels it moves. Edges that move by less than SHIFT belong to the vehicle.

From side to side of the image runs the cheapest path along such edges; where there is none it
pays to go along the border of the image. What is between path and border is the vehicle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

WIDTH = 640
"""Columns of the images, to which scales below belong."""
FINE, COARSE = 2.0, 8.0
"""Standard deviations of the two Gaussians."""
SLOPE = 0.8
"""Grey levels per pixel that an edge has at least."""
CRESTS = (5, 0.9), (17, 0.4)
"""Share of the steepest slope in a square of this side that an edge has.

Else it is as wide as the Gaussians, and their difference has weaker ones beside it.
"""
SHIFT = 0.4
"""Pixels by which it may move."""
GAP, ALONG = 1.0, 0.42
"""What a pixel of the path costs where there is no edge, and along the border; on an edge 0."""
MARGIN = 3
"""Pixels that are added around what was found: edges are not sharp."""
LEAST = 0.003
"""Share of the image that a part has at least."""
_ROUNDS, _KNOWN = 5, 5


def still_edges(images: Sequence[NDArray[np.uint8]]) -> Bools:
    """Pixels [h, w] on edges that stay where they are in all of the grey images [h, w]."""
    height = images[0].shape[0]
    edges = np.zeros(images[0].shape, bool)
    details = np.empty((len(images), *images[0].shape), np.float16)
    for detail, image in zip(details, images, strict=True):
        grey = image.astype(np.float32)
        detail[:] = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), COARSE)
    middle, spread = np.empty_like(edges, np.float32), np.empty_like(edges, np.float32)
    for row in range(height):  # a row at a time: medians take memory
        of_row = details[:, row].astype(np.float32)
        middle[row] = np.median(of_row, 0)
        spread[row] = np.median(np.abs(of_row - middle[row]), 0)
    slope = np.hypot(*np.gradient(middle)).astype(np.float32)
    edges = (slope > SLOPE) & (spread < SHIFT * slope)
    for side, share in CRESTS:
        edges &= slope > share * cv2.dilate(slope, np.ones((side, side), np.uint8))
    return np.asarray(edges)


def still_parts(edges: Bools) -> Bools:
    """Pixels [h, w] of the parts that such edges cut off from the rest of the image."""
    wide = cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    found: Bools = np.zeros_like(wide)
    for turns in range(4):  # each side of the image is the lower one once
        turned = np.rot90(wide, turns)
        far = turned.shape[0] // 2  # nothing of the vehicle reaches the middle of the image
        part = np.zeros_like(turned)
        part[far:] = _below(turned[far:])
        found |= np.rot90(part, -turns)
    if not found.any():
        return found
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1,) * 2)
    return _large(_filled(cv2.dilate(found.astype(np.uint8), disk) > 0))


def _below(edges: Bools) -> Bools:
    """What lies below the outermost path from the left side to the right one."""
    height, width = edges.shape
    rows = np.full(width, height)
    for _ in range(_ROUNDS):
        # A bonnet has edges on it: from the path that was found, look further out.
        better = np.minimum(_path(edges, rows), rows)
        if (better == rows).all():
            break
        rows = better
    return np.asarray(np.arange(height)[:, None] >= rows)


def _path(edges: Bools, border: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows [w] of the cheapest path from left to right above the border's rows [w].

    Dynamic programming over the columns; within a column the path may run up or down.
    """
    height, width = edges.shape
    y = np.arange(height + 1)[:, None]
    neighbours = np.pad(border, 1, mode='edge')
    lowest = np.minimum(np.minimum(neighbours[:-2], neighbours[2:]), border)
    cost = np.where(np.vstack([edges, np.zeros((1, width), bool)]), 0.0, GAP)
    cost[(y >= border - _KNOWN) & (y < border)] = GAP  # no edge of the path that is known
    cost[(y >= lowest) & (y < border)] = 0.0
    cost[y == border] = ALONG
    cost[y > border] = np.inf
    total, entered, came = cost[:, 0], [np.arange(height + 1)], [np.zeros(height + 1, int)]
    for column in range(1, width):
        sides = np.pad(total, 1, constant_values=np.inf)
        here = cost[:, column]
        aslant = (math.sqrt(2) - 1) * here
        choices = np.stack([sides[1:-1], sides[:-2] + aslant, sides[2:] + aslant])
        came.append(np.array([0, -1, 1])[choices.argmin(0)])
        start = choices.min(0) + here
        here = np.nan_to_num(here, posinf=1e6)
        climb = np.cumsum(here)
        down, from_above = _running(start - climb)
        up, from_below = _running((start + climb - here)[::-1])
        down, up = down + climb, up[::-1] - climb + here
        from_below = height - from_below[::-1]
        total = np.minimum(np.minimum(down, up), start)
        source = np.where(down < up, from_above, from_below)
        entered.append(np.where(total < start - 1e-9, source, np.arange(height + 1)))
    rows, at = np.empty(width, int), int(total.argmin())
    for column in reversed(range(width)):
        entry = int(entered[column][at])
        rows[column] = min(at, entry)
        at = entry + int(came[column][entry])
    return rows


def _running(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Smallest value up to each place, and where it is."""
    smallest = np.minimum.accumulate(values)
    new = np.concatenate([[True], smallest[1:] < smallest[:-1]])
    return smallest, np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))


def _filled(found: Bools) -> Bools:
    """With all that is cut off from the largest part of the rest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8))
    if len(stats) < 2:
        return found
    return np.asarray(labels != 1 + stats[1:, cv2.CC_STAT_AREA].argmax())


def _large(found: Bools) -> Bools:
    """Without the parts that are too small to matter."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    keep = stats[:, cv2.CC_STAT_AREA] >= LEAST * found.size
    keep[0] = False
    return np.asarray(keep[labels])
