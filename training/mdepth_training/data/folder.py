# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of images with a calibration beside them, EuRoC's cam0 among them, as drives."""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import has_images, read_folder
from mdepth_training.data.drive import Drive
from mdepth_training.data.image_file import first_size


def image_folders(path: Path) -> list[Path]:
    """Return the folders of images in a path: itself, or those that lie in it."""
    if has_images(path):
        return [path]
    return [folder for folder in sorted(path.glob('*/')) if has_images(folder)]


def folder_drive(path: Path, name: str = '') -> Drive:
    """Return the drive in a folder; what it needs is what mdepth_ros.sources.FolderSource needs.

    Raises MdepthError where images or intrinsics are missing, or belong to another size.
    """
    images, stamps, intrinsics = read_folder(path)
    try:
        camera = intrinsics.camera(*first_size(images))
    except MdepthError as error:
        raise MdepthError(f'{path}: {error}') from None
    return Drive(name or path.name, images, stamps, camera)
