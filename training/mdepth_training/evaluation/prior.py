# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a model could know of depth without looking: the mean layout of its training world."""

from __future__ import annotations

from pathlib import Path

from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard
from mdepth_training.config import load_experiment
from mdepth_training.data.synthetic import experiment_camera, synthetic_drive
from mdepth_training.evaluation.shots import Array
from mdepth_training.evaluation.trivial import depth_statistics

DRIVES = 24


def training_prior(model: Path, card: ModelCard, experiment: Path | None) -> dict[str, Array]:
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
