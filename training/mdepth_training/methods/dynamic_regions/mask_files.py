# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A person's masks of things: which file is of which frame."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from mdepth_ros.errors import MdepthError
from mdepth_training.data.masks import CITYSCAPES
from mdepth_training.data.sample import Frames, Key

_CITYSCAPES_ENDS = re.compile(f'_(leftImg8bit|gt(Fine|Coarse){CITYSCAPES})$')
DIGITS = 20
"""More than any stamp has."""


def png_names(folder: Path) -> list[str]:
    """The PNGs in a folder and those below it; MdepthError where there are none."""
    files = sorted(folder.rglob('*.[pP][nN][gG]'))
    if not files:
        raise MdepthError(
            f'method.masks: {folder} has no PNG: give a folder of masks, a json of COCO, or exact'
        )
    return [str(file.relative_to(folder)) for file in files]


def of_frames(
    names: Iterable[str], keys: Sequence[Key], drives: Mapping[str, Frames], where: Path
) -> dict[Key, str]:
    """Which of the files is of which frame; not every frame needs one.

    names  of the files, in `where`. Those of a drive are below a folder that is called as it is;
           the only drive may have them anywhere; else their names must be those of images, which
           no other drive has

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
                f'{where} has no mask of any frame of {drive}: give it a folder {drive}/ of masks '
                f'that are called as the images{example}, by the number of the frame or by its '
                'stamp in ns'
            )
        of_drive: dict[int, PurePath] = {}
        for number, path in pairs:
            if number in of_drive:
                raise MdepthError(
                    f'{where} has two masks of frame {number} of {drive}, {of_drive[number]} and '
                    f'{path}: remove one'
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
