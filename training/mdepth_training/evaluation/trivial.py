# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What needs no learning, and what a model must beat: constant maps and flat ground."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import MAX_RANGE
from mdepth_ros.model.file import ModelCard
from mdepth_ros.synthetic import Drive
from mdepth_training.config import load_experiment
from mdepth_training.data.synthetic import experiment_camera, synthetic_drive

STEP = 8  # frames of a drive
DRIVES = 24  # of a training world, at most
Depth = NDArray[np.float64]


def depth_statistics(drives: Iterable[Drive]) -> dict[str, Depth]:
    """Per-pixel mean, median and harmonic mean of every STEP-th depth [h, w], capped at 80 m."""
    depths = [drive.render(range(0, drive.frames, STEP)).depth.numpy() for drive in drives]
    stack = np.minimum(np.concatenate(depths).astype(np.float64), MAX_RANGE)
    return {
        'per-pixel mean': stack.mean(0),
        'per-pixel median': np.median(stack, axis=0),
        'per-pixel harmonic mean': 1 / (1 / stack).mean(0),
    }


def training_prior(model: Path, card: ModelCard, experiment: Path | None) -> dict[str, Depth]:
    """Per-pixel harmonic mean of the depth of the training drives [h, w], metres.

    Of the experiment that trained the model: the given file, or `experiment.yaml` beside the
    model. Empty where there is none, or where the training data has no depth. Raises MdepthError
    where it is the experiment of a model of another size.
    """
    beside = model.parent / 'experiment.yaml'
    if experiment is None and not beside.is_file():
        return {}
    config = load_experiment(experiment or beside)
    if config.data.recordings:
        return {}
    if config.input_size != card.input_size:
        sizes = ('x'.join(map(str, size)) for size in (config.input_size, card.input_size))
        raise MdepthError(f'{experiment or beside} is of {" images, the model of ".join(sizes)}')
    camera, world = experiment_camera(config), config.data.synthetic

    drives = (
        synthetic_drive(config.data, camera, world.first_seed + index, world.frames)
        for index in track(range(min(DRIVES, world.drives)), description='the training world')
    )
    return {'mean of its world': depth_statistics(drives)['per-pixel harmonic mean']}


def flat_ground(
    camera: Camera, height: float, wall: float | None = None, far: float = MAX_RANGE
) -> Depth:
    """Depth of level ground `height` metres below the camera, [h, w], nothing beyond `far`.

    With `wall`, vertical walls stand that many metres to the left and to the right.
    """
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    with np.errstate(divide='ignore'):
        depth = np.where(v > camera.cy, height * camera.fy / (v - camera.cy), np.inf)
        if wall is not None:
            depth = np.minimum(depth, wall * camera.fx / np.abs(u - camera.cx))
    return np.minimum(depth, far)
