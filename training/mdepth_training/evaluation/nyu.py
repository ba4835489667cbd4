# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labelled file of NYU Depth v2 (Silberman et al. 2012), as its page offers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.intrinsics import read_intrinsics
from mdepth_training.evaluation.shots import Options, Shot, Shots
from mdepth_training.labels.pseudo.network import optional

LABELLED, SPLITS = 'nyu_depth_v2_labeled.mat', 'splits.mat'
PARTS = 'images', 'rawDepths'


def is_labelled(path: Path) -> bool:
    """Tell whether a path is the file, or the folder of it."""
    return (path.name == LABELLED and path.is_file()) or (path / LABELLED).is_file()


def open_labelled(path: Path, options: Options, camera: Camera) -> Shots:
    """The 654 test images that splits.mat beside the file lists; single ones.

    The truth is rawDepths, metres of the sensor at the pixels of the image: nothing is filled in.
    Raises MdepthError for other files, and where h5py or scipy is missing.
    """
    file = path if path.is_file() else path / LABELLED
    if options.depth_unit is not None:
        raise MdepthError(f'--depth-unit means nothing for {LABELLED}, of metres: leave it out')
    if options.intrinsics is not None:
        camera = read_intrinsics(options.intrinsics).camera(camera.width, camera.height)
    numbers = _test_numbers(file.with_name(SPLITS))
    h5py = optional('h5py', 'nyu', LABELLED)

    def read(_: Shots) -> Iterator[Shot]:
        with _opened(h5py, file) as content:
            for number in numbers:
                # MATLAB's first index runs fastest: here all are in the other order.
                try:
                    image, depth = (content[part][number - 1].T for part in PARTS)
                except OSError:
                    raise MdepthError(
                        f'{file} is damaged at image {number}: fetch it again'
                    ) from None
                frame = Frame(0, np.ascontiguousarray(image), camera)
                yield Shot(
                    f'{number:04d}', frame, truth=np.asarray(depth, np.float32), camera=camera
                )

    with _opened(h5py, file) as content:
        shapes = [content[part].shape for part in PARTS]
    count, *size = shapes[0]
    side = [camera.width, camera.height]
    if size != [3, *side] or shapes[1] != (count, *side) or max(numbers) > count:
        raise MdepthError(f'{file} holds other images than {SPLITS} lists: fetch both again')
    return Shots(LABELLED, len(numbers), read)


def _test_numbers(file: Path) -> list[int]:
    """Numbers of the test images, the first image is 1."""
    if not file.is_file():
        raise MdepthError(
            f'there is no {file}, the list of the test images: fetch it from the page of '
            'NYU Depth v2'
        )
    loadmat = optional('scipy.io', 'nyu', SPLITS).loadmat
    try:
        numbers = [int(number) for number in loadmat(str(file))['testNdxs'].ravel()]
    except Exception:  # what scipy raises for a damaged file is not said anywhere
        numbers = []
    if not numbers or min(numbers) < 1:
        raise MdepthError(f'{file} has no list testNdxs: fetch it again')
    return numbers


def _opened(h5py: Any, file: Path) -> Any:
    """The file; MdepthError where it is damaged, or another one."""
    try:
        content = h5py.File(file, 'r')
    except OSError:
        raise MdepthError(f'{file} is no whole file of MATLAB 7.3: fetch it again') from None
    if not {*PARTS} <= content.keys():
        content.close()
        raise MdepthError(f'{file} has no images and rawDepths: give {LABELLED}')
    return content
