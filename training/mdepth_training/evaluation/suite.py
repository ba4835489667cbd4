# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A list of recordings that are kept for judging, and several models scored on all of them.

    recordings:
    - {name: city, path: $MDEPTH_DATA/bags/kitti_city, truth: depth, crop: garg}
    - {name: snow, path: $MDEPTH_DATA/drives/karlsruhe_0019, truth: poses}
    - {name: road, path: road.mcap}

Paths are relative to the file; $NAME is a variable of the environment.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_training.config import read_mapping
from mdepth_training.evaluation.compare import recorded
from mdepth_training.evaluation.drift import COLUMNS, WAYS
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.protocols import PROTOCOLS, guess_protocol, open_shots, replaced
from mdepth_training.evaluation.recorded_drift import drive_recorded
from mdepth_training.evaluation.report import Table
from mdepth_training.evaluation.score import score
from mdepth_training.evaluation.shots import Options
from mdepth_training.evaluation.unlabelled import means, score_pairs
from mdepth_training.settings import build, setting

VEHICLE = 'corners'
"""Of the ways of `drift`: what the vehicle does."""
POSES = ('rotation', 'translation', 'ate_5', 'length', 'heading', 'drift_translation')
"""Of the numbers of `drift`: what is told of a recording with true poses."""
UNTRUE = {'photometric': 'photometric error', 'disagreement': 'disagreement in time'}
MEAN = 'mean of those with true depth'


@dataclass(frozen=True)
class Recording:
    """One recording of a suite."""

    path: str = setting('', 'what `mdepth-train evaluate --data` takes')
    name: str = setting('', 'what it is called in the table; none: as the path')
    truth: Literal['depth', 'poses', 'none'] = setting('none', 'what is known of it')
    protocol: str | None = setting(None, 'depth: as `evaluate --protocol`')
    crop: str | None = setting(None, 'depth: the part that counts, as `evaluate --crop`')
    cap: float | None = setting(None, 'depth: truths up to this count, metres', 0.1, 1e4)
    view: str | None = setting(None, 'depth: whole or crop, as `evaluate --view`')
    camera_height: float | None = setting(None, 'depth: adds the flat ground', 0.1, 10)
    topic: str | None = setting(None, 'camera topic or image folder')
    intrinsics: str | None = setting(None, "'fx,fy,cx,cy', or a file")
    poses: str | None = setting(None, 'poses: their file; none: in the recording')
    odom_topic: str | None = setting(None, 'poses: topic of the odometry')
    truth_frame: str | None = setting(None, 'poses: whose they are')
    limit: int | None = setting(None, 'the first so many images', 1)


@dataclass(frozen=True)
class Number:
    """One cell: what a model (or what needs no learning) has on a recording."""

    recording: str
    measure: str
    model: str
    value: float
    digits: int = 3


def read_suite(path: Path) -> list[Recording]:
    """The recordings of a file, with whole paths. Raises MdepthError, also for missing data."""
    listed = read_mapping(path, 'suite').get('recordings')
    if not isinstance(listed, list) or not listed:
        raise MdepthError(f'{path}: give a list `recordings`, each with name, path and truth')
    found = []
    for place, values in enumerate(listed):
        if isinstance(values, dict):
            values = {
                key: _whole(path, str(value)) if key in ('path', 'poses') else value
                for key, value in values.items()
            }
        one = build(Recording, values, f'recordings[{place}].')
        if not one.path or not Path(one.path).exists():
            raise MdepthError(f'{path}: there is no recording {one.path or one.name!r}')
        values.setdefault('name', Path(one.path).stem)
        found.append(build(Recording, values, f'recordings[{place}].'))
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise MdepthError(f'{path}: two recordings are called {twice}: rename one')
    return found


def _whole(suite: Path, text: str) -> str:
    """A path of a suite: variables filled in, relative to its folder."""
    filled = os.path.expandvars(text)
    if '$' in filled:
        raise MdepthError(f'{suite}: {text}: the variable is not set in the environment')
    return str(suite.parent / Path(filled).expanduser())


def score_suite(
    models: Sequence[tuple[str, Path]], suite: Sequence[Recording], precision: str = 'auto'
) -> Iterator[Number]:
    """The numbers of every model, called so, on every recording; recording by recording."""
    run = {'depth': _depth, 'poses': _poses, 'none': _untrue}
    for one in suite:
        for place, (name, path) in enumerate(models):
            for measure, value, digits, whose in run[one.truth](path, one, precision):
                if whose is None or place == 0:  # what needs no learning is the same for all
                    yield Number(one.name, measure, whose or name, value, digits)


Scores = Iterator[tuple[str, float, int, str | None]]
"""What it is, its value, its digits, whose it is (None: the model's)."""


def _depth(model: Path, one: Recording, precision: str) -> Scores:
    data = Path(one.path)
    name = one.protocol or guess_protocol(data)
    if name not in PROTOCOLS or PROTOCOLS[name].read is None:
        raise MdepthError(f'{one.name}: there is no protocol {name}')
    rules = replaced(PROTOCOLS[name], one.crop, one.cap, one.view, one.camera_height)
    for cues in (True, False):
        predictor = Predictor(model, whole=rules.whole, precision=precision, cues=cues)
        card = predictor.card
        told = Options(
            card.frame_interval, card.camera, topic=one.topic, intrinsics=one.intrinsics
        )
        result = score(predictor, open_shots(data, name, told).first(one.limit), rules)
        errors = result.means()
        if card.name not in errors:
            raise MdepthError(f'{one.name}: no true depth: give it truth poses or none')
        own = errors[card.name]
        word = 'AbsRel' if cues else 'AbsRel, one image'
        yield word, own[''].abs_rel, 3, None
        if not cues:
            continue
        for other in result.predictors[1:]:
            yield word, errors[other][''].abs_rel, 3, other
        yield 'd1', own[''].d1, 3, None
        ratios = [i.errors[card.name][''].ratio for i in result.images if i.errors]
        known = math.nan if card.metres_per_unit is None else float(np.nanmedian(ratios))
        yield 'true depth / its metres', known, 2, None


def _poses(model: Path, one: Recording, precision: str) -> Scores:
    ways = [way for way in WAYS if way.name == VEHICLE]
    numbers = drive_recorded(
        model,
        Path(one.path),
        None if one.poses is None else Path(one.poses),
        one.odom_topic,
        one.truth_frame,
        one.topic,
        one.intrinsics,
        limit=one.limit,
        ways=ways,
        precision=precision,
    ).found[VEHICLE]
    for key in POSES:
        if key in numbers:
            heading, digits = COLUMNS[key]
            factor = 100 if key == 'length' else 1
            yield heading.replace('\n', ' '), factor * numbers[key], digits, None


def _untrue(model: Path, one: Recording, precision: str) -> Scores:
    predictor = Predictor(model, precision=precision)
    with TemporaryDirectory() as cache:
        reels = recorded([Path(one.path)], Path(cache), [predictor])
        shots = chain.from_iterable(reel.shots for reel in reels)
        found = means(score_pairs(predictor, islice(shots, one.limit)))
    for key, heading in UNTRUE.items():
        yield heading, found[key], 4, None
    yield UNTRUE['photometric'], found['still'], 4, 'no depth, no motion'


def table(numbers: Sequence[Number], models: Sequence[str], title: str) -> Table:
    """A row for each number of a recording, a column for each model; '-' is not known.

    What needs no learning stands behind the models.
    """
    columns = list(dict.fromkeys([*models, *(number.model for number in numbers)]))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for one in numbers:
        text = '-' if math.isnan(one.value) else f'{one.value:.{one.digits}f}'
        rows.setdefault((one.recording, one.measure), {})[one.model] = text
    cells = [
        [f'{recording}: {measure}', *(row.get(column, '') for column in columns)]
        for (recording, measure), row in rows.items()
    ]
    return Table(title, ['', *columns], cells)


def with_mean(numbers: Sequence[Number]) -> list[Number]:
    """The numbers, and the means over the recordings of each AbsRel that several have."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in numbers:
        if one.measure.startswith('AbsRel'):
            groups.setdefault((one.measure, one.model), []).append(one.value)
    several = max(map(len, groups.values()), default=0)
    return [
        *numbers,
        *(
            Number(MEAN, measure, model, float(np.mean(values)))
            for (measure, model), values in groups.items()
            if len(values) == several > 1
        ),
    ]


def as_rows(numbers: Sequence[Number]) -> list[dict[str, Any]]:
    """One for each number, as `write_csv` takes them."""
    return [
        {'recording': n.recording, 'measure': n.measure, 'model': n.model, 'value': n.value}
        for n in numbers
    ]
