# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of a camera as pictures: white is used, black never is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.picture import PictureError, decode_file

MASK = 'mask.png'
"""Beside the images of a folder it is no image but their mask."""
MASK_SHOWN = 'mask-shown.jpg'
"""What `mdepth mask` draws beside it, for people."""
MOST_GREY = 0.05
"""Share of the pixels that may be neither black nor white, as at the edges of what is painted."""
_PAINT = 'paint white (255) what is to be used, and black what never is'


def read_mask(path: Path) -> Mask:
    """Read a mask of the size of the camera's images, as they arrive.

    Raises MdepthError for a file that cannot be read, is no mask, or is black everywhere.
    """
    try:
        pixels = decode_file(path).pixels
    except PictureError as error:
        raise MdepthError(f'mask {path}: {error}: give a PNG of the size of the images') from None
    white = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    white = white.mean(2) if white.ndim == 3 else white
    if ((white > 0.1) & (white < 0.9)).mean() > MOST_GREY:
        raise MdepthError(f'mask {path} has many grey pixels, so it is no mask: {_PAINT}')
    usable = white >= 0.5
    if not usable.any():
        raise MdepthError(f'mask {path} is black everywhere: {_PAINT}')
    return Mask(usable, str(path))


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as a PNG that `read_mask` reads."""
    data = cv2.imencode('.png', mask.usable.astype(np.uint8) * 255)[1]
    path.write_bytes(data.tobytes())


def read_masks(files: str, cameras: int) -> list[Mask | None]:
    """The masks of several cameras, from the names of their files with commas between.

    None for an empty name, and for all where there is none. Raises MdepthError as `read_mask`, and
    where their number is not that of the cameras.
    """
    names = [name.strip() for name in files.split(',')]
    if not any(names):
        return [None] * cameras
    if len(names) != cameras:
        raise MdepthError(
            f'mask is {files!r}, {len(names)} for {cameras} cameras: give one for each, with '
            'commas between, an empty one where a camera has none'
        )
    return [read_mask(Path(name).expanduser()) if name else None for name in names]
