# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""KITTI raw (Geiger et al. 2013) and the sequences of its odometry set, as drives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import list_images
from mdepth_ros.sources.kitti import (
    intrinsics_of,
    is_odometry,
    raw_images,
    raw_projection,
    sequence_images,
    sequence_projection,
)
from mdepth_training.data.drive import Drive, StereoCamera
from mdepth_training.data.folder import first_folders, first_size

RAW_CAMERAS = ('image_02', 'image_03')
# Colour, grey, and the name that some excerpts give to the left one.
SEQUENCE_CAMERAS = (('image_2', 'image_3'), ('image_0', 'image_1'), ('image_l',))


def raw_folders(path: Path) -> list[Path]:
    """Return the raw drives in a path: one drive, a date, or the root with its dates."""

    def is_raw(folder: Path) -> bool:
        return any((folder / camera / 'data').is_dir() for camera in RAW_CAMERAS)

    return first_folders(path, is_raw, '*_sync', '*/*_sync')


def raw_drives(path: Path, stereo: bool) -> list[Drive]:
    """Return one drive for each colour camera of each raw drive; its name says which."""
    drives = []
    for folder in raw_folders(path):
        cameras = [camera for camera in RAW_CAMERAS if list_images(folder / camera / 'data')]
        drives += _drives(folder, cameras, raw_images, raw_projection, stereo)
    return drives


def sequence_folders(path: Path) -> list[Path]:
    """Return the odometry sequences in a path: one, the folder of all, or the root."""
    return first_folders(path, is_odometry, '*/', 'sequences/*/')


def sequence_drives(path: Path, stereo: bool) -> list[Drive]:
    """Return one drive for each camera of each sequence, colour where there is colour."""
    drives = []
    for folder in sequence_folders(path):
        pairs = ([c for c in cameras if list_images(folder / c)] for cameras in SEQUENCE_CAMERAS)
        cameras = next((pair for pair in pairs if pair), [])
        drives += _drives(folder, cameras, sequence_images, sequence_projection, stereo)
    return drives


def _drives(
    folder: Path,
    cameras: Sequence[str],
    images_of: Callable[[Path, str], tuple[list[Path], list[int]]],
    projection_of: Callable[[Path, str], NDArray[np.float64]],
    stereo: bool,
) -> list[Drive]:
    drives, offsets = [], []
    for camera in cameras:
        images, stamps = images_of(folder, camera)
        # Where the PNG lies beside a JPEG of it, one of them is enough.
        once = {image.stem: (image, stamp) for image, stamp in zip(images, stamps, strict=True)}
        images, stamps = (list(column) for column in zip(*once.values(), strict=True))
        P = projection_of(folder, camera)
        try:
            view = intrinsics_of(P).camera(*first_size(images))
        except MdepthError as error:
            raise MdepthError(f'{folder.name}/{camera}: {error}') from None
        drives.append(Drive(f'{folder.name}/{camera}', images, stamps, view))
        # P = K [I | t], and t is where rectified camera 0 lies in this camera.
        offsets.append(np.linalg.solve(P[:, :3], P[:, 3]))
    if not stereo or len(drives) < 2:
        return drives
    left, right = drives
    return [
        replace(left, stereo=_second_camera(left, right, offsets[1] - offsets[0])),
        replace(right, stereo=_second_camera(right, left, offsets[0] - offsets[1])),
    ]


def _second_camera(drive: Drive, other: Drive, offset: NDArray[np.float64]) -> StereoCamera:
    known = {image.stem: image for image in other.images}
    # A name that is not there is one that the checks report.
    missing = other.images[0].parent
    images = [known.get(image.stem, missing / image.name) for image in drive.images]
    T_stereo_current = np.eye(4)
    T_stereo_current[:3, 3] = offset
    return StereoCamera(images, other.camera, T_stereo_current)
