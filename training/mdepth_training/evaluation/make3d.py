# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make3D (Saxena et al. 2009): single images with a coarse laser grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import read_image
from mdepth_training.evaluation.shots import (
    Array,
    DamagedTruthError,
    Options,
    Shot,
    Shots,
    unknown_camera,
)
from mdepth_training.labels.pseudo.network import optional

_TRUTH = 'depth_sph_corr-'


def is_make3d(path: Path) -> bool:
    """Tell whether laser grids lie in a folder."""
    return bool(next(path.glob(f'**/{_TRUTH}*.mat'), None))


def open_make3d(path: Path, options: Options) -> Shots:
    """The images img-X.jpg that have a depth_sph_corr-X.mat (the 134 of Test134).

    Of images and laser grids the middle rows are kept, so that the image is twice as wide as high
    (Godard et al. 2017): 852 of 2272 rows of 1704 pixels, 21 of 55 rows of 305 depths. The camera
    is not known; depth is scored by the ratio of medians.
    """
    truths = {_key(file, _TRUTH): file for file in path.glob(f'**/{_TRUTH}*.mat')}
    images = {_key(file, 'img-'): file for file in path.glob('**/img-*.jpg')}
    names = sorted(truths.keys() & images.keys())
    if not names:
        raise MdepthError(f'{path}: no img-X.jpg with its {_TRUTH}X.mat')

    def read(shots: Shots) -> Iterator[Shot]:
        for name in names:
            image = centre_rows(read_image(images[name]), 0.5)
            camera = unknown_camera(image, options)
            grid = shots.truth(_grid, truths[name])
            if grid is not None:
                depth = laser_rows(grid)
                view = camera.scaled(depth.shape[1], depth.shape[0])
                yield Shot(name, Frame(0, image, camera), truth=depth, camera=view)

    return Shots(path.name, len(names), read, ["the camera is not known: the model's is assumed"])


def centre_rows(image: Array, share: float) -> Array:
    """The middle rows of an image [H, W, 3], `share` of its width high: 852 of 2272x1704."""
    height = image.shape[0]
    rows = round(image.shape[1] * share)
    top = (height - rows) // 2
    return image[top : top + rows]


def laser_rows(grid: Array) -> Array:
    """Rows 17:38 of the 55 of a laser grid, the part that the image's middle rows show."""
    top = (grid.shape[0] - 21) // 2
    return grid[top : top + 21]


def _key(file: Path, prefix: str) -> str:
    """What image and truth have in common; a date comes before some of the names."""
    return file.stem.removeprefix(prefix).removeprefix('10.21')


def _grid(path: Path) -> Array:
    """Depths [55, 305] in metres; needs scipy, which reads MATLAB's files."""
    loadmat = optional('scipy.io', 'make3d', 'Make3D').loadmat
    try:
        return np.asarray(loadmat(str(path))['Position3DGrid'][:, :, 3], np.float32)
    except Exception:  # what scipy raises for a damaged file is not said anywhere
        raise DamagedTruthError(f'{path} holds no laser grid Position3DGrid') from None
