# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes' video snippets (Cordts et al. 2016): leftImg8bit_sequence with camera/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import list_images
from mdepth_ros.texts import read_json
from mdepth_training.data.checks import Findings
from mdepth_training.data.drive import Drive, StereoCamera
from mdepth_training.data.folder import first_size

LEFT, RIGHT = 'leftImg8bit_sequence', 'rightImg8bit_sequence'
RATE = 17.0
# The lowest quarter shows the car's own bonnet.
KEPT_ROWS = 0.75
_NAME = re.compile(r'(.+_\d{6})_(\d{6})_leftImg8bit$')


def city_folders(path: Path) -> list[Path]:
    """Return the folders of the cities in a path: the root (its training part), a part, a city."""
    if (path / LEFT).is_dir():
        return sorted(city for part in (path / LEFT).glob('train*/') for city in part.glob('*/'))
    if LEFT not in path.parts:
        return []
    below = 2 - (len(path.parts) - 1 - path.parts.index(LEFT))
    if below <= 0:
        return [path]
    return sorted(folder for folder in path.glob('/'.join('*' * below)) if folder.is_dir())


def cityscapes_drives(path: Path, stereo: bool, findings: Findings) -> list[Drive]:
    """Return one drive for each snippet; those without a camera file are left out and reported."""
    drives = []
    for city in city_folders(path):
        for name, numbers, images in _snippets(list_images(city)):
            found = _camera_file(city, name, numbers)
            if found is None:
                findings.add('snippets without a file in camera/', images[0])
            else:
                drives.append(_drive(name, numbers, images, found, stereo))
    return drives


def _snippets(images: list[Path]) -> Iterator[tuple[str, list[int], list[Path]]]:
    """Cut the images of a city, sorted by name, where the sequence or the numbering breaks."""
    name, numbers, run = '', [0], list[Path]()
    for image in images:
        match = _NAME.search(image.stem)
        if match is None:
            continue
        if run and (match[1], int(match[2])) != (name, numbers[-1] + 1):
            yield name, numbers, run
            run = []
        if not run:
            name, numbers = match[1], []
        numbers.append(int(match[2]))
        run.append(image)
    if run:
        yield name, numbers, run


def _camera_file(city: Path, name: str, numbers: list[int]) -> Path | None:
    """Find the calibration: of a frame of the snippet (the 20th has one), else of its sequence."""
    folder = city.parents[2] / 'camera' / city.parent.name / city.name
    files = sorted(folder.glob(f'{name}_*_camera.json'))
    inside = [file for file in files if int(file.stem.split('_')[-2]) in set(numbers)]
    return next(iter(inside or files), None)


def calibration(path: Path) -> tuple[tuple[float, float, float, float], float]:
    """Read (fx, fy, cx, cy) and the baseline in metres; MdepthError for another file."""
    try:
        tree = read_json(path)
        fx, fy, cx, cy = (float(tree['intrinsic'][key]) for key in ('fx', 'fy', 'u0', 'v0'))
        return (fx, fy, cx, cy), float(tree['extrinsic']['baseline'])
    except (OSError, ValueError, KeyError, TypeError):
        raise MdepthError(f'{path} is no camera file of Cityscapes: restore it') from None


def _drive(name: str, numbers: list[int], images: list[Path], file: Path, stereo: bool) -> Drive:
    intrinsics, baseline = calibration(file)
    camera = Camera(*first_size(images), *intrinsics)
    return Drive(
        name=f'{name}_{numbers[0]:06d}',
        images=images,
        stamps=[round(number * 1e9 / RATE) for number in numbers],
        camera=camera,
        stereo=_second_camera(images, camera, baseline) if stereo else None,
        kept_rows=KEPT_ROWS,
    )


def _second_camera(images: list[Path], camera: Camera, baseline: float) -> StereoCamera | None:
    """The right camera: rectified with the left one, `baseline` metres to its right."""
    root = images[0].parents[3]
    right = [
        root / RIGHT / image.relative_to(root / LEFT).with_name(
            image.name.replace('leftImg8bit', 'rightImg8bit')
        )
        for image in images
    ]  # fmt: skip
    T_stereo_current = np.eye(4)
    T_stereo_current[0, 3] = -baseline
    return StereoCamera(right, camera, T_stereo_current) if (root / RIGHT).is_dir() else None
