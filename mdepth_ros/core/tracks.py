# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Corners followed from one frame to the next, at the camera's own resolution.

The networks see a small image: a quarter of a degree is one of its pixels. The camera's image has
several times as many. Of each cell of the image the strongest corner is used (smallest eigenvalue
of the gradient's matrix: Shi and Tomasi 1994), found again by pyramidal Lucas-Kanade (Bouguet
2000), and followed back: a corner that does not return to where it began is dropped.
"""

from __future__ import annotations

import math
from typing import NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.core.types import Frame
from mdepth_ros.geometry import Camera

CORNERS = 400
"""About so many at most: one of each cell of the image."""
WIDEST = 1280
"""Pixels; a wider image is shrunk first."""
QUALITY = 0.003
"""Least strength of a corner, as a share of the strongest one."""
CONTRAST = 1e-5
"""Least strength of any corner, of brightness 0..1: noise is below it."""
WINDOW, LEVELS, STEPS = 11, 3, 10
"""Of Lucas-Kanade: pixels, halvings of the image, steps on each."""
_SIZE = WINDOW, WINDOW
_STOP = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, 0.03
HIDDEN = 128
"""Brightness of what a mask hides."""
RETURN = 0.5
"""Pixels by which a corner that is followed back may miss its start."""
Array = NDArray[np.float64]


class Matches(NamedTuple):
    """The same points in two frames: x/z, y/z [N, 2] in the rectified camera of each frame.

    pixel   size of a pixel of the tracked images in these coordinates: 1 / focal length
    shift   how far the middle one of them moved, pixels of the tracked images; NaN without any
    places  [N, 2] pixels of the tracked image, in the current frame
    before  what earlier pairs found of them, in the previous frame
    """

    previous: Array
    current: Array
    pixel: float
    shift: float
    places: NDArray[np.float32]
    before: Depths


class Depths(NamedTuple):
    """What is known of the depths of corners: [N], NaN of a new corner; network units.

    log     natural logarithm
    spread  std of each, but for one factor that they share
    shared  std of the logarithm of that factor
    """

    log: Array
    spread: Array
    shared: float

    def of(self, chosen: NDArray[np.bool_]) -> Depths:
        """Those of some of the corners."""
        return Depths(self.log[chosen], self.spread[chosen], self.shared)


def unknown(count: int) -> Depths:
    """Of new corners."""
    return Depths(np.full(count, np.nan), np.full(count, np.nan), math.nan)


class CornerTracker:
    """Follows corners from pair to pair; knows those of each frame as long as the frame itself."""

    def __init__(self) -> None:
        self._greys: WeakKeyDictionary[Frame, NDArray[np.uint8]] = WeakKeyDictionary()
        self._kept: WeakKeyDictionary[Frame, tuple[NDArray[np.float32], Depths]]
        self._kept = WeakKeyDictionary()

    def match(self, previous: Frame, current: Frame) -> Matches:
        """Corners of `previous` that are found in `current`; of one camera."""
        before, now = self._grey(previous), self._grey(current)
        start, depths = self._kept.get(previous, (np.zeros((0, 2), np.float32), unknown(0)))
        new = corners(before, _usable(previous, before.shape))
        new = new[apart(new, start, before.shape)]
        start = np.concatenate([start, new])
        log, spread = (
            np.append(known, np.full(len(new), np.nan)) for known in (depths.log, depths.spread)
        )
        found, end = follow(before, now, start)
        usable = _usable(current, now.shape)
        if usable is not None:
            x, y = np.round(end).astype(int).clip(0, np.array(now.shape[::-1]) - 1).T
            found &= usable[y, x]
        moved = np.linalg.norm(end - start, axis=1)[found]
        shrink = now.shape[1] / current.camera.width
        return Matches(
            rectified(previous.camera, start[found] / shrink),
            rectified(current.camera, end[found] / shrink),
            1 / (math.sqrt(current.camera.fx * current.camera.fy) * shrink),
            float(np.median(moved)) if len(moved) else math.nan,
            end[found],
            Depths(log, spread, depths.shared).of(found),
        )

    def keep(self, frame: Frame, places: NDArray[np.float32], depths: Depths) -> None:
        """Remember the corners of a frame, for the pairs in which it is the previous one."""
        self._kept[frame] = places, depths

    def _grey(self, frame: Frame) -> NDArray[np.uint8]:
        grey = self._greys.get(frame)
        if grey is None:
            grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(frame.image), cv2.COLOR_RGB2GRAY))
            if frame.mask is not None:  # what it hides must not pull at what is followed
                grey[~frame.mask.usable] = HIDDEN
            height, width = grey.shape
            if width > WIDEST:
                size = WIDEST, round(height * WIDEST / width)
                grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
            self._greys[frame] = grey
        return grey


def corners(
    grey: NDArray[np.uint8], usable: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Pixels [N, 2] of the strongest corner of each cell of an image uint8 [H, W].

    usable  bool [H, W]; None: all
    """
    height, width = grey.shape
    half = cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    strength = cv2.cornerMinEigenVal(half, 3)
    strength[:, [0, 1, 2, -3, -2, -1]] = strength[[0, 1, 2, -3, -2, -1]] = 0
    if usable is not None:
        small = usable[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2)
        strength[~small.all((1, 3))] = 0
    cell = max(4, round(math.sqrt(strength.size / CORNERS)))
    rows, columns = strength.shape[0] // cell, strength.shape[1] // cell
    cells = strength[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = cells.swapaxes(1, 2).reshape(rows, columns, cell * cell)
    best = cells.argmax(2)
    strong = cells.max(2)
    row, column = np.nonzero(strong > max(QUALITY * float(strong.max(initial=0)), CONTRAST))
    inside = best[row, column]
    at = np.stack([column * cell + inside % cell, row * cell + inside // cell], 1)
    return np.asarray(2 * at + 0.5, np.float32)  # the middle of four pixels


def apart(
    new: NDArray[np.float32], old: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which new points [N, 2] of an image [H, W] lie in cells where there is no old one."""
    cell = math.sqrt(shape[0] * shape[1] / CORNERS)
    taken = {tuple(place) for place in (old // cell).astype(int).tolist()}
    free = [tuple(place) not in taken for place in (new // cell).astype(int).tolist()]
    return np.array(free, np.bool_)


def follow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], start: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Where points [N, 2] of an image are in the next one; bool [N] whether found, and [N, 2]."""
    if not len(start):
        return np.zeros(0, np.bool_), start
    points = start[:, None]
    end, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, points, np.empty_like(points), winSize=_SIZE, maxLevel=LEVELS, criteria=_STOP
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        now,
        before,
        end,
        points.copy(),
        winSize=_SIZE,
        maxLevel=0,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    near = np.abs(back - points).max((1, 2)) < RETURN
    kept = (found[:, 0] > 0) & (returned[:, 0] > 0) & near
    return kept, np.asarray(end[:, 0], np.float32)


def rectified(camera: Camera, pixels: NDArray[np.float32]) -> Array:
    """Pixels [N, 2] of an image as it arrived -> x/z, y/z [N, 2] in the rectified camera.

    NaN where no direction in front of the camera has this pixel.
    """
    rays = camera.unproject(torch.from_numpy(pixels).double()).numpy()
    turned = rays @ np.reshape(camera.rectification, (3, 3)).T
    plane: Array = turned[:, :2] / turned[:, 2:]
    return plane


def _usable(frame: Frame, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Pixels [H, W] of an image of that shape whose surroundings no mask hides; None: all."""
    if frame.mask is None:
        return None
    hidden = (~frame.mask.usable).astype(np.uint8)
    if hidden.shape != shape:
        hidden = np.asarray(cv2.resize(hidden, shape[::-1], interpolation=cv2.INTER_NEAREST))
    around = np.ones((2 * WINDOW + 1, 2 * WINDOW + 1), np.uint8)
    clear: NDArray[np.bool_] = np.asarray(cv2.dilate(hidden, around)) == 0
    return clear
