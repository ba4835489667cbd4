# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A person's masks or depth maps, a file for each frame: which file is of which frame."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, seen_pixels
from mdepth_training.data.masks import CITYSCAPES
from mdepth_training.data.sample import Frames, Key

_CITYSCAPES_ENDS = re.compile(f'_(leftImg8bit|gt(Fine|Coarse){CITYSCAPES})$')
DIGITS = 20
"""More than any stamp has."""


def names_in(folder: Path, *suffixes: str) -> list[str]:
    """The files in a folder and below it that end so (`.png`: .PNG too), in their order."""
    files = (file for file in folder.rglob('*') if file.suffix.lower() in suffixes)
    return sorted(str(file.relative_to(folder)) for file in files)


def of_frames(
    names: Iterable[str],
    keys: Sequence[Key],
    drives: Mapping[str, Frames],
    where: Path,
    what: str = 'mask',
) -> dict[Key, str]:
    """Which of the files is of which frame; not every frame needs one.

    names  of the files, in `where`. Those of a drive are below a folder that is called as it is;
           the only drive may have them anywhere; else their names must be those of images, which
           no other drive has
    what   one of them is, in words

    Raises MdepthError where a drive has none, and where a frame has two.
    """
    paths = [PurePath(name) for name in names]
    used = dict.fromkeys(key.drive for key in keys)
    images = Counter(_plain(image) for drive in used for image in drives[drive].images)
    found: dict[Key, str] = {}
    for drive in used:
        frames = drives[drive]
        own = [path for path in paths if _below(path.parent.parts, PurePath(drive).parts)]
        if own or len(used) == 1:
            pairs = _numbered(own or paths, frames)
        else:
            pairs = _called_as_images([p for p in paths if images[_plain(p)] == 1], frames)
        if not pairs:
            example = f' (as {frames.images[0].name} is)' if frames.images else ''
            raise MdepthError(
                f'{where} has no {what} of any frame of {drive}: give it a folder {drive}/ of '
                f'{what}s that are called as the images{example}, by the number of the frame or '
                'by its stamp in ns'
            )
        of_drive: dict[int, PurePath] = {}
        for number, path in pairs:
            if number in of_drive:
                raise MdepthError(
                    f'{where} has two {what}s of frame {number} of {drive}, {of_drive[number]} '
                    f'and {path}: remove one'
                )
            of_drive[number] = path
        of_keys = (key for key in keys if key.drive == drive and key.frame in of_drive)
        found |= {key: str(of_drive[key.frame]) for key in of_keys}
    return found


def _numbered(paths: Sequence[PurePath], frames: Frames) -> list[tuple[int, PurePath]]:
    """Numbers of frames and their files, in the way to call them by which most have one."""
    stamps = {int(stamp): number for number, stamp in enumerate(frames.stamps)}
    whole = [(int(p.stem), p) for p in paths if p.stem.isdecimal() and len(p.stem) < DIGITS]
    ways = (
        _called_as_images(paths, frames),
        [(stamps[value], path) for value, path in whole if value in stamps],
        [(value, path) for value, path in whole if value < len(frames.stamps)],
    )
    return max(ways, key=len)


def _called_as_images(paths: Iterable[PurePath], frames: Frames) -> list[tuple[int, PurePath]]:
    numbers = {_plain(image): number for number, image in enumerate(frames.images)}
    return [(numbers[_plain(path)], path) for path in paths if _plain(path) in numbers]


def _below(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether folders are within those of `wanted`."""
    length = len(wanted)
    return any(parts[i : i + length] == wanted for i in range(len(parts) - length + 1))


def _plain(path: PurePath) -> str:
    return _CITYSCAPES_ENDS.sub('', path.stem)


def checked_size(name: str, shape: tuple[int, ...], camera: Camera, what: str = 'mask') -> Camera:
    """The camera of a map [H, W] of a whole image, of any size.

    camera  of the image. Raises MdepthError for a map of another shape than the image.
    """
    height, width = shape
    if abs(width * camera.height / camera.width - height) > 1:
        raise MdepthError(
            f'the {what} {name} is {width}x{height}, its image {camera.width}x{camera.height}: '
            f'make {what}s of the whole image, of any size'
        )
    return camera.scaled(width, height)


@lru_cache(64)
def nearest_pixels(source: Camera, target: Camera) -> tuple[NDArray[np.intp], ...]:
    """Rows and columns [h, w] of the pixels that another camera sees, and where there are any."""
    columns, rows = seen_pixels(source, target).round().unbind(-1)
    seen = (columns >= 0) & (columns < source.width) & (rows >= 0) & (rows < source.height)
    rows, columns = (place.where(seen, 0).long() for place in (rows, columns))
    return rows.numpy(), columns.numpy(), seen.numpy()
