# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small trees in the layouts of the datasets: image n of a drive is a texture shifted by 3n."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data import Drive

from mdepth_ros.geometry import Camera

WIDTH, HEIGHT = 124, 38
K = (72.0, 71.0, 60.5, 17.5)


def texture(shift: float, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Smooth blobs that a moving camera would see; the same for the same shift."""
    noise = np.random.default_rng(0).uniform(0, 255, (12, 80, 3)).astype(np.float32)
    large = cv2.resize(noise, (8 * width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    move = np.float32([[1, 0, -shift], [0, 1, 0]])
    return cv2.warpAffine(large, move, (width, height)).astype(np.uint8)


def write_images(folder: Path, names: Iterable[str], **size: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), texture(3 * number, **size))
    return paths


def projection(offset: float) -> str:
    """P = K [I | t] of a rectified camera that sees rectified camera 0 at x = offset."""
    fx, fy, cx, cy = K
    return f'{fx} 0 {cx} {fx * offset} 0 {fy} {cy} 0 0 0 1 0'


@pytest.fixture
def kitti_raw(tmp_path: Path) -> Path:
    """One date with two drives: eight frames left and right, and five frames left."""
    root = tmp_path / 'kitti'
    date = root / '2011_09_26'
    date.mkdir(parents=True)
    (date / 'calib_cam_to_cam.txt').write_text(
        f'calib_time: 09-Jan-2012\nP_rect_02: {projection(0.06)}\nP_rect_03: {projection(-0.48)}\n'
    )
    begin = datetime(2011, 9, 26, 13, 2, 25)
    for drive, cameras, count in (('0001', (2, 3), 8), ('0002', (2,), 5)):
        for camera in cameras:
            folder = date / f'2011_09_26_drive_{drive}_sync' / f'image_0{camera}'
            write_images(folder / 'data', [f'{n:010d}.png' for n in range(count)])
            times = [begin + timedelta(seconds=0.104 * n) for n in range(count)]
            lines = [f'{time:%Y-%m-%d %H:%M:%S.%f}000' for time in times]
            (folder / 'timestamps.txt').write_text('\n'.join(lines) + '\n')
    return root


@pytest.fixture
def kitti_odometry(tmp_path: Path) -> Path:
    """Sequences 00 (colour, two cameras) and 04 (grey) with times."""
    root = tmp_path / 'odometry'
    for name, cameras in (('00', ('image_2', 'image_3', 'image_0')), ('04', ('image_0',))):
        folder = root / 'sequences' / name
        for camera in cameras:
            write_images(folder / camera, [f'{n:06d}.png' for n in range(6)])
        rows = [f'P{n}: {projection(-0.5 * (n % 2))}' for n in range(4)]
        (folder / 'calib.txt').write_text('\n'.join(rows))
        (folder / 'times.txt').write_text('\n'.join(f'{0.1 * n:e}' for n in range(6)))
    return root


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    """Two snippets of one city that differ in sequence, one of another that jumps in number."""
    root = tmp_path / 'cityscapes'
    runs = (
        ('train', 'aachen', 'aachen_000000', range(8)),
        ('train', 'aachen', 'aachen_000001', range(8)),
        ('train', 'bochum', 'bochum_000000', [*range(100, 107), *range(300, 306)]),
        ('val', 'lindau', 'lindau_000000', range(6)),
    )
    for part, city, sequence, numbers in runs:
        for side in ('left', 'right'):
            names = [f'{sequence}_{n:06d}_{side}Img8bit.png' for n in numbers]
            folder = root / f'{side}Img8bit_sequence' / part / city
            write_images(folder, names, width=128, height=64)
        calibration = root / 'camera' / part / city
        calibration.mkdir(parents=True, exist_ok=True)
        (calibration / f'{sequence}_{numbers[2]:06d}_camera.json').write_text(
            json.dumps(
                {
                    'extrinsic': {'baseline': 0.21},
                    'intrinsic': {'fx': 140.0, 'fy': 141.0, 'u0': 68.0, 'v0': 32.0},
                }
            )
        )
    return root


@pytest.fixture
def make_drive(tmp_path: Path) -> Callable[..., Drive]:
    """Make drives of images 0.1 s apart, or at the given stamps, with a pinhole camera."""

    def make(name: str = 'drive', count: int = 6, suffix: str = 'png', **values: object) -> Drive:
        images = write_images(tmp_path / name, [f'{n:06d}.{suffix}' for n in range(count)])
        values.setdefault('stamps', [n * 100_000_000 for n in range(count)])
        return Drive(name, images, camera=Camera(WIDTH, HEIGHT, *K), **values)

    return make
