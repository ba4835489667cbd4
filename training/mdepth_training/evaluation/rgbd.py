# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with a depth image each: NYU Depth v2 as PNG files, TUM RGB-D, and the like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import match, pose_at
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import SUFFIXES, read_image
from mdepth_ros.sources.intrinsics import read_intrinsics
from mdepth_ros.tables import read_table
from mdepth_training.evaluation.shots import (
    Array,
    Options,
    Shot,
    Shots,
    read_depth,
    unknown_camera,
    with_neighbours,
)

# The colour camera of NYU Depth v2, 640 x 480; its toolbox counts pixels from 1.
NYU_CAMERA = (518.857901, 519.469611, 324.582449, 252.736166)
TOLERANCE = 0.02  # seconds between image, depth and pose of a TUM sequence


class Pair(NamedTuple):
    """An image, its depth image, and how many of its units make a metre; stamp in ns or None."""

    image: Path
    depth: Path
    per_metre: float
    stamp: int | None = None


def find_pairs(path: Path) -> list[Pair]:
    """Pairs in the first of these layouts that fits; empty where none does.

    rgb.txt, depth.txt            a sequence of TUM RGB-D, 5000 units per metre
    color/X, depth/X              SC-Depth's PNG test folders (in `testing` too), 5000; .pgm: 1000
    [SCENE/]rgb_X, sync_depth_X   NYU as the scripts of BTS write it, 1000
    X, X_depth                    5000
    """
    if (path / 'rgb.txt').is_file() and (path / 'depth.txt').is_file():
        return _tum(path)
    for home in (path, path / 'testing'):
        depths = {file.stem: file for file in _files(home / 'depth')}
        colours = [file for file in _files(home / 'color') if file.stem in depths]
        if colours:
            return [Pair(c, depths[c.stem], _units(depths[c.stem])) for c in colours]
    of_scenes = sorted([*path.glob('sync_depth_*.png'), *path.glob('*/sync_depth_*.png')])
    if of_scenes:
        return _partners(of_scenes)
    return [
        Pair(image, depth, _units(depth))
        for depth in sorted(path.glob('*_depth.png'))
        for image in _files(path)
        if image.stem == depth.stem[: -len('_depth')]
    ]


def open_rgbd(path: Path, options: Options) -> Shots:
    """The pairs of a folder (see `find_pairs`); of a TUM sequence each with the frame before."""
    return _open(path, options, None)


def open_nyu(path: Path, options: Options) -> Shots:
    """The same with the camera of NYU Depth v2."""
    return _open(path, options, Camera(640, 480, *NYU_CAMERA))


def _open(path: Path, options: Options, known: Camera | None) -> Shots:
    pairs = find_pairs(path)
    if not pairs:
        raise MdepthError(
            f'{path}: no images with depth: rgb.txt and depth.txt (TUM), color/ and depth/ '
            '(SC-Depth), rgb_X.jpg and sync_depth_X.png (BTS), or X.png and X_depth.png'
        )
    given = read_intrinsics(options.intrinsics) if options.intrinsics else None
    notes = []
    if given is None and known is None:
        notes.append("the camera is not known: the model's is assumed (give --intrinsics)")

    def camera_of(image: Array) -> Camera:
        height, width = image.shape[:2]
        if given is not None:
            return given.camera(width, height)
        return unknown_camera(image, options) if known is None else known.scaled(width, height)

    def shots_of(shots: Shots) -> Iterator[Shot]:
        file = path / 'groundtruth.txt'
        is_tum = pairs[0].stamp is not None
        poses = read_trajectory(file) if is_tum and file.is_file() else None
        for pair in pairs:
            image = read_image(pair.image)
            camera = camera_of(image)
            depth = shots.truth(read_depth, pair.depth, pair.per_metre)
            same_size = depth is None or depth.shape == image.shape[:2]
            if not same_size or camera != camera.pinhole():
                raise MdepthError(f'{pair.depth}: not the view of {pair.image.name}, undistorted')
            yield Shot(
                str(pair.image.relative_to(path)),
                Frame(pair.stamp or 0, image, camera),
                truth=depth,
                camera=camera,
                pose=None if poses is None else pose_at(poses, pair.stamp or 0),
                drive=path.name if is_tum else '',
            )

    def read(shots: Shots) -> Iterator[Shot]:
        if pairs[0].stamp is None:
            return shots_of(shots)
        return with_neighbours(shots_of(shots), options.interval)

    return Shots(path.name, len(pairs), read, notes)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _units(depth: Path) -> float:
    return 1000.0 if depth.suffix == '.pgm' else 5000.0


def _partners(depths: list[Path]) -> list[Pair]:
    found = []
    for depth in depths:
        name = depth.stem.replace('sync_depth_', 'rgb_', 1)
        images = (depth.with_name(name + ending) for ending in ('.jpg', '.png'))
        found += [Pair(image, depth, 1000.0) for image in images if image.is_file()][:1]
    return found


def _tum(path: Path) -> list[Pair]:
    """Each image with the depth nearest in time."""
    images, depths = (dict(_list(path / name)) for name in ('rgb.txt', 'depth.txt'))
    return [
        Pair(path / images[stamp], path / depths[other], 5000.0, stamp)
        for stamp, other in match([*images], [*depths], TOLERANCE).items()
    ]


def _list(path: Path) -> list[tuple[int, str]]:
    """Lines 'time file' as (ns, file), sorted."""
    table = read_table(path)
    if any(len(row) < 2 for row in table.rows) or not table.rows:
        raise MdepthError(f"{path} must hold lines 'seconds file'")
    return sorted(zip(table.times(), table.column(1), strict=True))
