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
from mdepth_ros.sources.folder import read_folder, read_image
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
    drives = [(folder, *read_folder(folder)) for folder in drives_with_truth(path)]
    if not drives:
        raise MdepthError(
            f'{path}: no drive has a truth: extract with --truth-cloud, --truth-depth or '
            '--truth-odometry'
        )

    def read(shots: Shots) -> Iterator[Shot]:
        for drive in drives:
            yield from with_neighbours(_shots(shots, *drive), options.interval)

    return Shots(path.name, sum(len(images) for _, images, _, _ in drives), read)


def _shots(
    shots: Shots,
    folder: Path,
    images: Sequence[Path],
    stamps: Sequence[int],
    intrinsics: Intrinsics,
) -> Iterator[Shot]:
    camera_of, truth = intrinsics.for_images(), folder / 'truth'
    file = truth / 'poses.txt'
    poses = read_trajectory(file) if file.is_file() else None
    for stamp, path in zip(stamps, images, strict=True):
        image = read_image(path)
        camera = camera_of(image.shape[1], image.shape[0])
        depth = truth / 'depth' / f'{path.stem}.png'
        yield Shot(
            path.stem,
            Frame(stamp, image, camera),
            truth=shots.truth(read_depth, depth, UNITS) if depth.is_file() else None,
            camera=camera,
            pose=None if poses is None else pose_at(poses, stamp),
            drive=folder.name,
        )
