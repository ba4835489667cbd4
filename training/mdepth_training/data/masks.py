# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of things as PNGs: what their pixels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.picture import PictureError, decode_file

CITYSCAPES = '_instanceIds'
"""How the names of Cityscapes' masks end."""
THINGS = range(24, 34)
"""Classes of Cityscapes that have instances: people, riders and vehicles."""


def png_ids(path: Path) -> NDArray[np.int64]:
    """Ids [H, W] of a PNG: each value or colour is a thing, 0 or black is none.

    Where all that is there is white, or the one largest value, each connected part is a thing. Of
    Cityscapes' instanceIds things are 24000 and above: 1000 times the class, and a number.
    Raises MdepthError for a file that cannot be read.
    """
    try:
        pixels = decode_file(path).pixels
    except PictureError as error:
        raise MdepthError(f'{path}: {error}: make this mask again') from None
    white = np.iinfo(pixels.dtype).max
    ids = pixels.astype(np.int64)
    if ids.ndim == 3:
        ids = ids @ np.array([1, white + 1, (white + 1) ** 2])
        white = (white + 1) ** 3 - 1
    if path.stem.endswith(CITYSCAPES):
        return ids * np.isin(ids // 1000, THINGS)
    if np.isin(ids, (0, white)).all():
        ids = cv2.connectedComponents((ids > 0).astype(np.uint8), connectivity=8)[1]
    return ids.astype(np.int64)
