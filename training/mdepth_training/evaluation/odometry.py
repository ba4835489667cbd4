# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sequences of KITTI odometry with their true poses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_files, read_poses
from mdepth_ros.sources.kitti import KittiSource
from mdepth_training.data.kitti import sequence_folders
from mdepth_training.evaluation.shots import Array, Options, Shot, Shots, with_neighbours

TEST = ('09', '10')


def open_odometry(path: Path, options: Options) -> Shots:
    """The frames of a sequence; of many, those of 09 and 10, on which the papers test.

    Poses are those of the left grey camera, as the benchmark has them. Raises MdepthError where
    there are none.
    """
    folders = sequence_folders(path)
    chosen = [folder for folder in folders if folder.name in TEST] if len(folders) > 1 else folders
    known = [(folder, _poses(folder)) for folder in chosen or folders]
    known = [(folder, poses) for folder, poses in known if poses]
    if not known:
        raise MdepthError(f'{path}: no poses.txt beside the images and no poses/NN.txt of the set')
    sources = [KittiSource(folder, camera=options.topic) for folder, _ in known]

    def read(_: Shots) -> Iterator[Shot]:
        for folder, poses in known:
            shots = (
                Shot(
                    f'{frame.stamp / 1e9:.3f}',
                    frame,
                    pose=poses.get(frame.stamp),
                    drive=folder.name,
                )
                for frame in KittiSource(folder, camera=options.topic)
            )
            yield from with_neighbours(shots, options.interval)

    names = ', '.join(folder.name for folder, _ in known)
    return Shots(names, sum(source.total or 0 for source in sources), read)


def _poses(folder: Path) -> dict[int, Array]:
    """Poses by stamp, empty where there are none."""
    for file in pose_files(folder):
        if file.is_file():
            poses, _ = read_poses(file, folder)
            return dict(zip(poses.stamps.tolist(), poses.poses, strict=True))
    return {}
