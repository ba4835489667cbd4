# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of a run over time: a file that the run writes, and lines of the report."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError

if TYPE_CHECKING:
    from mdepth_ros.core.types import Scale
    from mdepth_ros.report.depth import DepthResult
    from mdepth_ros.report.motion import MotionResult

FILE = 'scale.csv'
HEADER = ('stamp', 'metres_per_unit', 'spread', 'state', 'sources', 'delay')


class ScaleFile:
    """Writes the scale of every frame, from the first that was measured on; else no file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._file: TextIO | None = None

    def __enter__(self) -> ScaleFile:
        return self

    def add(self, stamp: int, scale: Scale) -> None:
        """Write the scale at a frame."""
        if self._file is None:
            if scale.state in ('none', 'fixed'):
                return
            self._file = self._path.open('w', encoding='utf-8')
            self._file.write(','.join(HEADER) + '\n')
        delay = '' if scale.delay is None else f'{scale.delay:.3f}'
        self._file.write(
            f'{stamp},{scale.value:.9g},{scale.spread:.9g},{scale.state},'
            f'{"+".join(scale.sources)},{delay}\n'
        )

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, eq=False)
class ScaleSeries:
    """The scale of a run: stamps [N] ns, metres per unit and their spread [N], states."""

    stamps: NDArray[np.int64]
    values: NDArray[np.float64]
    spreads: NDArray[np.float64]
    states: tuple[str, ...]

    @property
    def by_stamp(self) -> dict[int, float]:
        """Stamp in ns -> metres per unit."""
        return dict(zip(self.stamps.tolist(), self.values.tolist(), strict=True))

    @property
    def converged(self) -> float | None:
        """Seconds from the first frame to the first that was good; None: it never was."""
        if 'good' not in self.states:
            return None
        return float(self.stamps[self.states.index('good')] - self.stamps[0]) / 1e9


def read_scale(folder: Path) -> ScaleSeries | None:
    """Read what ScaleFile wrote; None where the scale of the run was not measured.

    Raises MdepthError for a file that is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with path.open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file))
        return ScaleSeries(
            np.array([int(row['stamp']) for row in rows]),
            np.array([float(row['metres_per_unit']) for row in rows]),
            np.array([float(row['spread']) for row in rows]),
            tuple(row['state'] for row in rows),
        )
    except (KeyError, ValueError, TypeError):
        raise MdepthError(f'{path} is damaged: run again with --overwrite') from None


def right_scale(series: ScaleSeries, depth: DepthResult | None) -> dict[int, float]:
    """Metres per unit that would have made the median of each depth map that of the truth."""
    if depth is None:
        return {}
    used = series.by_stamp
    return {f.stamp: used[f.stamp] * f.errors[''].ratio for f in depth.frames if f.stamp in used}


def scale_lines(
    series: ScaleSeries, depth: DepthResult | None, motion: MotionResult | None
) -> list[str]:
    """Lines of the report."""
    count = {state: series.states.count(state) for state in dict.fromkeys(series.states)}
    states = ', '.join(f'{number} frames {state}' for state, number in count.items())
    since = series.converged
    good = 'it never was good' if since is None else f'good {since:.1f} s after the first frame'
    lines = [
        f'* metres per unit: {series.values[-1]:.4g} ± {series.spreads[-1]:.2g} at the end, '
        f'{series.values.min():.4g} to {series.values.max():.4g} in all',
        f'* {states}; {good}',
    ]
    right = right_scale(series, depth)
    if right:
        used = series.by_stamp
        errors = np.array([math.log(used[stamp] / value) for stamp, value in right.items()])
        lines.append(
            f'* against the medians of the true depth: {100 * errors.mean():+.1f} % in the mean, '
            f'{100 * np.abs(errors).mean():.1f} % off'
        )
    if motion is not None and motion.scaled.step_scale > 0:  # a standing vehicle has none
        lines.append(
            f'* against the true motion: {100 * (1 / motion.scaled.step_scale - 1):+.1f} %'
        )
    return [*lines, '', '![scale over time](scale.png)']
