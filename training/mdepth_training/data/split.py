# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Split lists: text files that name the frames that may be the middle of a triplet.

A line is 'drive number [side]', as the lists of Eigen and Zhou for KITTI have it
('2011_09_26/2011_09_26_drive_0022_sync 473 r', for the odometry set '4 42 l'), or 'city
city_sequence_frame' for Cityscapes, or the path of an image of one of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mdepth_ros.errors import MdepthError
from mdepth_training.data.checks import Findings
from mdepth_training.data.drive import Drive

# What a list calls the cameras of KITTI, and what their folders are called.
SIDES = {'l': 'l', 'r': 'r', '2': 'l', '3': 'r'}
FOLDER_SIDES = {
    **dict.fromkeys(('image_02', 'image_2', 'image_00', 'image_0', 'image_l'), 'l'),
    **dict.fromkeys(('image_03', 'image_3', 'image_01', 'image_1'), 'r'),
}
_CITYSCAPES = re.compile(r'([a-z-]+_\d{6})_(\d{6})(?:_(left|right)Img8bit\.\w+)?$')
_PATH = re.compile(r'([^/]+)/(image_\w+)/(?:data/)?(\d+)\.\w+$')

# The drive, the number in the file's name, and the side: 'l' or 'r'.
Frame = tuple[str, int, str]


def apply_split(drives: Sequence[Drive], path: Path, findings: Findings) -> list[Drive]:
    """Keep of each drive the centres that the list names; drives without one are left out.

    Raises MdepthError where the list cannot be read, or names nothing of the drives.
    """
    listed = read_split(path)
    found: set[Frame] = set()
    kept = []
    for drive in drives:
        name, side = _drive_key(drive)
        centres = []
        for index, image in enumerate(drive.images):
            frame = (name, _number(image), side)
            if frame in listed:
                centres.append(index)
                found.add(frame)
        if centres:
            kept.append(replace(drive, centres=centres))
    if not kept:
        first = next(iter(listed.values()), 'nothing')
        raise MdepthError(
            f'no image of the drives is named by {path} (it names {first!r}): '
            'give the list that belongs to this data'
        )
    missing = [line for frame, line in listed.items() if frame not in found]
    if missing:
        findings.add(f'lines of {path.name} that name no image', *missing)
    return kept


def read_split(path: Path) -> dict[Frame, str]:
    """Return the frames that a list names, and the line of each, in the list's order.

    Raises MdepthError where it cannot be read or is empty.
    """
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise MdepthError(f'cannot read the split list {path}: {error}') from None
    frames = {}
    for line in lines:
        if line and not line.startswith('#'):
            try:
                frames[_parse(line)] = line
            except (ValueError, KeyError, IndexError):
                raise MdepthError(
                    f"{path}: cannot read the line {line!r}: write it as 'drive number side', "
                    'with l or r as the side'
                ) from None
    if not frames:
        raise MdepthError(f'the split list {path} is empty')
    return frames


def _parse(line: str) -> Frame:
    if match := _CITYSCAPES.search(line):
        return match[1], int(match[2]), 'r' if match[3] == 'right' else 'l'
    if match := _PATH.search(line):
        return match[1], int(match[3]), FOLDER_SIDES[match[2]]
    words = line.split()
    name = PurePosixPath(words[0]).name
    # The odometry lists write sequence 04 as 4.
    name = f'{int(name):02d}' if name.isdigit() else name
    return name, int(words[1]), SIDES[words[2]] if len(words) > 2 else 'l'


def _drive_key(drive: Drive) -> tuple[str, str]:
    name, _, camera = drive.name.partition('/')
    if match := _CITYSCAPES.search(name):
        return match[1], 'l'
    return name, FOLDER_SIDES.get(camera, 'l')


def _number(image: Path) -> int:
    if match := _CITYSCAPES.search(image.name):
        return int(match[2])
    digits = re.findall(r'\d+', image.stem)
    return int(digits[-1]) if digits else -1
