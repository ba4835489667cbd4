# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An untrained model, predictions that a test decides, and small trees in the layouts of data.

Their pictures are noise, their depths are known.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.evaluation.shots import Shot
from numpy.typing import NDArray

from mdepth_ros.core.types import FramePair, Prediction
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125))
    card = ModelCard(
        name='tiny', network=network.config, input_size=(64, 96),
        camera=(0.58, 1.92, 0.5, 0.5), frame_interval=0.1, metres_per_unit=4.0,
        method='untrained', data='none', licence='Apache-2.0',
    )  # fmt: skip
    save_model(tmp_path / 'tiny.safetensors', network, card)
    return tmp_path / 'tiny.safetensors'


class Given:
    """A predictor that sees what it is told, of the whole image, in the order of the shots."""

    def __init__(
        self,
        depths: list[NDArray[Any]],
        unit: float | None = None,
        motions: list[NDArray[Any]] | None = None,
    ) -> None:
        self.card = SimpleNamespace(name='given', metres_per_unit=unit)
        self.perception = SimpleNamespace(warnings=[])
        self._depths = iter(depths)
        self._motions = iter(motions or [np.eye(4)] * len(depths))

    def __call__(self, shot: Shot, parts: Collection[str] = ()) -> tuple[Prediction, FramePair]:
        depth = next(self._depths).astype(np.float32)
        assert shot.camera is not None
        camera = shot.camera.scaled(depth.shape[1], depth.shape[0])
        seen, even = np.ones(depth.shape, bool), np.ones(depth.shape, np.float32)
        picture = np.zeros((*depth.shape, 3), np.uint8)
        prediction = Prediction(depth, next(self._motions), even, camera, picture, seen, {})
        reason = '' if shot.previous else 'no previous frame'
        return prediction, FramePair(shot.frame, shot.previous or shot.frame, reason)


@pytest.fixture
def given() -> Callable[..., Any]:
    return Given


@pytest.fixture
def camera() -> Callable[[int, int], Camera]:
    """A camera of KITTI's field of view for images of a width and a height."""
    return lambda width, height: Camera.from_normalised(width, height, 0.58, 1.92, 0.5, 0.5)


@pytest.fixture
def trees() -> ModuleType:
    """What follows: sizes, the calibration, and the functions that write a tree."""
    return sys.modules[__name__]


WIDTH, HEIGHT = 124, 38
P = np.array([[72.0, 0, 60.5, 4.5], [0, 72.0, 17.5, 0.2], [0, 0, 1, 0.003]])
# The lidar looks along x, z up; the camera along z, y down, 0.27 m before it.
R_CAMERA_LIDAR = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
T_CAMERA_LIDAR = np.array([0.0, -0.08, -0.27])


def picture(path: Path, seed: int, width: int = WIDTH, height: int = HEIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (width, height)))


def depth_image(path: Path, metres: NDArray[np.float64], per_metre: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(metres * per_metre).astype(np.uint16))


def scan(count: int = 2000) -> NDArray[np.float32]:
    """Points [N, 4] around the lidar."""
    random = np.random.default_rng(5)
    xyz = random.uniform([-20, -15, -2], [60, 15, 3], (count, 3))
    return np.column_stack([xyz, np.ones(count)]).astype(np.float32)


def kitti_raw(root: Path, drive: str, numbers: list[int]) -> Path:
    """A drive with pictures and scans of these numbers; returns its folder."""
    date = root / drive[:10]
    for number in numbers:
        picture(date / drive / 'image_02' / 'data' / f'{number:010d}.png', number)
        file = date / drive / 'velodyne_points' / 'data' / f'{number:010d}.bin'
        file.parent.mkdir(parents=True, exist_ok=True)
        scan().tofile(file)
    text = ' '.join(map(str, P.ravel()))
    (date / 'calib_cam_to_cam.txt').write_text(
        f'calib_time: 09-Jan-2012\nR_rect_00: 1 0 0 0 1 0 0 0 1\nP_rect_02: {text}\n'
    )
    rotation, shift = (' '.join(map(str, x.ravel())) for x in (R_CAMERA_LIDAR, T_CAMERA_LIDAR))
    (date / 'calib_velo_to_cam.txt').write_text(
        f'calib_time: 15-Mar-2012\nR: {rotation}\nT: {shift}\n'
    )
    return date / drive


def cityscapes(root: Path) -> Path:
    """Two images of val with disparities, one with its sequence, one with labels."""
    for number, sequence in ((19, True), (40, False)):
        name = f'bonn_000003_{number:06d}'
        for other in range(number - 2, number + 3) if sequence else ():
            path = root / 'leftImg8bit_sequence' / 'val' / 'bonn'
            picture(path / f'bonn_000003_{other:06d}_leftImg8bit.png', other, 256, 128)
        picture(root / 'leftImg8bit/val/bonn' / f'{name}_leftImg8bit.png', number, 256, 128)
        disparity = np.full((128, 256), 40.0)
        disparity[:, :100] = 0  # unknown
        raw = np.where(disparity > 0, disparity * 256 + 1, 0)
        depth_image(root / 'disparity/val/bonn' / f'{name}_disparity.png', raw, 1)
        camera = root / 'camera/val/bonn' / f'{name}_camera.json'
        camera.parent.mkdir(parents=True, exist_ok=True)
        intrinsic = {'fx': 2262.0, 'fy': 2265.0, 'u0': 1096.0, 'v0': 513.0}
        camera.write_text(
            json.dumps({'intrinsic': intrinsic, 'extrinsic': {'baseline': 0.209313}})
        )
    labels = np.full((128, 256), 7, np.uint16)  # road
    labels[50:60, 120:140] = 26001  # a car
    labels[20:30, 30:46] = 24003  # a person of less than 0.5 %
    labels[60:70, 200:220] = 33  # bicycles that are not told apart
    labels[10:30, 200:220] = 17000  # a pole
    path = root / 'gtFine/val/bonn/bonn_000003_000040_gtFine_instanceIds.png'
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), labels)
    return root


def tum(folder: Path, count: int = 3, late: float = 0.005) -> Path:
    """A sequence of TUM RGB-D: image n is of a wall at n + 1 metres, its depth comes `late`."""
    for name in ('rgb', 'depth'):
        lines = ['# time file']
        for n in range(count):
            file = folder / name / (f'{100 + 0.1 * n:.4f}.png' if name == 'rgb' else f'{n}.png')
            if name == 'rgb':
                picture(file, n, 64, 48)
            else:
                depth_image(file, np.full((48, 64), 1.0 + n), 5000)
            time = 100 + 0.1 * n + (late if name == 'depth' else 0)
            lines.append(f'{time:.4f} {name}/{file.name}')
        (folder / f'{name}.txt').write_text('\n'.join(lines))
    (folder / 'groundtruth.txt').write_text('100.101 1 2 3 0 0 0 1\n')
    return folder


def ddad(root: Path) -> Path:
    """A scene of two images; the lidar is 1 m to the right of the camera, its points at z 8."""
    names, turn = ['CAMERA_01', 'LIDAR'], {'qw': 1.0, 'qx': 0.0, 'qy': 0.0, 'qz': 0.0}
    k = {'fx': 60.0, 'fy': 60.0, 'cx': 30.0, 'cy': 20.0, 'skew': 0.0}
    points = np.array([[x - 1.0, y, 8.0, 0.5] for x in (-2, 0, 2) for y in (-1, 1)])
    points = np.concatenate([points, [[-1.0, 0, 250, 0], [-1, 0, -5, 0]]])
    data, samples = [], []
    for n in range(2):
        stem = f'{15620000000000000 + n * 1000000}'
        camera, scan = f'rgb/CAMERA_01/{stem}.png', f'point_cloud/LIDAR/{stem}.npz'
        picture(root / camera, n, 61, 41)
        (root / scan).parent.mkdir(parents=True, exist_ok=True)
        np.savez(root / scan, data=points)
        for name, kind, file, x in (
            ('CAMERA_01', 'image', camera, 5.0 + n),
            ('LIDAR', 'point_cloud', scan, 6.0 + n),
        ):
            pose = {'translation': {'x': x, 'y': 0.0, 'z': 0.0}, 'rotation': turn}
            datum = {kind: {'filename': file, 'pose': pose}}
            data.append({'key': f'{name}{n}', 'id': {'name': name}, 'datum': datum})
        keys = [f'{name}{n}' for name in names]
        samples.append({'datum_keys': keys, 'calibration_key': 'c'})
    (root / 'calibration').mkdir()
    calibration = {'names': names, 'intrinsics': [k, k]}
    (root / 'calibration' / 'c.json').write_text(json.dumps(calibration))
    (root / 'scene_1.json').write_text(json.dumps({'data': data, 'samples': samples}))
    return root


def extracted(root: Path, poses: int = 6) -> Path:
    """A dataset folder with one drive along z at 10 m/s; the truth of depth for every second."""
    drive, wall = root / 'city', np.full((HEIGHT, WIDTH), 7.5)
    for number in range(poses):
        picture(drive / f'{number:06d}.png', 0)
        if number % 2:
            depth_image(drive / 'truth/depth' / f'{number:06d}.png', wall, 256)
    (drive / 'truth').mkdir(exist_ok=True)
    stamps = [f'{5 + 0.1 * number:.9f}' for number in range(poses)]
    (drive / 'times.txt').write_text('\n'.join(stamps))
    lines = [f'{stamp} 0 0 {number} 0 0 0 1' for number, stamp in enumerate(stamps)]
    (drive / 'truth' / 'poses.txt').write_text('\n'.join(lines))
    fx, fy, cx, cy = P[0, 0], P[1, 1], P[0, 2], P[1, 2]
    (drive / 'intrinsics.txt').write_text(f'fx {fx}\nfy {fy}\ncx {cx}\ncy {cy}\n')
    (root / 'dataset.json').write_text('{}')
    return root
