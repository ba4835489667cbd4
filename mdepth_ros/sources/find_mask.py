# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The mask of a camera, found in a recording: see `still_parts`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import ImageSource
from mdepth_ros.sources.standing import is_static, small_grey
from mdepth_ros.sources.still_parts import WIDTH, still_edges, still_parts

MOST = 300
"""Images that are looked at, at most; of a longer recording they are spread over all of it."""
FEWEST = 100
"""Of a moving vehicle, at least: in less time edges that are far away stay where they are too."""

Rgb = NDArray[np.uint8]
Grey = NDArray[np.uint8]


class FoundMask(NamedTuple):
    """The mask, an image RGB [H, W, 3] of the recording, and how many tell of a moving vehicle."""

    mask: Mask
    image: Rgb
    moving: int


def find_mask(
    source: ImageSource, on_progress: Callable[[int], None] = lambda done: None
) -> FoundMask:
    """Find what the camera of a recording always has in view of its vehicle.

    on_progress  called with the number of images so far

    Raises MdepthError for a recording with too few images of a moving vehicle, and where its
    images are of several sizes.
    """
    seen, image = _sampled(source, on_progress)
    moving = _moving(seen)
    if len(moving) < FEWEST:
        stood = len(seen) - len(moving)
        why = f'{stood} of its {len(seen)} images are of a standing vehicle'
        why = why if stood else f'it has {len(seen)} images'
        raise MdepthError(
            f'{source.name}: {why}, but a mask is found in {FEWEST} or more of a moving one: give '
            'a drive of a minute or more, or paint the mask'
        )
    parts = still_parts(still_edges(moving))
    size = image.shape[1], image.shape[0]
    large = cv2.resize(parts.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return FoundMask(Mask(np.asarray(large < 0.5)), image, len(moving))


def drawn(found: FoundMask) -> Rgb:
    """The image with the mask in red."""
    image = found.image.copy()
    hidden = ~found.mask.usable
    image[hidden] = image[hidden] // 2 + np.array([127, 0, 0], np.uint8)
    return image


def _sampled(source: ImageSource, on_progress: Callable[[int], None]) -> tuple[list[Grey], Rgb]:
    """At most MOST grey images, evenly spread over the recording, and one of them as it is."""
    seen: list[Grey] = []
    shown: Rgb | None = None
    every = 1
    for number, item in enumerate(source.items()):
        on_progress(number + 1)
        if number % every:
            continue
        try:
            image = item.image()
        except MdepthError:
            continue
        if shown is not None and image.shape != shown.shape:
            raise MdepthError(
                f'{source.name} has images of {shown.shape[1]}x{shown.shape[0]} and of '
                f'{image.shape[1]}x{image.shape[0]}: a mask is of one size'
            )
        if len(seen) == MOST:
            seen, every = seen[::2], 2 * every
            if number % every:
                continue
        shown = image if shown is None or len(seen) == FEWEST // 2 else shown
        seen.append(_small(image))
    if shown is None:
        raise MdepthError(f'{source.name}: no image could be read')
    return seen, shown


def _small(image: Rgb) -> Grey:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    size = WIDTH, max(2, round(height * WIDTH / width))
    how = cv2.INTER_AREA if width > WIDTH else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how))


def _moving(images: list[Grey]) -> list[Grey]:
    """The images without those that are followed by one from the same place."""
    greys = [small_grey(image) for image in images]
    stands = [is_static(first, second) for first, second in pairwise(greys)]
    return [image for image, still in zip(images, [*stands, False], strict=True) if not still]
