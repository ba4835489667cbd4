# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Found masks that end at edges of colour."""

from __future__ import annotations

import cv2
import numpy as np
from mdepth_training.methods.dynamic_regions.sharpen import sharpened


def scene() -> tuple[np.ndarray, np.ndarray]:
    """An image [64, 96, 3] with a red and a blue box on grey, and the ids of the boxes."""
    random = np.random.default_rng(0)
    image = np.full((64, 96, 3), 120.0)
    ids = np.zeros((64, 96), np.uint8)
    image[20:44, 10:38], ids[20:44, 10:38] = (200, 40, 30), 1
    image[24:50, 52:82], ids[24:50, 52:82] = (30, 50, 190), 2
    return (image + random.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8), ids


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_masks_too_wide_or_too_narrow_end_where_the_colour_does() -> None:
    image, ids = scene()
    wide = np.where(cv2.dilate((ids == 1).astype(np.uint8), np.ones((5, 5))) > 0, 1, 0)
    narrow = np.where(cv2.erode((ids == 2).astype(np.uint8), np.ones((5, 5))) > 0, 2, 0)
    given = np.maximum(wide, narrow).astype(np.uint8)
    found = sharpened(given, image)
    assert max(overlap(given == thing, ids == thing) for thing in (1, 2)) < 0.8
    assert min(overlap(found == thing, ids == thing) for thing in (1, 2)) > 0.97
    np.testing.assert_array_equal(sharpened(given, image), found)  # the same twice


def test_what_is_too_small_or_fills_the_image_stays() -> None:
    image, ids = scene()
    small = np.zeros_like(ids)
    small[30:33, 20:24] = 7
    np.testing.assert_array_equal(sharpened(small, image), small)
    full = np.full_like(ids, 3)
    np.testing.assert_array_equal(sharpened(full, image), full)
    assert not sharpened(np.zeros_like(ids), image).any()
