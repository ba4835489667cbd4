# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recipe: the stages of a chain, read from YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_training.config import Experiment, load_experiment, read_mapping
from mdepth_training.labels.pseudo import PseudoSettings
from mdepth_training.settings import build, setting
from mdepth_training.stages.stage import Stage


@dataclass(frozen=True)
class StageSettings:
    """One stage of a recipe."""

    kind: str = setting('fit', 'fit, labels, evaluate, or one that the method brings')
    experiment: str = setting(
        '', 'its experiment, beside the recipe; none: that of the recipe, else that of its model'
    )
    set: tuple[str, ...] = setting((), 'settings of the experiment that differ, as --set has them')
    model: str = setting(
        '', 'the model that it begins with, makes labels with or scores: a stage, or a file'
    )
    teacher: str = setting('', 'fit: a frozen model that it learns from: a stage, or a file')
    labels: tuple[str, ...] = setting((), 'label stores that it reads: stages, or folders')
    maker: str = setting('', 'labels: which of the labels that the method makes, or pseudo')
    pseudo: PseudoSettings = field(default_factory=PseudoSettings)
    options: tuple[str, ...] = setting((), 'evaluate: options of mdepth-train evaluate')


def load_recipe(path: Path, output: Path, overrides: Sequence[str] = ()) -> list[Stage]:
    """The stages of a recipe, in their order; their folders lie in `output`.

    An experiment is a recipe of one stage, whose folder is `output` itself. Overrides are of all
    experiments, or of one stage: `STAGE.training.steps=100`. Raises MdepthError.
    """
    values = read_mapping(path, 'recipe')
    if 'stages' not in values:
        return [Stage('fit', 'fit', output, load_experiment(path, [*overrides]))]
    blocks = values['stages']
    if not isinstance(blocks, dict) or not blocks or set(values) - {'stages', 'experiment'}:
        raise MdepthError(f'{path} must have `stages`, a mapping of names, and may `experiment`')
    usual, taken = values.get('experiment', ''), {'cache', *(f.name for f in fields(Experiment))}
    stages: dict[str, Stage] = {}
    files: dict[str, str] = {}
    for name, block in blocks.items():
        if not str(name).isidentifier() or name in taken:
            raise MdepthError(
                f'{path}: a stage cannot be called {name!r}: give another plain word'
            )
        settings = build(StageSettings, block or {}, f'stages.{name}.')
        own = [text.removeprefix(f'{name}.') for text in overrides if _is_for(text, name, blocks)]
        files[name] = settings.experiment or usual or files.get(settings.model, '')
        if not files[name]:
            raise MdepthError(
                f'{path}: stage {name} names no `experiment`, and nor does the recipe'
            )
        try:
            experiment = load_experiment(path.parent / files[name], [*settings.set, *own])
        except MdepthError as error:
            raise MdepthError(f'stage {name}: {error}') from None
        stages[name] = _stage(name, settings, output / name, experiment, stages)
    return list(stages.values())


def _is_for(override: str, stage: str, stages: dict[str, Any]) -> bool:
    first = override.partition('=')[0].partition('.')[0]
    return first not in stages or first == stage


def _stage(
    name: str,
    settings: StageSettings,
    folder: Path,
    experiment: Experiment,
    before: dict[str, Stage],
) -> Stage:
    """A stage with its inputs: those of stages before it by their names, all else are paths."""
    model, teacher = (
        before.get(given) or (Path(given) if given else None)
        for given in (settings.model, settings.teacher)
    )
    stores = tuple(before.get(label) or Path(label) for label in settings.labels)
    stage = Stage(name, settings.kind, folder, experiment, model, stores)
    stage = replace(
        stage,
        teacher=teacher,
        maker=settings.maker,
        options=settings.options,
        pseudo=settings.pseudo,
    )
    stage.work()  # an unknown kind is said before anything is done
    return stage
