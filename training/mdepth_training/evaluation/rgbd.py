# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with a depth image each: NYU Depth v2 as PNG files, TUM RGB-D, and the like."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import read_trajectory
from mdepth_ros.geometry import Camera
from mdepth_ros.report.bags import match
from mdepth_ros.report.poses import pose_at
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
        return _partners(of_scenes, 'sync_depth_', 'rgb_', 1000.0)
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

    def frame(pair: Pair) -> Frame:
        image = read_image(pair.image)
        height, width = image.shape[:2]
        camera = unknown_camera(image, options)
        if given is not None:
            camera = given.camera(width, height)
        elif known is not None:
            camera = known.scaled(width, height)
        return Frame(pair.stamp or 0, image, camera)

    def shot(
        shots: Shots,
        pair: Pair,
        frame: Frame,
        before: Frame | None = None,
        after: Frame | None = None,
        pose: Array | None = None,
    ) -> Shot:
        depth = shots.truth(partial(read_depth, pair.depth, pair.per_metre))
        shape = frame.image.shape[:2]
        if (depth is not None and depth.shape != shape) or frame.camera != frame.camera.pinhole():
            raise MdepthError(f'{pair.depth}: not the view of {pair.image.name}, undistorted')
        name = str(pair.image.relative_to(path))
        drive = '' if pair.stamp is None else path.name
        return Shot(name, frame, before, after, depth, frame.camera, None, pose, drive)

    def read(shots: Shots) -> Iterator[Shot]:
        if pairs[0].stamp is None:
            yield from (shot(shots, pair, frame(pair)) for pair in pairs)
            return
        by_stamp = {pair.stamp: pair for pair in pairs}
        file = path / 'groundtruth.txt'
        poses = read_trajectory(file) if file.is_file() else None
        for view, before, after in with_neighbours(map(frame, pairs), options.interval):
            pose = None if poses is None else pose_at(poses, view.stamp)
            yield shot(shots, by_stamp[view.stamp], view, before, after, pose)

    return Shots(path.name, len(pairs), read, notes)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _units(depth: Path) -> float:
    return 1000.0 if depth.suffix == '.pgm' else 5000.0


def _partners(depths: list[Path], prefix: str, other: str, units: float) -> list[Pair]:
    found = []
    for depth in depths:
        for ending in ('.jpg', '.png'):
            image = depth.with_name(other + depth.stem[len(prefix) :] + ending)
            if image.is_file():
                found.append(Pair(image, depth, units))
                break
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
