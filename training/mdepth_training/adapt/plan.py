# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is learned, and how long: so that it ends within the time that was given."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mdepth_ros.core.machine import usable_cores
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, read_card
from mdepth_ros.texts import read_json
from mdepth_training.adapt.recordings import DATA, AdaptDrive
from mdepth_training.bench import Learner, Steps
from mdepth_training.config import Data, Experiment, MixedSource, SyntheticData, Training
from mdepth_training.files import write_whole
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.source import open_source

PLAN, RUN, CACHE = 'adapt.json', 'run', 'cache'
REAL = 0.6
"""Share of what is learned that comes from the recordings; the rest is the synthetic world."""
FIRST_SEED = 500_000
"""Of the synthetic drives: neither training nor evaluation nor calibration has such seeds."""
RATES, LONG = (1e-4, 5e-4), 1500
"""Learning rates of the shortest run, and from so many steps on: a high rate that has no time to
fall costs what was known before.
"""
FEWEST_STEPS = 60
MEASURED = 12
"""Steps whose time decides the length."""
AT_THE_END = 30.0
"""Seconds for what is done after the last step, beside what takes as long as STEPS_AT_THE_END and,
of each held-out image, STEPS_OF_AN_IMAGE: calibration, numbers, pictures.
"""
STEPS_AT_THE_END, STEPS_OF_AN_IMAGE = 180, 0.5


@dataclass(frozen=True)
class Request:
    """What was asked for: another request needs another folder.

    recordings  absolute paths
    model       the hash of the file
    minutes     for everything
    licence     of the recordings, as their owner says it; '' unknown
    topic, intrinsics, rectified, rate, mask  as in `extract`
    """

    recordings: tuple[str, ...]
    model: str
    minutes: float
    licence: str = ''
    topic: str | None = None
    intrinsics: str | None = None
    rectified: bool | None = None
    rate: float | None = None
    mask: str | None = None


def digest(model: Path) -> str:
    """What tells a model file from others. Raises ModelFileError where it is none."""
    read_card(model)
    return hashlib.sha256(model.read_bytes()).hexdigest()[:16]


def check_output(output: Path, request: Request) -> dict[str, Any]:
    """What was written of this request before; {} for a new one.

    Raises MdepthError where the folder is of something else.
    """
    path = output / PLAN
    if not path.exists():
        there = {file.name for file in output.iterdir()} if output.is_dir() else set[str]()
        if strange := sorted(there - {DATA, '.run.lock'}):
            raise MdepthError(
                f'{output} has {strange[0]}, which adapt did not make: choose another --output'
            )
        return {}
    try:
        kept = dict[str, Any](read_json(path))
        before = kept['request']
        before = Request(**{**before, 'recordings': tuple(before['recordings'])})
    except (OSError, ValueError, KeyError, TypeError):
        raise MdepthError(f'{path} is damaged: choose another --output') from None
    for item in fields(Request):
        was, now = getattr(before, item.name), getattr(request, item.name)
        free = item.name == 'minutes' and not (output / RUN / 'experiment.yaml').exists()
        if was != now and not free:  # the length is not fixed yet
            what = 'another model' if item.name == 'model' else f'{item.name} {_text(was)}'
            raise MdepthError(
                f'{output} was begun with {what}'
                + ('' if item.name == 'model' else f', not {_text(now)}')
                + ': say the same, or choose another --output'
            )
    return kept


def _text(value: object) -> str:
    return ', '.join(map(str, value)) if isinstance(value, tuple) else str(value)


def keep(output: Path, request: Request, **more: Any) -> None:
    """Write what was asked for and what became of it."""
    text = json.dumps({'request': asdict(request), **more}, indent=1)
    write_whole(output / PLAN, text + '\n')


def experiment_of(
    name: str,
    card: ModelCard,
    model: Path,
    output: Path,
    drives: Sequence[AdaptDrive],
    minutes: float,
) -> Experiment:
    """What is learned: the model goes on, from the recordings and the synthetic world."""
    world = SyntheticData(
        drives=int(min(max(2 * minutes, 8), 90)),
        frames=24,
        first_seed=FIRST_SEED,
        appearance=1.0,
        least_appearance=0.7,
        cameras=1.0,
        moving=0.6,
    )
    real = MixedSource(
        recordings=tuple(str(output / DATA / drive.name) for drive in drives), weight=REAL
    )
    return Experiment(
        name=name,
        input_size=card.input_size,
        camera=card.camera,
        method=ImplicitCuesSettings(
            joint_from=0, constant_velocity=0.05, duplicated=0.2, dropped_cues=0.2
        ),
        network=card.network,
        data=Data(
            sources=(real, MixedSource(synthetic=world, weight=1 - REAL)),
            frame_interval=card.frame_interval,
            workers=min(2, usable_cores() - 1),
        ),
        training=Training(
            initial=str(model),
            batch_size=8,
            colour=0.4,
            hue=0.05,
            save_every=100,
            images_every=0,
        ),
    )


def seconds_per_step(experiment: Experiment, cache: Path) -> float:
    """The mean of some steps that are learned and thrown away: other work counts too."""
    learner, steps = Learner(experiment, open_source(experiment, cache)), Steps()
    learner.block(MEASURED, steps)
    return statistics.fmean(steps.seconds)


def with_length(
    experiment: Experiment, seconds: float, per_step: float, images: int
) -> Experiment:
    """As many steps as fit into `seconds`, but for what comes after them.

    images  that are held out

    Raises MdepthError for less than FEWEST_STEPS.
    """
    after = AT_THE_END + (STEPS_AT_THE_END + STEPS_OF_AN_IMAGE * images) * per_step
    steps = int((seconds - after) / per_step)
    if steps < FEWEST_STEPS:
        missing = (FEWEST_STEPS * per_step + after - seconds) / 60
        raise MdepthError(
            f'there is time for {max(steps, 0)} steps of {per_step:.2g} s, and {FEWEST_STEPS} are '
            f'the fewest: give {math.ceil(missing)} minutes more'
        )
    low, high = RATES
    rate = low + (high - low) * min(steps / LONG, 1)
    training = replace(
        experiment.training, steps=steps, warm_up=max(steps // 10, 1), learning_rate=rate
    )
    return replace(experiment, training=training)
