# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triplets from rendered drives of the synthetic world: images and the camera, no truth."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive
from mdepth_training.config import Experiment, SyntheticData
from mdepth_training.data.sample import Sample


def experiment_camera(experiment: Experiment) -> Camera:
    """The pinhole camera at the network's input size."""
    height, width = experiment.input_size
    return Camera.from_normalised(width, height, *experiment.camera)


def synthetic_drive(data: SyntheticData, camera: Camera, seed: int, frames: int) -> Drive:
    """One drive of the world that the experiment describes."""
    world = WorldConfig(
        appearance=data.appearance, moving=data.moving, frame_interval=data.frame_interval
    )
    return make_drive(seed, frames, camera, world)


class SyntheticTriplets:
    """All triplets of the experiment's drives; rendered once into a file beside the run."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        data, self.camera = experiment.data, experiment_camera(experiment)
        height, width = experiment.input_size
        self.frames = data.frames
        key = repr((sorted(asdict(data).items()), experiment.input_size, experiment.camera))
        path = folder / f'drives-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy'
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix('.partial.npy')
            shape = (data.drives, data.frames, height, width, 3)
            images = np.lib.format.open_memmap(partial, 'w+', np.uint8, shape)
            for index in track(range(data.drives), description='rendering drives'):
                drive = synthetic_drive(data, self.camera, data.first_seed + index, data.frames)
                images[index] = drive.render(range(data.frames)).image.numpy()
            images.flush()
            partial.rename(path)
        self.images = torch.from_numpy(np.load(path, mmap_mode='c'))

    def __len__(self) -> int:
        return int(self.images.shape[0]) * (self.frames - 2)

    def batch(self, indices: Tensor) -> Sample:
        """Return the triplets of these indices [B] (see TripletSource)."""
        drive, frame = indices // (self.frames - 2), indices % (self.frames - 2)
        views = [
            self.images[drive, frame + step].permute(0, 3, 1, 2).float() / 255 for step in range(3)
        ]
        K = self.camera.matrix().float().expand(len(indices), 3, 3)
        return Sample(*views, K)
