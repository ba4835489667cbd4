# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of `drift` on a recorded drive whose poses are known, with its camera as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import poses_at
from mdepth_ros.evaluation.drives import kitti_drift
from mdepth_ros.evaluation.trajectory import Trajectory, absolute_errors, align
from mdepth_ros.limits import NANO
from mdepth_ros.model.file import load_model
from mdepth_ros.report.poses import camera_poses
from mdepth_ros.sources import ImageSource, open_source
from mdepth_ros.terminal import Console, progress_bar
from mdepth_training.data.view import rectification
from mdepth_training.evaluation.drift import (
    WAYS,
    Array,
    Way,
    drive_numbers,
    drive_path,
    print_drift,
)
from mdepth_training.evaluation.motion import STANDING, chained
from mdepth_training.evaluation.report import write_csv

FEWEST = 5
"""Images with a true pose: the shortest stretch that is scored has so many."""


@dataclass(frozen=True)
class Driven:
    """A recording along its true poses: the numbers of each way, a title, and notes on it."""

    found: dict[str, dict[str, float]]
    title: str
    notes: list[str]


def drive_recorded(
    model: Path,
    data: Path,
    truth: Path | None = None,
    odom_topic: str | None = None,
    truth_frame: str | None = None,
    topic: str | None = None,
    intrinsics: str | None = None,
    rectified: bool | None = None,
    limit: int | None = None,
    *,
    ways: Sequence[Way] | None = None,
    precision: str = 'auto',
    cues: bool = True,
) -> Driven:
    """Score some ways (None: all) on a recording with true poses.

    data                           whatever `open_source` opens, with topic, intrinsics, rectified
    truth, odom_topic, truth_frame as in `camera_poses`
    limit                          of the images, the first so many; None: all
    cues                           as in Estimator

    Raises MdepthError for what a user can mend: no poses, too few that are known at the images'
    times, or a camera that hardly moves.
    """
    ways = WAYS if ways is None else ways

    def opened() -> ImageSource:
        given = {'topic': topic, 'intrinsics': intrinsics, 'rectified': rectified}
        return open_source(data, frames=limit, **given)  # type: ignore[arg-type]

    source = opened()
    poses, origin, moving = camera_poses(data, source, truth, odom_topic, truth_frame)
    count, known = _known(source, poses, origin, limit)
    network, card = load_model(model)
    estimator = Estimator(network, card, precision=precision, cues=cues)
    metres = np.nan if card.metres_per_unit is None else card.metres_per_unit
    console = Console(highlight=False, soft_wrap=True)
    found: dict[str, dict[str, float]] = {}
    with progress_bar(console, f'driving {data.name}', count * len(ways)) as update:
        for way in ways:
            source, true = opened(), dict[int, Array]()
            path, seconds = drive_path(estimator, way, _noted(source, known, true, update))
            path = path.select(np.isin(path.stamps, list(true)).nonzero()[0])
            real = Trajectory(path.stamps, np.stack([true[stamp] for stamp in path.stamps]))
            found[way.name] = {
                **drive_numbers(path.motions, real.motions, metres, seconds),
                **whole_numbers(path.motions, real.motions),
            }
    notes = [f'{data.name}: {line}' for line in (*source.losses, *estimator.warnings)]
    notes.append(f'true poses: {origin}')
    if moving != source.frame_id:
        notes.append(
            f'they are of {moving}, brought to the camera by its static transform: a camera that '
            'is pitched or turned against that shows as a constant error of direction, one that '
            'is mounted ahead of it as one in bends (way, ATE and drift in %; hardly ATE turned)'
        )
    if len(known) < count:
        notes.append(f'{count - len(known)} of {count} images have no true pose')
    title = f'{card.name}, {data.resolve().name}, {len(real)} images, {real.distances[-1]:.0f} m'
    return Driven(found, title, notes)


def evaluate_recorded_drift(
    model: Path, data: Path, *given: Any, output: Path | None = None, **options: Any
) -> dict[str, dict[str, float]]:
    """Score every way on a recording with true poses (see `drive_recorded`); print the table.

    output  folder for drift.csv
    """
    driven = drive_recorded(model, data, *given, **options)
    console = Console(highlight=False, soft_wrap=True)
    for line in driven.notes:
        console.print(line)
    print_drift(driven.found, driven.title)
    if output is not None:
        rows = [{'way': name, **one} for name, one in driven.found.items()]
        write_csv(output / 'drift.csv', rows)
    return driven.found


def whole_numbers(motions: Array, truth: Array) -> dict[str, float]:
    """What only a long drive tells, of its motions [N, 4, 4].

    ate_turned          absolute error, metres, after turning, moving and scaling the path to suit
                        the true one best: as `mdepth evaluate` has it
    drift_translation,  over segments of 100 to 800 m, %, by one factor for the drive; degrees per
    drift_rotation      100 m; absent where the drive is shorter
    """
    path, true = chained(motions), chained(truth)
    off = absolute_errors(align(path, true, 'sim3')[0], true)
    numbers = {'ate_turned': float(np.sqrt(np.mean(off**2)))}
    drift = kitti_drift(align(path, true, 'scale')[0], true)
    if len(drift):
        numbers |= {'drift_translation': drift.translation, 'drift_rotation': drift.rotation}
    return numbers


def _noted(
    source: ImageSource,
    known: Mapping[int, Array],
    true: dict[int, Array],
    update: Callable[..., None],
) -> Iterator[Frame]:
    """The frames; `true` gets the known poses of their rectified cameras, by stamp."""
    for frame in source:
        if frame.stamp in known:
            true[frame.stamp] = known[frame.stamp] @ rectification(frame.camera).T
        yield frame
        update(advance=1)


def _known(
    source: ImageSource, poses: Trajectory, origin: str, limit: int | None
) -> tuple[int, dict[int, Array]]:
    """How many images there are, and the true poses at their stamps where they are known.

    Before the networks drive, for what is wrong shall not cost minutes.
    """
    stamps = np.array([item.stamp for item in source.items()][:limit], np.int64)
    if len(stamps) < FEWEST:
        raise MdepthError(f'{source.name}: {len(stamps)} images, {FEWEST} are needed at least')
    there, found = poses_at(poses, stamps)
    if there.sum() < FEWEST:
        times = [f'{t.min() / NANO:.3f} to {t.max() / NANO:.3f} s' for t in (stamps, poses.stamps)]
        raise MdepthError(
            f'only {there.sum()} of {len(stamps)} images ({times[0]}) have a true pose in '
            f'{origin} ({times[1]}), {FEWEST} are needed: are their stamps of one clock?'
        )
    way = Trajectory(stamps[there], found[there]).distances[-1]
    if way < STANDING:
        raise MdepthError(
            f'the true poses of {origin} move by {way:.2f} m in all: errors in % need '
            f'{STANDING:g} m at least, are they in metres?'
        )
    return len(stamps), dict(zip(stamps[there].tolist(), found[there], strict=True))
