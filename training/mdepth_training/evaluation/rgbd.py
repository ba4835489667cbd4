# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with a depth image each: NYU Depth v2 as PNG files, TUM and Bonn RGB-D, and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import pose_at
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import read_image
from mdepth_ros.sources.intrinsics import read_intrinsics
from mdepth_training.evaluation.nyu import is_labelled, open_labelled
from mdepth_training.evaluation.pairs import MILLIMETRES, Pair, require_pairs, sequences
from mdepth_training.evaluation.shots import (
    Array,
    Options,
    Shot,
    Shots,
    read_depth,
    unknown_camera,
    with_neighbours,
)
from mdepth_training.evaluation.things import MaskFolder

# fx, fy, cx, cy of 640 x 480, of the pages of the data sets. NYU's toolbox counts pixels from 1.
NYU_CAMERA = (518.857901, 519.469611, 324.582449, 252.736166)
BONN_CAMERA = (542.822841, 542.576870, 315.593520, 237.756098)
TUM_CAMERAS = {
    'freiburg1': (517.3, 516.5, 318.6, 255.3),
    'freiburg2': (520.9, 521.0, 325.1, 249.7),
    'freiburg3': (535.4, 539.2, 320.1, 247.6),
}
WITHOUT_DISTORTION = 'freiburg3'
BENT = 'the distortion of the lens is left out, as the papers do'

KnownCamera = Callable[[Pair], tuple[float, float, float, float]]


def is_bonn(path: Path) -> bool:
    """Tell whether sequences are named as those of Bonn."""
    return any('bonn' in folder.name for folder in sequences(path))


def is_tum(path: Path) -> bool:
    """Tell whether sequences are named as those of TUM."""
    return any('freiburg' in folder.name for folder in sequences(path))


def open_rgbd(path: Path, options: Options) -> Shots:
    """The pairs of a folder (see `find_pairs`); of a sequence each with the frame before."""
    pairs, notes = require_pairs(path), list[str]()
    if options.depth_unit is None:
        units = sorted({f'{pair.per_metre:g}' for pair in pairs})
        notes.append(f'{" and ".join(units)} units of depth are a metre (else give --depth-unit)')
    if options.intrinsics is None:
        notes.append("the camera is not known: the model's is assumed (give --intrinsics)")
    return _open(path, options, pairs, None, notes)


def open_nyu(path: Path, options: Options) -> Shots:
    """NYU Depth v2: the labelled file, else pairs; single images."""
    if is_labelled(path):
        return open_labelled(path, options, Camera(640, 480, *NYU_CAMERA))
    return _open(path, options, require_pairs(path), lambda _: NYU_CAMERA, [])


def open_bonn(path: Path, options: Options) -> Shots:
    """Sequences of Bonn RGB-D Dynamic, or SC-Depth's test folder of it, in millimetres.

    Without true poses: what groundtruth.txt has are poses of markers, not of the camera.
    """
    pairs, notes = require_pairs(path, MILLIMETRES), [] if options.intrinsics else [BENT]
    return _open(path, options, pairs, lambda _: BONN_CAMERA, notes, poses=False)


def open_tum(path: Path, options: Options) -> Shots:
    """Sequences of TUM RGB-D, or SC-Depth's test folder of it. The camera goes by the names."""
    pairs, notes = require_pairs(path), list[str]()
    known = {pair.sequence: _tum_camera(pair.sequence or path) for pair in pairs}
    if options.intrinsics is None and {*known.values()} - {'', WITHOUT_DISTORTION}:
        notes.append(BENT)
    if options.intrinsics is None and '' in known.values():
        notes.append(f'no name says which camera it is: that of {WITHOUT_DISTORTION} is taken')
    cameras = {folder: TUM_CAMERAS[name or WITHOUT_DISTORTION] for folder, name in known.items()}
    return _open(path, options, pairs, lambda pair: cameras[pair.sequence], notes)


def _tum_camera(folder: Path) -> str:
    return next((name for name in TUM_CAMERAS if name in folder.name), '')


def _open(
    path: Path,
    options: Options,
    pairs: Sequence[Pair],
    known: KnownCamera | None,
    notes: list[str],
    poses: bool = True,
) -> Shots:
    """`known`: of a pair, for an image of 640 x 480. The options' camera and unit go first."""
    given = read_intrinsics(options.intrinsics) if options.intrinsics else None
    images = [pair.image.relative_to(path) for pair in pairs]
    masks = MaskFolder(options.masks, images) if options.masks is not None else None

    def camera_of(pair: Pair, image: Array) -> Camera:
        height, width = image.shape[:2]
        if given is not None:
            return given.camera(width, height)
        if known is None:
            return unknown_camera(image, options)
        return Camera(640, 480, *known(pair)).scaled(width, height)

    def shots_of(shots: Shots, folder: Path | None, of: Iterator[Pair]) -> Iterator[Shot]:
        file = folder / 'groundtruth.txt' if folder is not None and poses else None
        truth = read_trajectory(file) if file is not None and file.is_file() else None
        for pair in of:
            image = read_image(pair.image)
            camera = camera_of(pair, image)
            if camera != camera.pinhole():
                raise MdepthError(f'{pair.image.name}: depth needs intrinsics without distortion')
            depth = shots.truth(read_depth, pair.depth, options.depth_unit or pair.per_metre)
            if depth is not None and depth.shape != image.shape[:2]:
                sizes = ('x'.join(map(str, one.shape[1::-1])) for one in (depth, image))
                raise MdepthError(
                    '{} is {}, its image {}: one is needed'.format(pair.depth, *sizes)
                )
            name = pair.image.relative_to(path)
            things = masks.things(shots, name, (camera.width, camera.height)) if masks else None
            yield Shot(
                str(name),
                Frame(pair.stamp or 0, image, camera),
                truth=depth,
                camera=camera,
                moving=None if things is None else things > 0,
                things=things,
                pose=None if truth is None else pose_at(truth, pair.stamp or 0),
                drive='' if folder is None else folder.name,
            )

    def read(shots: Shots) -> Iterator[Shot]:
        for folder, of in groupby(pairs, lambda pair: pair.sequence):
            made = shots_of(shots, folder, of)
            yield from made if folder is None else with_neighbours(made, options.interval)

    return Shots(path.name, len(pairs), read, notes)
