# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of things as PNGs, at the size of a truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_training.data.masks import png_ids
from mdepth_training.evaluation.shots import Array, DamagedTruthError, Shots


def read_things(path: Path, size: tuple[int, int]) -> Array:
    """Ids [H, W] of things (`png_ids`) at a size (W, H), the nearest of each pixel.

    Raises DamagedTruthError for a file that cannot be read, MdepthError for one of another aspect.
    """
    try:
        ids = png_ids(path)
    except MdepthError as error:
        raise DamagedTruthError(str(error)) from None
    height, width = ids.shape
    if width * size[1] != height * size[0]:
        raise MdepthError(
            f'{path} is {width}x{height}, its image {size[0]}x{size[1]}: one aspect is needed'
        )
    return np.asarray(cv2.resize(ids.astype(np.int32), size, interpolation=cv2.INTER_NEAREST))


def without_small(ids: Array, least: float) -> Array:
    """Ids [H, W] without things of less than this share of the pixels."""
    values, counts = np.unique(ids, return_counts=True)
    return np.where(np.isin(ids, values[counts < least * ids.size]), 0, ids)


class MaskFolder:
    """A folder with a PNG for each image, or for some: named as it, in as many of its folders.

    least  how many parts of an image's path, from its end, tell it from all others
    """

    def __init__(self, folder: Path, images: Sequence[Path], least: int = 1) -> None:
        """Raise MdepthError where none of the images has a mask."""
        self._folder, self._least = folder, least
        if not any(map(self.of, images)):
            expected = folder / Path(*images[0].parts[-least:]).with_suffix('.png')
            raise MdepthError(f'{folder} has no mask of any image: there is no {expected} ...')

    def of(self, image: Path) -> Path | None:
        """The mask of an image, if there is one."""
        parts = image.with_suffix('.png').parts
        ends = (Path(*parts[-count:]) for count in range(self._least, len(parts) + 1))
        return next((self._folder / end for end in ends if (self._folder / end).is_file()), None)

    def things(self, shots: Shots, image: Path, size: tuple[int, int]) -> Array | None:
        """`read_things` of an image's mask; None, and a note, where there is none."""
        mask = self.of(image)
        if mask is None:
            shots.note(f'images without a mask have no regions: {image} ...')
            return None
        return shots.truth(read_things, mask, size)
