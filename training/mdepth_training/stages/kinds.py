# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of stages that every method has: fit, labels, evaluate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
import typer
from rich.progress import track
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_training.data import Sample, TripletSource, make_loader
from mdepth_training.labels import Kind, LabelStore, identity_of, make_origin
from mdepth_training.machine import share_cores
from mdepth_training.source import open_source
from mdepth_training.stages.stage import Stage


@dataclass(frozen=True)
class LabelMaker:
    """What makes labels; a method gives one for a stage (`Method.makers`).

    kinds  of the labels, by name
    maps   a batch on the device, its images as float32 in 0..1 -> each label [B, C, H, W]
    reads  labels of the stage's stores that each batch has
    begin  looks at all frames before the first batch; MdepthError where the labels cannot be made
    """

    kinds: Mapping[str, Kind]
    maps: Callable[[Sample], Mapping[str, Tensor]]
    reads: Sequence[str] = ()
    begin: Callable[[TripletSource], None] = lambda _: None


def fit_stage(stage: Stage, end: float | None) -> bool:
    """Learn, or go on; True where the model is there. `end`: seconds of time.time."""
    from mdepth_training.fit import fit

    if stage.made_model.exists():
        return True
    minutes = None if end is None else max((end - time.time()) / 60, 0.0)
    model = fit(stage.experiment, stage.folder, resume=True, minutes=minutes, cache=stage.cache)
    return model.exists()


def label_stage(stage: Stage, end: float | None) -> bool:
    """Write the labels of all frames that do not have them yet; True where all have."""
    experiment, device = stage.experiment, choose_device('auto')
    maker = experiment.method.learner().makers[stage.maker](stage)
    source = open_source(experiment, stage.cache or stage.folder, maker.reads)
    maker.begin(source)
    frames = source.drive_frames()
    origin = make_origin(
        f'{experiment.method.name} {stage.maker}',
        data=identity_of({drive: of_drive.stamps for drive, of_drive in frames.items()}),
        settings=asdict(stage.settings.method),
        made_of=stage.made_of(),
    )
    command = str(stage.record().get('command', ''))
    store = LabelStore.create(stage.made_labels, maker.kinds, origin, command)
    for drive, of_drive in frames.items():
        store.add_drive(drive, of_drive.stamps, of_drive.view)
    keys = source.frame_keys()
    missing = set(store.missing(keys))
    todo = [index for index, key in enumerate(keys) if key in missing]
    size, workers = experiment.training.batch_size, experiment.data.workers
    share_cores(workers)
    batches = [todo[first : first + size] for first in range(0, len(todo), size)]
    with torch.no_grad():
        loader = make_loader(source, batches, workers)
        for sample in track(loader, f'labels of {stage.name}', len(batches), disable=not batches):
            if end is not None and time.time() > end:
                return False
            maps = maker.maps(sample.on(device))
            for place, key in enumerate(sample.keys):
                store.write(key, {name: of_all[place] for name, of_all in maps.items()})
    return not store.missing(keys)


def evaluate_stage(stage: Stage, _end: float | None) -> bool:
    """Score the model as `mdepth-train evaluate` does, tables and pictures into the folder."""
    from mdepth_training.evaluation.command import evaluate

    command = typer.Typer(add_completion=False)
    command.command()(evaluate)
    command(
        [str(stage.model_file), '-o', str(stage.folder), *stage.options], standalone_mode=False
    )
    return True


KINDS: dict[str, Callable[[Stage, float | None], bool]] = {
    'fit': fit_stage,
    'labels': label_stage,
    'evaluate': evaluate_stage,
}
