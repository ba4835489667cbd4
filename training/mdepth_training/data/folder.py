# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What lies in a folder: images with a calibration, as drives, or bags and videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import video
from mdepth_ros.sources.base import by_name
from mdepth_ros.sources.folder import folder_mask, has_images, read_folder
from mdepth_ros.sources.picture import header_of
from mdepth_ros.sources.recording import is_recording, parts_of_one
from mdepth_training.data.drive import Drive


def first_folders(path: Path, wanted: Callable[[Path], bool], *below: str) -> list[Path]:
    """The path itself where it is wanted, else those of the first pattern below that has some."""
    for folders in ([path], *(sorted(path.glob(pattern)) for pattern in below)):
        if found := [folder for folder in folders if wanted(folder)]:
            return found
    return []


def recordings_in(path: Path) -> list[Path]:
    """The bags and videos that lie in a folder; empty where the folder itself is the recording.

    A bag in parts (`bag_0.mcap`, `bag_1.mcap`) is one recording, and so is every folder with a
    metadata.yaml; files of different names are different drives, perhaps of different cameras.
    """
    if not path.is_dir() or (path / 'metadata.yaml').is_file() or has_images(path):
        return []
    inside = sorted((file for file in path.iterdir() if file.name[0] != '.'), key=by_name)
    files = [file for file in inside if file.is_file() and is_recording(file)]
    if files and parts_of_one(files):
        return []
    films = [file for file in inside if file.suffix.lower() in video.SUFFIXES]
    folders = [folder for folder in inside if folder.is_dir() and is_recording(folder)]
    return sorted([*files, *films, *folders], key=by_name)


def folder_drive(path: Path) -> Drive:
    """Return the drive in a folder; what it needs is what mdepth_ros.sources.FolderSource needs.

    Raises MdepthError where images or intrinsics are missing, or belong to another size.
    """
    images, stamps, intrinsics = read_folder(path)
    try:
        camera = intrinsics.camera(*first_size(images))
    except MdepthError as error:
        raise MdepthError(f'{path}: {error}') from None
    return Drive(path.name, images, stamps, camera, mask=folder_mask(images))


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height, as the image is seen, from the header.

    None where the file is missing, cut off, too large or no image.
    """
    header = header_of(path)
    return None if header is None else header.size


def first_size(images: Sequence[Path]) -> tuple[int, int]:
    """Return width and height of the first image that has them; MdepthError where none has."""
    for image in images:
        if size := image_size(image):
            return size
    raise MdepthError(f'{images[0].parent}: no image there can be read')


def state_of(path: Path) -> str:
    """The file, its size and when it was last written: another text where it was changed."""
    try:
        about = path.stat()
    except OSError:
        return f'{path} is not there'
    return f'{path} {about.st_size} {about.st_mtime_ns}'
