# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of things in a json of COCO (Lin et al. 2014): polygons, and run lengths (RLE)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_IMAGE, LARGEST_MESSAGE

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]
FARTHEST = 30_000.0  # pixels: OpenCV's corners of polygons are small numbers


class Rle(msgspec.Struct):
    """Lengths of runs, column by column; the first run is outside of the thing."""

    size: tuple[int, int]
    counts: list[int] | str


class Annotation(msgspec.Struct):
    """One thing of an image; a crowd (`iscrowd`) is many."""

    image_id: int
    segmentation: Rle | list[list[float]]
    category_id: int = 0
    iscrowd: int = 0


class Image(msgspec.Struct):
    """An image."""

    id: int
    file_name: str
    height: int
    width: int


class Category(msgspec.Struct):
    """A class of things."""

    id: int
    name: str


class Coco(msgspec.Struct):
    """What is read of a file."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category] = []


class CocoMasks:
    """The masks of a file by the names of its images; crowds are left out.

    classes  names of the categories that count; none: all

    Raises MdepthError for a file of another format, and for classes that it does not have.
    """

    def __init__(self, path: Path, classes: Sequence[str] = ()) -> None:
        try:
            if path.stat().st_size > LARGEST_MESSAGE:
                raise MdepthError(f'{path} is too large: give a json of these drives alone')
            coco = msgspec.json.decode(path.read_bytes(), type=Coco)
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            raise MdepthError(
                f'{path} is no json of COCO ({error}): it needs images (id, file_name, height, '
                'width) and annotations (image_id, segmentation)'
            ) from None
        known = {category.name: category.id for category in coco.categories}
        if unknown := [name for name in classes if name not in known]:
            raise MdepthError(
                f'{path} has no class {unknown[0]}: set method.mask_classes to some of '
                f'{", ".join(known) or "none, for it names none"}'
            )
        wanted = {known[name] for name in classes}
        self.path = path
        self.images = {image.file_name: image for image in coco.images}
        self._things: dict[int, list[Annotation]] = {}
        for one in coco.annotations:
            if not one.iscrowd and (not classes or one.category_id in wanted):
                self._things.setdefault(one.image_id, []).append(one)

    def ids(self, name: str) -> Ids:
        """Ids [H, W] of the things of an image, 0 none; the smaller one where two overlap.

        Raises MdepthError for a mask that is damaged.
        """
        image = self.images[name]
        size = image.height, image.width
        try:
            if min(size) < 1 or size[0] * size[1] > LARGEST_IMAGE:
                raise ValueError(f'an image of {size[1]}x{size[0]}')
            masks = [_mask(one.segmentation, size) for one in self._things.get(image.id, ())]
        except ValueError as error:
            raise MdepthError(
                f'{self.path}: the masks of {name} are damaged ({error}): make them again'
            ) from None
        ids = np.zeros(size, np.int32)
        masks.sort(key=np.count_nonzero, reverse=True)
        for number, mask in enumerate(masks, 1):
            ids[mask] = number
        return ids


def _mask(shape: Rle | list[list[float]], size: tuple[int, int]) -> Mask:
    if isinstance(shape, Rle):
        if shape.size != size:
            raise ValueError(f'a mask of {shape.size[1]}x{shape.size[0]}')
        return from_rle(shape)
    return from_polygons(shape, size)


def from_rle(rle: Rle) -> Mask:
    """A mask [H, W]; ValueError for runs that are not those of its size."""
    counts = rle.counts if isinstance(rle.counts, list) else _lengths(rle.counts)
    height, width = rle.size
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        raise ValueError('runs that do not fill the image')
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T


def _lengths(text: str) -> list[int]:
    """Runs of a text, five bits a letter, the low ones first; '0' is the letter of 0.

    32 says that more letters follow, 16 of the last one is the sign. From the fourth run on what
    is written is the difference to the last run but one.
    """
    counts = list[int]()
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f'runs with {letter!r}')
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) * (bits >> 4 & 1)
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


def from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask:
    """What is in any of the polygons x, y, x, y, ..., to half a pixel; ValueError for others.

    COCO's (0, 0) is the corner of the first pixel, OpenCV's its centre.
    """
    mask = np.zeros(size, np.uint8)
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(f'a polygon of {len(polygon)} numbers')
        corners = np.clip(np.array(polygon).reshape(-1, 2) - 0.5, -FARTHEST, FARTHEST)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], (1,))
    return mask > 0
