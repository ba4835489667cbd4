# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which depth image belongs to which image: sequences of TUM RGB-D, and folders of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import match
from mdepth_ros.sources.folder import SUFFIXES
from mdepth_ros.tables import read_table
from mdepth_training.data.folder import first_folders

TOLERANCE = 0.02  # seconds between image, depth and pose of a sequence
TUM_UNITS = 5000.0
MILLIMETRES = 1000.0


class Pair(NamedTuple):
    """An image, its depth image, and how many of its units make a metre.

    stamp     ns; None where images are single ones
    sequence  folder of the sequence that it is of, None as well
    """

    image: Path
    depth: Path
    per_metre: float
    stamp: int | None = None
    sequence: Path | None = None


def sequences(path: Path) -> list[Path]:
    """The folders with a rgb.txt: the path itself, else those in it, or one level further down."""
    return first_folders(path, lambda folder: (folder / 'rgb.txt').is_file(), '*/', '*/*/')


def find_pairs(path: Path, exported: float = TUM_UNITS) -> list[Pair]:
    """Pairs in the first of these layouts that fits; empty where none does.

    rgb.txt, depth.txt            sequences of TUM RGB-D, 5000 units per metre
    color/X, depth/X              SC-Depth's test folders (in `testing` too): PNG, of `exported`
                                  units per metre; .pgm: 1000
    [SCENE/]rgb_X, sync_depth_X   NYU as the scripts of BTS write it, 1000
    X, X_depth                    5000

    Raises MdepthError for a sequence that is not whole.
    """
    if found := sequences(path):
        return [pair for folder in found for pair in _sequence(folder)]
    for home in (path, path / 'testing'):
        depths = {file.stem: file for file in _files(home / 'depth')}
        colours = [file for file in _files(home / 'color') if file.stem in depths]
        if colours:
            return [_pair(image, depths[image.stem], exported) for image in colours]
    of_scenes = sorted([*path.glob('sync_depth_*.png'), *path.glob('*/sync_depth_*.png')])
    if of_scenes:
        return _partners(of_scenes)
    return [
        _pair(image, depth, TUM_UNITS)
        for depth in sorted(path.glob('*_depth.png'))
        for image in _files(path)
        if image.stem == depth.stem[: -len('_depth')]
    ]


def require_pairs(path: Path, exported: float = TUM_UNITS) -> list[Pair]:
    """The same; MdepthError where there is none."""
    pairs = find_pairs(path, exported)
    if not pairs:
        alone = next((home for home in (path / 'color', path / 'rgb') if _files(home)), None)
        lacking = (
            f'{alone} has images, but no depth folder beside it has theirs: ' if alone else ''
        )
        raise MdepthError(
            f'{path}: {lacking}no images with depth: rgb.txt and depth.txt (TUM), color/ and '
            'depth/ (SC-Depth), rgb_X.jpg and sync_depth_X.png (BTS), or X.png and X_depth.png'
        )
    return pairs


def _pair(image: Path, depth: Path, units: float) -> Pair:
    return Pair(image, depth, MILLIMETRES if depth.suffix == '.pgm' else units)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _partners(depths: list[Path]) -> list[Pair]:
    found = []
    for depth in depths:
        name = depth.stem.replace('sync_depth_', 'rgb_', 1)
        images = (depth.with_name(name + ending) for ending in ('.jpg', '.png'))
        found += [Pair(image, depth, MILLIMETRES) for image in images if image.is_file()][:1]
    return found


def _sequence(path: Path) -> list[Pair]:
    """Each image with the depth nearest in time."""
    if not (path / 'depth.txt').is_file():
        raise MdepthError(f'{path} has rgb.txt, but no depth.txt: copy the whole sequence')
    images, depths = (dict(_list(path / name)) for name in ('rgb.txt', 'depth.txt'))
    pairs = [
        Pair(path / images[stamp], path / depths[other], TUM_UNITS, stamp, path)
        for stamp, other in match([*images], [*depths], TOLERANCE).items()
    ]
    if not pairs:
        raise MdepthError(
            f'{path}: no time in depth.txt is within {TOLERANCE:g} s of one in rgb.txt: the two '
            'are not of one recording, or not of one clock'
        )
    for files in ([pair.image for pair in pairs], [pair.depth for pair in pairs]):
        if not any(file.is_file() for file in files):
            raise MdepthError(f'{files[0]} and the others are not there: copy {files[0].parent}')
    return pairs


def _list(path: Path) -> list[tuple[int, str]]:
    """Lines 'time file' as (ns, file), sorted."""
    table = read_table(path)
    if any(len(row) < 2 for row in table.rows) or not table.rows:
        raise MdepthError(f"{path} must hold lines 'seconds file'")
    return sorted(zip(table.times(), table.column(1), strict=True))
