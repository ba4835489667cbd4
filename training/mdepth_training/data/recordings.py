# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Datasets that `extract` made as drives; bags and videos by way of one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import CALIBRATIONS
from mdepth_ros.sources.recording import is_recording
from mdepth_training.data.drive import Drive, StereoCamera
from mdepth_training.data.extract import extract, read_dataset_file
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.folder import folder_drive


def is_dataset(path: Path) -> bool:
    """Whether a path is a folder that `extract` made, or one of its drives."""
    return bool(_drive_folders(path))


def read_dataset(path: Path, stereo: bool = False) -> list[Drive]:
    """The drives of a folder that `extract` made, or the one that it is; none if it is neither.

    With `stereo` those that were extracted with a second camera have it.
    """
    return [_drive(folder, stereo) for folder in _drive_folders(path)]


def _drive_folders(path: Path) -> list[Path]:
    """The folders of drives that a path stands for."""
    for folder, wanted in ((path, None), (path.parent, path.name)):
        try:
            names = sorted(read_dataset_file(folder))
        except MdepthError:
            continue  # a dataset.json of somebody else
        found = [folder / name for name in names if wanted in (None, name)]
        if found:
            return found
    return []


def _drive(folder: Path, stereo: bool) -> Drive:
    drive = folder_drive(folder)
    file = folder / 'stereo' / 'T_partner_current.txt'
    if not stereo or not file.is_file():
        return drive
    other = folder_drive(folder / 'stereo')
    # By name: an image that was lost costs its triplet, and shifts no other.
    images = [folder / 'stereo' / image.name for image in drive.images]
    try:
        T = np.loadtxt(file).reshape(4, 4)
        if not np.isfinite(T).all():
            raise ValueError
    except ValueError:
        raise MdepthError(f'{file} is not a matrix of 4x4: extract the drive again') from None
    return replace(drive, stereo=StereoCamera(images, other.camera, T))


def extracted(
    path: Path, cache: Path, input_size: tuple[int, int] | None = None, frame_interval: float = 0.1
) -> Path:
    """The dataset in `cache` that a bag or video is extracted into, once.

    A bag must have one camera with camera_info, a video its calibration beside it: VIDEO.yaml,
    VIDEO.txt or one of mdepth_ros.sources.folder.CALIBRATIONS. All else takes `extract`.
    """
    options = Options(frame_interval=frame_interval)
    if input_size is not None:
        options = replace(options, input_size=input_size)
    if not is_recording(path):
        options = replace(options, intrinsics=str(_calibration(path)))
    # A calibration that was mended, or a bag that was recorded again, is another dataset.
    told = repr((path.resolve(), options, options.state(path)))
    if not is_recording(path):
        told += ' times of the file'  # older versions counted the images of a video
    key = hashlib.sha256(told.encode()).hexdigest()[:12]
    folder = cache / f'extracted-{path.stem}-{key}'
    try:
        extract([path], folder, options)
    except MdepthError as error:
        hint = ' (options: mdepth-train extract)' if ' --' in str(error) else ''
        raise MdepthError(f'{error}{hint}') from None
    return folder


def _calibration(video: Path) -> Path:
    beside = [video.with_suffix(suffix) for suffix in ('.yaml', '.txt')]
    beside += [video.parent / name for name in CALIBRATIONS]
    found = next((file for file in beside if file.is_file()), None)
    if found is None:
        raise MdepthError(
            f'{video} says nothing about its camera: put {beside[0].name} or intrinsics.txt '
            'beside it, or run mdepth-train extract with --intrinsics'
        )
    return found
