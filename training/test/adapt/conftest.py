# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny model, and recordings that are made here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

COUNT = 60


@pytest.fixture(scope='session')
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of 96x64."""
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125))
    card = ModelCard(
        name='tiny', network=network.config, input_size=(64, 96),
        camera=(0.58, 1.92, 0.5, 0.5), frame_interval=0.1, metres_per_unit=4.0,
        method='untrained', data='none', licence='Apache-2.0', calibration={'scale spread': 0.1},
    )  # fmt: skip
    path = tmp_path_factory.mktemp('model') / 'tiny.safetensors'
    save_model(path, network, card)
    return path


def write_drive(folder: Path, count: int = COUNT, step: int = 3, poses: bool = False) -> Path:
    """Grey images of 96x64 that glide by `step` pixels, 0.1 s apart; 0: the camera stands."""
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(0, 255, (22, 40 + count)).astype(np.float32)
    size = 3 * noise.shape[1], 64
    large = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC).clip(0, 255)
    for number in range(count):
        view = large[:, step * number : step * number + 96].astype(np.uint8)
        cv2.imwrite(str(folder / f'{number:06d}.png'), view)
    (folder / 'times.txt').write_text(''.join(f'{0.1 * n:.9f}\n' for n in range(count)))
    (folder / 'intrinsics.txt').write_text('fx 60\nfy 60\ncx 47.5\ncy 31.5\n')
    if poses:
        lines = [f'1 0 0 {0.5 * n} 0 1 0 0 0 0 1 0' for n in range(count)]
        (folder / 'poses.txt').write_text('\n'.join(lines) + '\n')
    return folder


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Sixty images with poses."""
    return write_drive(tmp_path / 'monday', poses=True)
