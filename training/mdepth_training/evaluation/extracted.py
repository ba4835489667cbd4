# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives that `mdepth-train extract` made, with the truth that it kept for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import read_trajectory
from mdepth_ros.report.poses import pose_at
from mdepth_ros.sources.folder import read_folder, read_image
from mdepth_ros.sources.intrinsics import Intrinsics
from mdepth_training.data.truth import UNITS
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
        for folder, images, stamps, intrinsics in drives:
            names = dict(zip(stamps, images, strict=True))
            file = folder / 'truth' / 'poses.txt'
            poses = read_trajectory(file) if file.is_file() else None
            for frame, previous, following in with_neighbours(
                _frames(names, intrinsics), options.interval
            ):
                depth = folder / 'truth' / 'depth' / f'{names[frame.stamp].stem}.png'
                yield Shot(
                    names[frame.stamp].stem,
                    frame,
                    previous,
                    following,
                    shots.truth(partial(read_depth, depth, UNITS)) if depth.is_file() else None,
                    frame.camera,
                    pose=None if poses is None else pose_at(poses, frame.stamp),
                    drive=folder.name,
                )

    return Shots(path.name, sum(len(images) for _, images, _, _ in drives), read)


def _frames(images: Mapping[int, Path], intrinsics: Intrinsics) -> Iterator[Frame]:
    camera = intrinsics.for_images()
    for stamp, path in images.items():
        image = read_image(path)
        yield Frame(stamp, image, camera(image.shape[1], image.shape[0]))
