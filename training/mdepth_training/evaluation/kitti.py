# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""KITTI: raw with the Eigen list and the true depth of it, sequences of odometry with poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_files, read_poses
from mdepth_ros.evaluation.points import nearest_points
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import read_image
from mdepth_ros.sources.kitti import KittiSource, intrinsics_of, raw_projection
from mdepth_training.data.kitti import raw_folders, sequence_folders
from mdepth_training.data.points import UNITS, picked
from mdepth_training.data.split import read_split
from mdepth_training.evaluation.shots import (
    Array,
    DamagedTruthError,
    Options,
    Shot,
    Shots,
    read_depth,
    with_neighbours,
)
from mdepth_training.evaluation.things import MaskFolder

EIGEN = Path(__file__).parent / 'splits' / 'kitti_eigen_test.txt'
RATE = 10.0
TEST = ('09', '10')
CAMERAS = {'l': 'image_02', 'r': 'image_03'}
SIDES = {camera: side for side, camera in CAMERAS.items()}


def open_eigen(path: Path, options: Options) -> Shots:
    """The images of the list with the lidar of their time; all with lidar where none is there."""
    return _open(path, options, lambda drive, _, number: _scan(drive, number), _lidar)


def open_improved(path: Path, options: Options) -> Shots:
    """The images of the list that have an improved truth (652 of the 697).

    data_depth_annotated lies in the folder of the raw data or beside it, or its drives are merged
    into the raw ones.
    """
    return _open(
        path, options, partial(_annotated, path), lambda file, *_: read_depth(file, UNITS)
    )


def _open(
    path: Path,
    options: Options,
    file_of: Callable[[Path, str, int], Path | None],
    truth: Callable[[Path, Path, str, Camera], Array],
) -> Shots:
    """`file_of` gives the true depth of an image of a drive and a camera; `truth` reads it."""
    drives = {folder.name: folder for folder in raw_folders(path)}
    if not drives:
        raise MdepthError(f'no drives of KITTI raw in {path}')
    split = options.split or EIGEN
    listed = [(name, CAMERAS[side], number) for name, number, side in read_split(split)]
    images = [
        (drives[name], camera, number)
        for name, camera, number in listed
        if name in drives and _image(drives[name], camera, number)
    ]
    found = [(*image, file) for image in images if (file := file_of(*image))]
    note = f'{len(found)} of the {len(listed)} images of {split.name}'
    if not found:
        images = [
            (drive, 'image_02', int(image.stem))
            for drive in drives.values()
            for image in sorted((drive / 'image_02' / 'data').glob('*'))
            if image.stem.isdigit()
        ]
        found = [(*image, file) for image in images if (file := file_of(*image))]
        note = f'none of the images of {split.name} is here: all that have a truth are scored'
    if not found:
        raise MdepthError(
            f'{path}: no image has a truth: put velodyne_points beside image_02 of the drives, or '
            'data_depth_annotated beside them'
        )
    step = max(1, round(options.interval * RATE))
    pictures = [
        Path(drive.parent.name, drive.name, camera, 'data', f'{number:010d}')
        for drive, camera, number, _ in found
    ]
    masks = MaskFolder(options.masks, pictures, 4) if options.masks is not None else None

    def read(shots: Shots) -> Iterator[Shot]:
        for (drive, camera, number, file), picture in zip(found, pictures, strict=True):
            before, frame, after = (
                _frame(drive, camera, number + offset) for offset in (-step, 0, step)
            )
            assert frame is not None
            size = frame.camera.width, frame.camera.height
            things = masks.things(shots, picture, size) if masks else None
            yield Shot(
                f'{drive.name} {number:010d} {SIDES[camera]}',
                frame,
                before,
                after,
                shots.truth(truth, file, drive, camera, frame.camera),
                frame.camera,
                None if things is None else things > 0,
                things,
            )

    return Shots(path.name, len(found), read, [note])


def _image(drive: Path, camera: str, number: int) -> Path | None:
    files = (drive / camera / 'data' / f'{number:010d}{ending}' for ending in ('.png', '.jpg'))
    return next((file for file in files if file.is_file()), None)


def _frame(drive: Path, camera: str, number: int) -> Frame | None:
    path = _image(drive, camera, number)
    if path is None:
        return None
    image = read_image(path)
    view = intrinsics_of(raw_projection(drive, camera)).camera(image.shape[1], image.shape[0])
    return Frame(round(number * 1e9 / RATE), image, view)


def _annotated(path: Path, drive: Path, camera: str, number: int) -> Path | None:
    inside = Path('proj_depth', 'groundtruth', camera, f'{number:010d}.png')
    roots = [path, path / 'data_depth_annotated', path.parent / 'data_depth_annotated']
    files = [root / part / drive.name / inside for root in roots for part in ('val', 'train')]
    return next((file for file in [drive / inside, *files] if file.is_file()), None)


def _scan(drive: Path, number: int) -> Path | None:
    file = drive / 'velodyne_points' / 'data' / f'{number:010d}.bin'
    return file if file.is_file() else None


def _lidar(file: Path, drive: Path, camera: str, view: Camera) -> Array:
    values = np.fromfile(file, np.uint8)
    if not values.size or values.size % 16:  # x, y, z, intensity
        raise DamagedTruthError(f'{file} is no whole scan: copy it again')
    points = values.view(np.float32).reshape(-1, 4)[:, :3]
    cameras, lidar = (
        _calibration(drive.parent / f'calib_{name}.txt') for name in ('cam_to_cam', 'velo_to_cam')
    )
    try:
        T_camera_lidar = np.eye(4)
        T_camera_lidar[:3] = np.column_stack([lidar['R'].reshape(3, 3), lidar['T']])
        R = np.eye(4)
        R[:3, :3] = cameras['R_rect_00'].reshape(3, 3)
    except (KeyError, ValueError):
        raise MdepthError(
            f'{drive.parent}: calib_velo_to_cam.txt or calib_cam_to_cam.txt is not whole'
        ) from None
    P = raw_projection(drive, camera) @ R @ T_camera_lidar
    return lidar_depth(points, P, (view.height, view.width))


def lidar_depth(points: Array, projection: Array, shape: tuple[int, int]) -> Array:
    """Depth [H, W] as the evaluation of Eigen's split has it since Garg et al. 2016, 0 unknown.

    points [N, 3] of the lidar, projection [3, 4] from it to pixels that count from 1. Points
    behind the lidar are left out, pixels are rounded, of several points on one the nearest stays.
    The depth is the lidar's own x, which points forward as the camera does, 0.27 m behind it.
    """
    points = points[points[:, 0] >= 0].astype(np.float64)
    u, v, z = projection @ np.column_stack([points, np.ones(len(points))]).T
    with np.errstate(divide='ignore', invalid='ignore'):
        u, v = np.rint(u / z) - 1, np.rint(v / z) - 1
    return picked(points[:, 0], nearest_points(u, v, points[:, 0], shape))


def _calibration(path: Path) -> dict[str, Array]:
    """Lines 'name: numbers' of a calibration file."""
    try:
        lines = [line.partition(':') for line in path.read_text().splitlines()]
    except OSError as error:
        raise MdepthError(f'cannot read {path}: {error.strerror}') from None
    found = {}
    for name, _, values in lines:
        try:
            found[name] = np.array([float(word) for word in values.split()])
        except ValueError:
            continue  # the date of calibration
    return found


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
