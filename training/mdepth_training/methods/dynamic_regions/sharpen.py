# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Found masks end where motion or a network was unsure; the image knows where a thing ends."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_training.methods.dynamic_regions.objects import Mask

CORE, RIM = 3, 2
"""Pixels inside of a mask from which on it is surely right, and outside up to which it may end."""
LEAST_CORE = 0.2
"""Share of a mask that its core has at least, where the thing is small."""
AROUND = 12
"""Pixels around the mask that show what is no part of it."""
LEAST, ROUNDS = 20, 2


def sharpened(ids: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ids [H, W] whose things end at edges of colour; image [H, W, 3] of 8 bits.

    GrabCut (Rother et al. 2004): colours inside and around a mask say of each pixel near its edge
    where it belongs. Where two things want a pixel, the first id has it.
    """
    found = np.zeros_like(ids)
    for thing in np.unique(ids[ids > 0]):
        found[_cut_out(ids == thing, image) & (found == 0)] = thing
    return found


def _cut_out(mask: Mask, image: NDArray[np.uint8]) -> Mask:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = tuple(slice(max(s[0] - AROUND, 0), s[-1] + AROUND + 1) for s in (rows, columns))
    inside = mask[window].astype(np.uint8)
    core, depth = _eroded(inside, CORE), CORE
    while core.sum() < LEAST_CORE * inside.sum():
        depth -= 1
        core = _eroded(inside, depth)
    labels = np.full(inside.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(inside, _disc(RIM)) > 0] = cv2.GC_PR_BGD
    labels[inside > 0] = cv2.GC_PR_FGD
    labels[core > 0] = cv2.GC_FGD
    if (labels == cv2.GC_BGD).sum() < LEAST or core.sum() < LEAST:
        return mask  # too few colours to tell the two apart
    cv2.setRNGSeed(0)  # it begins with clusters by chance
    models = np.zeros((1, 65)), np.zeros((1, 65))
    pixels = np.ascontiguousarray(image[window])
    cv2.grabCut(pixels, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.zeros_like(mask)
    found[window] = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return found


def _eroded(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.erode(mask, _disc(radius)), np.uint8)


def _disc(radius: int) -> NDArray[np.uint8]:
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)
