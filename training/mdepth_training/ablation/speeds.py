# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The error of moving things against their speed: the ambiguity of what moves, as a plot.

Depth and motion of a thing, scaled together, give the same image (Mining Supervision, Eq. 4).
What learns from images alone takes a moving thing for one that stands: the faster, the more wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import scaled_relative_errors
from mdepth_ros.synthetic import Drive
from mdepth_ros.terminal import Console
from mdepth_training.ablation.held_out import HeldOut, Seen
from mdepth_training.ablation.plots import Bin, plot_speeds
from mdepth_training.ablation.rows import models_and_frames
from mdepth_training.evaluation.report import Table, print_table, write_csv

Array = NDArray[np.float64]
OBJECTS = 2  # instances from this number on are things
SMALLEST = 20  # pixels of a thing that is scored
BINS = {'own': 3.0, 'relative': 5.0}
"""Width of a bin, m/s."""
DRAWS = 1000


class Thing(NamedTuple):
    """A moving thing in one frame, as one model sees it.

    seed, frame, thing  the drive, the frame and the number of the instance
    pixels    that are scored
    own       its speed along its own axis, m/s
    relative  how fast it moves away from the camera along the camera's axis, m/s; below 0: nearer
    abs_rel, sq_rel  means over its pixels; the depth is scaled as that of the whole image
    """

    seed: int
    frame: int
    thing: int
    pixels: int
    own: float
    relative: float
    abs_rel: float
    sq_rel: float


def speeds(
    rows: Sequence[str],
    output: Path,
    *,
    drives: int = 10,
    frames: int = 40,
    first_seed: int = 10_000,
    appearance: float = 0.0,
    moving: float = 3.0,
    cues: bool = True,
    cache: Path | None = None,
) -> dict[str, dict[str, list[Bin]]]:
    """Score moving things by their speed, write things.csv, speeds.csv, speeds.png; return bins.

    The arguments are those of `regions`. Raises MdepthError where nothing moves.
    """
    files, held_out = models_and_frames(rows, drives, frames, first_seed, appearance, moving)
    found: dict[str, list[Thing]] = {name: [] for name in files}
    with TemporaryDirectory() as temporary:
        folder = cache or Path(temporary)
        jobs = [(name, file) for name, of_row in files.items() for file in of_row]
        for name, file in track(jobs, 'models'):
            found[name] += things_seen(held_out, file, folder, cues)
    if not all(found.values()):
        raise MdepthError(f'nothing that is scored moves in {held_out.describe()}: more --moving')
    bins = {
        kind: {name: binned(things, kind, width) for name, things in found.items()}
        for kind, width in BINS.items()
    }
    write_csv(
        output / 'things.csv',
        [{'row': name, **thing._asdict()} for name, things in found.items() for thing in things],
    )
    write_csv(output / 'speeds.csv', [*_lines(bins)])
    plot_speeds(output / 'speeds.png', bins)
    console = Console(highlight=False, markup=False)
    console.print(held_out.describe())
    print_table(_table(bins['own']), console)
    console.print(f'written: {output / "speeds.png"}, speeds.csv, things.csv')
    return bins


def things_seen(held_out: HeldOut, model: Path, cache: Path, cues: bool) -> list[Thing]:
    """All moving things in all frames that have one before them."""
    speeds = {seed: true_speeds(held_out.drive(seed)) for seed in held_out.seeds}
    return [
        thing
        for seen in held_out.seen_by(model, cache, cues)
        for thing in _in_frame(seen, *speeds[seen.seed])
    ]


def _in_frame(seen: Seen, own: Array, relative: Array) -> Iterator[Thing]:
    views, frame = seen.views, seen.frame
    truth, ids = views['depth'][frame], views['instance'][frame] * views['moving'][frame]
    error = np.full(truth.shape, np.nan)
    errors, scored = scaled_relative_errors(seen.depth, truth)
    error[scored] = errors
    for thing in np.unique(ids[scored & (ids > 0)]).tolist():
        mask = scored & (ids == thing)
        if mask.sum() >= SMALLEST:
            of_thing, g = error[mask], truth[mask].astype(float)
            speeds = float(own[frame, thing]), float(relative[frame, thing])
            means = float(of_thing.mean()), float((of_thing**2 * g).mean())
            yield Thing(seen.seed, frame, thing, int(mask.sum()), *speeds, *means)


def true_speeds(drive: Drive) -> tuple[Array, Array]:
    """Speeds [frames, instances] since the frame before, m/s, as in Thing; of frame 0 NaN."""
    interval, poses = drive.config.frame_interval, drive.poses.numpy()
    tracks = np.stack([drive.world.object_poses(i).numpy() for i in range(drive.frames)])
    heading, positions = tracks[1:, :, 2], tracks[..., :2]
    velocity = np.diff(positions, axis=0) / interval
    own = velocity[..., 0] * np.cos(heading) + velocity[..., 1] * np.sin(heading)
    ahead = poses[1:, None, :2, 2]
    ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    camera = np.diff(poses[:, None, :2, 3], axis=0) / interval
    relative = ((velocity - camera) * ahead).sum(-1)
    before = ((1, 0), (OBJECTS, 0))  # the first frame; the sky and the ground
    own, relative = (np.pad(of, before, constant_values=np.nan) for of in (own, relative))
    return own, relative


def binned(things: Sequence[Thing], kind: str, width: float) -> list[Bin]:
    """Things by their speed; a thing counts in each frame, the intervals are over things.

    Whole things, with all their frames, are drawn again (bootstrap): frames of one are alike.
    """
    speed = np.array([getattr(thing, kind) for thing in things])
    numbers = np.unique([(t.seed, t.thing) for t in things], axis=0, return_inverse=True)[1]
    places = np.floor(speed / width).astype(int)
    bins = []
    for place in range(places.min(), places.max() + 1):
        here = places == place
        _, thing = np.unique(numbers[here], return_inverse=True)
        count = np.bincount(thing)
        of_errors = {}
        for name in ('abs_rel', 'sq_rel'):
            error = np.array([getattr(t, name) for t in things])[here]
            of_errors[name] = _mean_and_interval(np.bincount(thing, error), count)
        low = place * width
        bins.append(Bin(low, low + width, len(count), int(here.sum()), **of_errors))
    return bins


def _mean_and_interval(sums: NDArray[Any], counts: NDArray[Any]) -> tuple[float, float, float]:
    """The mean, and where 95 % of the means of things drawn again lie; NaN for less than two."""
    if len(sums) < 2:
        mean = float(sums.sum() / counts.sum()) if len(sums) else math.nan
        return mean, math.nan, math.nan
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), (2.5, 97.5))
    return float(sums.sum() / counts.sum()), float(low), float(high)


def _lines(bins: Mapping[str, Mapping[str, Sequence[Bin]]]) -> Iterator[dict[str, object]]:
    for kind, of_rows in bins.items():
        for name, of_row in of_rows.items():
            for one in of_row:
                line: dict[str, object] = {'row': name, 'speed': kind, 'from': one.low}
                line |= {'to': one.high, 'things': one.things, 'frames': one.frames}
                for error in ('abs_rel', 'sq_rel'):
                    names = (error, f'{error}_low', f'{error}_high')
                    line |= dict(zip(names, getattr(one, error), strict=True))
                yield line


def _table(bins: Mapping[str, Sequence[Bin]]) -> Table:
    """AbsRel of each row by the own speed."""
    first = next(iter(bins.values()))
    columns = ['m/s', *(f'{one.low:g} to {one.high:g}' for one in first)]
    rows = [['things', *(str(one.things) for one in first)]]
    rows += [[name, *(f'{one.abs_rel[0]:.3f}' for one in of)] for name, of in bins.items()]
    return Table('AbsRel of what moves, by its own speed', columns, rows)
