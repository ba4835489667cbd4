# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives that `mdepth-train extract` made, with the truth that it kept for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import pose_at
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.sources.folder import folder_mask, read_folder, read_image
from mdepth_ros.sources.intrinsics import Intrinsics
from mdepth_training.data.points import UNITS
from mdepth_training.evaluation.shots import (
    Options,
    Shot,
    Shots,
    read_depth,
    with_neighbours,
)


def drives_with_truth(path: Path) -> list[Path]:
    """The drives in a folder, or the folder itself, that have a truth."""
    return [folder for folder in (path, *sorted(path.glob('*/'))) if (folder / 'truth').is_dir()]


def open_extracted(path: Path, options: Options) -> Shots:
    """The images of all drives that have a truth, whether of depth or of poses."""
    folders = drives_with_truth(path)
    if not folders:
        raise MdepthError(
            f'{path}: no drive has a truth: extract with --truth-cloud, --truth-depth or '
            '--truth-odometry'
        )
    return open_folders(path.name, folders, options.interval)


def open_folders(
    name: str, folders: Sequence[Path], interval: float, last: int | None = None
) -> Shots:
    """The images of some drives of `extract`, with the truth that they have.

    interval  seconds between the two frames of a pair
    last      of each drive only the last so many images
    """
    drives = []
    for folder in folders:
        images, stamps, intrinsics = read_folder(folder)
        start = max(len(images) - (last or len(images)), 0)
        drives.append((folder, images[start:], stamps[start:], intrinsics))

    def read(shots: Shots) -> Iterator[Shot]:
        for drive in drives:
            yield from with_neighbours(_shots(shots, *drive), interval)

    return Shots(name, sum(len(images) for _, images, _, _ in drives), read)


def _shots(
    shots: Shots,
    folder: Path,
    images: Sequence[Path],
    stamps: Sequence[int],
    intrinsics: Intrinsics,
) -> Iterator[Shot]:
    camera_of, truth = intrinsics.for_images(), folder / 'truth'
    file, mask = truth / 'poses.txt', folder_mask(images)
    poses = read_trajectory(file) if file.is_file() else None
    for stamp, path in zip(stamps, images, strict=True):
        image = read_image(path)
        camera = camera_of(image.shape[1], image.shape[0])
        depth = truth / 'depth' / f'{path.stem}.png'
        yield Shot(
            path.stem,
            Frame(stamp, image, camera, mask=mask),
            truth=shots.truth(read_depth, depth, UNITS) if depth.is_file() else None,
            camera=camera,
            pose=None if poses is None else pose_at(poses, stamp),
            drive=folder.name,
        )
