# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes of DDAD (Guizilini et al. 2020) with the lidar of each image."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_matrices
from mdepth_ros.evaluation.trajectory import inverse
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import read_image
from mdepth_ros.texts import read_json
from mdepth_training.data.dgp import scene_files
from mdepth_training.data.points import depth_of_points
from mdepth_training.evaluation.shots import (
    Array,
    DamagedTruthError,
    Options,
    Shot,
    Shots,
    with_neighbours,
)
from mdepth_training.evaluation.things import MaskFolder

CAMERA = 'CAMERA_01'  # the one that looks forward


@dataclass(frozen=True, eq=False)
class _Sample:
    """An image and the lidar scan that belongs to it, with their poses in the world."""

    image: Path
    intrinsics: tuple[float, float, float, float]
    pose: Array
    lidar: Path
    lidar_pose: Array

    @property
    def stamp(self) -> int:
        """Nanoseconds. File names count 100 ns; the scene's own stamps run ten times too fast."""
        return int(self.image.stem.ljust(19, '0'))

    def points(self) -> Array:
        """The scan [N, 3] in the camera; the two are not of one moment, so through the world."""
        try:
            with np.load(self.lidar) as file:
                points = np.asarray(file['data'][:, :3], np.float64)
        except (OSError, EOFError, ValueError, LookupError, BadZipFile, zlib.error):
            raise DamagedTruthError(f'{self.lidar} holds no lidar points: copy it again') from None
        T = inverse(self.pose) @ self.lidar_pose
        return np.asarray(points @ T[:3, :3].T + T[:3, 3])


def open_ddad(path: Path, options: Options) -> Shots:
    """The images of a camera, the forward one if no topic is given, each with its lidar scan."""
    scenes = [
        (file.parent.name, _samples(file, options.topic or CAMERA)) for file in scene_files(path)
    ]
    if not scenes:
        raise MdepthError(f'no scene_*.json in {path}')

    images = [sample.image.relative_to(path) for _, samples in scenes for sample in samples]
    masks = MaskFolder(options.masks, images) if options.masks is not None else None

    def shot(shots: Shots, scene: str, sample: _Sample) -> Shot:
        made = _shot(shots, scene, sample)
        size = made.frame.camera.width, made.frame.camera.height
        name = sample.image.relative_to(path)
        things = masks.things(shots, name, size) if masks else None
        return made if things is None else replace(made, moving=things > 0, things=things)

    def read(shots: Shots) -> Iterator[Shot]:
        for name, samples in scenes:
            scene = (shot(shots, name, sample) for sample in samples)
            yield from with_neighbours(scene, options.interval)

    return Shots(path.name, sum(len(samples) for _, samples in scenes), read)


def _shot(shots: Shots, scene: str, sample: _Sample) -> Shot:
    image = read_image(sample.image)
    camera = Camera(image.shape[1], image.shape[0], *sample.intrinsics)
    depth = shots.truth(lambda: depth_of_points(sample.points(), camera)[0])
    return Shot(
        sample.image.stem,
        Frame(sample.stamp, image, camera, CAMERA),
        truth=depth,
        camera=camera,
        pose=sample.pose,
        drive=scene,
    )


def _samples(scene: Path, camera: str) -> list[_Sample]:
    """The samples of a scene in time order."""
    try:
        tree = read_json(scene)
        data = {datum['key']: datum for datum in tree['data']}
        samples = []
        for sample in tree['samples']:
            named = {data[key]['id']['name']: data[key]['datum'] for key in sample['datum_keys']}
            image, lidar = named[camera]['image'], named['LIDAR']['point_cloud']
            file = scene.parent / 'calibration' / f'{sample["calibration_key"]}.json'
            calibration = read_json(file)
            k = calibration['intrinsics'][calibration['names'].index(camera)]
            samples.append(
                _Sample(
                    scene.parent / image['filename'],
                    (k['fx'], k['fy'], k['cx'], k['cy']),
                    _pose(image['pose']),
                    scene.parent / lidar['filename'],
                    _pose(lidar['pose']),
                )
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f'no {error}' if isinstance(error, KeyError) else str(error)
        raise MdepthError(f'{scene} is not a scene with {camera} and lidar: {what}') from None
    return sorted(samples, key=lambda sample: sample.stamp)


def _pose(tree: dict[str, dict[str, float]]) -> Array:
    q, t = tree['rotation'], tree['translation']
    quaternion = np.array([[q['qx'], q['qy'], q['qz'], q['qw']]])
    return np.asarray(pose_matrices(np.array([[t['x'], t['y'], t['z']]]), quaternion)[0])
