# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sequences of KITTI odometry with their true poses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import Trajectory, read_trajectory
from mdepth_ros.sources.kitti import KittiSource
from mdepth_training.data.kitti import sequence_folders
from mdepth_training.evaluation.shots import Options, Shot, Shots, with_neighbours

TEST = ('09', '10')


def open_odometry(path: Path, options: Options) -> Shots:
    """The frames of a sequence; of many, those of 09 and 10, on which the papers test.

    Poses are those of the left grey camera, as the benchmark has them. Raises MdepthError where
    there are none.
    """
    folders = sequence_folders(path)
    chosen = [folder for folder in folders if folder.name in TEST] if len(folders) > 1 else folders
    found = [(folder, _poses(folder)) for folder in chosen or folders]
    known = [(folder, poses) for folder, poses in found if poses is not None]
    if not known:
        raise MdepthError(f'{path}: no poses.txt beside the images and no poses/NN.txt of the set')
    sources = [KittiSource(folder, camera=options.topic) for folder, _ in known]

    def read(_: Shots) -> Iterator[Shot]:
        for folder, poses in known:
            source = KittiSource(folder, camera=options.topic)
            by_stamp = dict(zip(poses.stamps.tolist(), poses.poses, strict=True))
            for frame, previous, following in with_neighbours(source, options.interval):
                yield Shot(
                    f'{frame.stamp / 1e9:.3f}',
                    frame,
                    previous,
                    following,
                    pose=by_stamp.get(frame.stamp),
                    drive=folder.name,
                )

    names = ', '.join(folder.name for folder, _ in known)
    return Shots(names, sum(source.total or 0 for source in sources), read)


def _poses(folder: Path) -> Trajectory | None:
    home = folder.resolve()
    times = home / 'times.txt'
    for file in (home / 'poses.txt', home.parent.parent / 'poses' / f'{home.name}.txt'):
        if file.is_file():
            return read_trajectory(file, times if times.is_file() else None)
    return None
