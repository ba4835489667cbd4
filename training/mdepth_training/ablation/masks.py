# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of a label store against the exact ones of the synthetic world: precision and recall."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.synthetic import Drive
from mdepth_ros.synthetic.render import FIRST
from mdepth_ros.terminal import Console
from mdepth_ros.texts import read_json
from mdepth_training.config import Data, Experiment, load_experiment
from mdepth_training.data.synthetic import named_drive
from mdepth_training.evaluation.report import Table, print_table
from mdepth_training.labels import LabelStore
from mdepth_training.labels.drive import same_view
from mdepth_training.settings import build
from mdepth_training.stages.stage import RECORD

Ids = NDArray[Any]
KINDS = {
    'instances': 'things that move',
    'dynamic': 'what moves, connected parts as things',
    'objects': 'things that can move, moving or not',
}
"""Labels that are scored, and what they are held against."""
MOVEMENTS = ('oncoming', 'ahead', 'crossing', 'standing')
IOUS = (0.5, 0.25)
LEAST = 0.001
"""Share of the image from which on an exact thing must be found."""
ALONG = math.cos(math.radians(45))
SYNTHETIC = 'synthetic-'


def masks(
    store: Path,
    *,
    experiment: Path | None = None,
    limit: int | None = None,
    output: Path | None = None,
) -> dict[str, Any]:
    """Score the masks of a store, print two tables, return the numbers of each of its `KINDS`.

    experiment  whose drives were labelled; none: as the stage beside the store says
    limit       score so many frames, evenly spread
    output      also write the numbers here, as JSON

    All numbers are of the sums over the frames. Raises MdepthError where the store has no such
    masks, or where its drives are not those of the experiment.
    """
    opened = LabelStore.open(store)
    kinds = [name for name in KINDS if name in opened.kinds]
    if not kinds:
        raise MdepthError(f'{store} has no {", ".join(KINDS)}, but {", ".join(opened.kinds)}')
    keys = [
        key
        for drive in opened.drives()
        if drive.name.startswith(SYNTHETIC)
        for key in opened.keys(drive.name)
    ]
    if not keys:
        raise MdepthError(f'{store} has no labelled drive of the synthetic world: {SYNTHETIC}SEED')
    world = _experiment_of(store) if experiment is None else load_experiment(experiment)
    drive_of = lru_cache(1)(lambda name: _drive(opened, world, name))
    if limit is not None:
        keys = [keys[i] for i in np.unique(np.linspace(0, len(keys) - 1, limit).astype(int))]
    counts = {kind: Counter[str]() for kind in kinds}
    for key in track(keys, 'masks'):
        drive = drive_of(key.drive)
        movable = drive.movables(key.frame)
        moving = movable.where(drive.world.moving(key.frame, movable), 0)
        movements = movements_of(drive, key.frame)
        stored = opened.read(key, kinds)
        for kind in kinds:
            exact = (movable if kind == 'objects' else moving).numpy()
            counts[kind] += compared(_things(stored[kind][0]), exact, movements)
    numbers = {kind: numbers_of(counts[kind]) for kind in kinds}
    where = f'{len(keys)} frames of {len({key.drive for key in keys})} drives'
    console = Console(highlight=False, markup=False)
    for table in _tables(numbers, where):
        print_table(table, console)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({'scored on': where, **numbers}, indent=1) + '\n', 'utf-8')
    return numbers


def compared(stored: Ids, exact: Ids, movements: Sequence[str]) -> Counter[str]:
    """Counts of pixels and things of one frame, to be summed over frames.

    stored, exact  ids [H, W], 0 none
    movements      what each exact thing does, by its id

    A stored thing finds an exact one where their intersection over union is at least one of
    `IOUS`, best pairs first, each once. Exact things below `LEAST` of the image are not to be
    found, and a stored one that finds such a thing counts neither as right nor as wrong.
    """
    rows, columns, both = _intersections(stored, exact)
    areas = np.array([(exact == thing).sum() for thing in columns], int)
    of_stored = np.array([(stored == thing).sum() for thing in rows], int)
    iou = both / (of_stored[:, None] + areas - both)
    large = areas >= LEAST * exact.size
    counts = Counter[str]()
    counts['pixels stored'] = int(of_stored.sum())
    counts['pixels exact'] = int(areas.sum())
    counts['pixels both'] = int(both.sum())
    counts['exact'] = int(large.sum())
    for thing, area, seen, is_large in zip(columns, areas, both.sum(0), large, strict=True):
        does = movements[thing]
        counts[f'{does} pixels exact'] += int(area)
        counts[f'{does} pixels both'] += int(seen)
        counts[f'{does} exact'] += int(is_large)
    for least in IOUS:
        pairs = _pairs(np.where(large, iou, 0.0), least)
        unpaired = set(range(len(rows))) - {row for row, _ in pairs}
        spared = sum(bool((iou[row, ~large] >= least).any()) for row in unpaired)
        counts[f'stored {least}'] = len(rows) - spared
        counts[f'found {least}'] = len(pairs)
        for _, column in pairs:
            counts[f'{movements[columns[column]]} found {least}'] += 1
    return counts


def _intersections(stored: Ids, exact: Ids) -> tuple[Ids, Ids, Ids]:
    """The ids of both but for 0, and the pixels [stored, exact] that each pair shares."""
    rows, row = np.unique(stored, return_inverse=True)
    columns, column = np.unique(exact, return_inverse=True)
    place = row.reshape(-1) * len(columns) + column.reshape(-1)
    both = np.bincount(place, minlength=len(rows) * len(columns)).reshape(len(rows), -1)
    return rows[rows > 0], columns[columns > 0], both[rows > 0][:, columns > 0]


def _pairs(iou: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Rows and columns that belong together, the largest values first, each once."""
    left, pairs = iou.copy(), []
    while left.size and left.max() >= least:
        row, column = np.unravel_index(left.argmax(), left.shape)
        pairs.append((int(row), int(column)))
        left[row], left[:, column] = 0, 0
    return pairs


def movements_of(drive: Drive, frame: int) -> list[str]:
    """What each instance of a frame does, seen from the camera: one of `MOVEMENTS`.

    Ahead and oncoming are those whose direction is within 45 degrees of the camera's and of its
    opposite, whoever is faster; people too.
    """
    world = drive.world
    before, after = max(frame - 1, 0), min(frame + 1, drive.frames - 1)
    way = world.tracks[after, :, :2] - world.tracks[before, :, :2]
    axis = drive.poses[frame, :2, 2]
    along = (way @ axis / (way.norm(dim=-1) * axis.norm()).clamp(min=1e-9)).tolist()
    moves = world.moves[frame].tolist()
    movers = [
        'standing'
        if not moving
        else 'ahead'
        if share > ALONG
        else 'oncoming'
        if share < -ALONG
        else 'crossing'
        for moving, share in zip(moves, along, strict=True)
    ]
    return ['standing'] * (FIRST + world.still) + movers


def numbers_of(counts: Mapping[str, int]) -> dict[str, Any]:
    """Precision and recall of pixels and things, recall by what the exact things do; None: 0/0."""
    found: dict[str, Any] = {
        'pixels': {
            'precision': _share(counts['pixels both'], counts['pixels stored']),
            'recall': _share(counts['pixels both'], counts['pixels exact']),
        },
        'exact things': counts['exact'],
        'movements': {},
    }
    for least in IOUS:
        found[f'things IoU {least}'] = {
            'precision': _share(counts[f'found {least}'], counts[f'stored {least}']),
            'recall': _share(counts[f'found {least}'], counts['exact']),
            'stored': counts[f'stored {least}'],
            'found': counts[f'found {least}'],
        }
    for does in MOVEMENTS:
        exact = counts[f'{does} exact']
        found['movements'][does] = {
            'exact things': exact,
            **{
                f'recall IoU {least}': _share(counts[f'{does} found {least}'], exact)
                for least in IOUS
            },
            'pixel recall': _share(counts[f'{does} pixels both'], counts[f'{does} pixels exact']),
        }
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _things(stored: Ids) -> Ids:
    """Ids [H, W]; of a mask its connected parts."""
    if stored.dtype == bool:
        return np.asarray(cv2.connectedComponents(stored.astype(np.uint8), connectivity=8)[1])
    return stored


def _experiment_of(store: Path) -> Experiment:
    """Data, camera and size of the stage that made a store."""
    try:
        settings = read_json(store.parent / RECORD)['made of']['settings']
        nested: dict[str, Any] = {}
        for name, value in settings.items():
            *blocks, last = name.split('.')
            block = nested
            for part in blocks:
                block = block.setdefault(part, {})
            block[last] = value
        size = tuple(nested['input_size'])
        data = build(Data, nested['data'], 'data.')
        return Experiment(input_size=size, camera=tuple(nested['camera']), data=data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise MdepthError(
            f'{store.parent / RECORD} does not say what was labelled: add --experiment FILE'
        ) from None


def _drive(store: LabelStore, experiment: Experiment, name: str) -> Drive:
    drive, stored = named_drive(experiment, name), store.drive(name)
    assert stored is not None
    view = stored.view is None or same_view(stored.view, drive.camera.normalised)
    sizes = {kind.size for name, kind in store.kinds.items() if name in KINDS}
    same_size = sizes == {(drive.camera.height, drive.camera.width)}
    if not (view and same_size and stored.stamps.tolist() == drive.stamps):
        raise MdepthError(
            f'{name} has another size, camera or number of frames in {store.path} than by the '
            'experiment: give the one that was labelled, --experiment FILE'
        )
    return drive


def _tables(numbers: Mapping[str, Mapping[str, Any]], where: str) -> list[Table]:
    def cell(value: float | None) -> str:
        return '-' if value is None else f'{value:.3f}'

    parts = ['pixels', *(f'things IoU {least}' for least in IOUS)]
    headings = [h for part in parts for h in (f'{part}: precision', 'recall')]
    rows = [
        [
            f'{kind} ({KINDS[kind]})',
            *(cell(of[part][which]) for part in parts for which in ('precision', 'recall')),
            str(of[parts[1]]['stored']),
            str(of['exact things']),
        ]
        for kind, of in numbers.items()
    ]
    title = f'Masks against exact ones of at least {100 * LEAST:g} % of the image, {where}'
    first = Table(title, ['', *headings, 'stored', 'exact'], rows)
    columns = ['exact things', *(f'recall IoU {least}' for least in IOUS), 'pixel recall']
    by_movement = [
        [f'{kind}: {does}', str(values['exact things']), *(cell(values[c]) for c in columns[1:])]
        for kind, of in numbers.items()
        for does, values in of['movements'].items()
        if values['pixel recall'] is not None
    ]
    return [first, Table('Recall by what they do', ['', *columns], by_movement)]
