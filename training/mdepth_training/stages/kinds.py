# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of stages that every method has: fit, labels, evaluate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

import typer

from mdepth_training.labels import LabelMaker, write_labels
from mdepth_training.source import open_source
from mdepth_training.stages.pseudo import stage_maker
from mdepth_training.stages.stage import Stage

MAKERS: Mapping[str, Callable[[Stage], LabelMaker]] = {'pseudo': stage_maker}
"""Labels that can be made for every method."""


def makers_of(stage: Stage) -> dict[str, Callable[[Stage], LabelMaker]]:
    """What makes labels in a stage, by name: for every method, and for its own."""
    return {**MAKERS, **stage.settings.method.learner().makers}


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
    experiment = stage.experiment
    maker = makers_of(stage)[stage.maker](stage)
    source = open_source(experiment, stage.cache or stage.folder, maker.reads)
    return write_labels(
        maker,
        source,
        stage.made_labels,
        {
            'method': f'{experiment.method.name} {stage.maker}',
            'settings': asdict(stage.settings.method),
            'made_of': stage.made_of(),
        },
        str(stage.record().get('command', '')),
        what=f'labels of {stage.name}',
        batch_size=experiment.training.batch_size,
        workers=experiment.data.workers,
        end=end,
    )


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
