# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models beside each other as plots: errors by region, and by the speed of what moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdepth_ros.report.plots import BLUE, GREEN, ORANGE, PURPLE, drawing

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, '#E69F00', '#56B4E9', '#000000')
ERRORS = {'abs_rel': 'AbsRel', 'sq_rel': 'SqRel (m)'}
REGIONS = {'_moving': ('dynamic', ORANGE), '': ('all', BLUE), '_static': ('static', GREEN)}
SPEEDS = {
    'own': 'speed of the thing itself (m/s)',
    'relative': 'speed away from the camera (m/s); below 0 it comes nearer',
}
FEWEST = 3  # things in a bin that is drawn


@dataclass(frozen=True)
class Bin:
    """The things of a range of speeds: means over all their frames, and 95 % intervals."""

    low: float
    high: float
    things: int
    frames: int
    abs_rel: tuple[float, float, float]
    sq_rel: tuple[float, float, float]


def plot_regions(path: Path, rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Errors of all, static and dynamic pixels from row to row, with 95 % intervals over models.

    Fig. 5 of Mining Supervision, where the rows are the iterations of its self-training.
    """
    places = np.arange(len(rows))
    with drawing(path, (max(8.0, 1.6 * len(rows)), 3.6)) as figure:
        plots = figure.subplots(1, 2)
        for plot, (error, label) in zip(plots, ERRORS.items(), strict=True):
            for beside, (kind, (region, colour)) in enumerate(REGIONS.items()):
                found = [row[f'{error}{kind}'] for row in rows.values()]
                means, margins = (
                    [np.nan if one[part] is None else one[part] for one in found]
                    for part in ('mean', 'margin')
                )
                shifted = places + 0.06 * (beside - 1)  # so that no interval hides another
                style = {'color': colour, 'label': region, 'capsize': 3}
                plot.errorbar(shifted, means, margins, fmt='o-', **style)
            plot.set(ylabel=label, ylim=(0, None))
            plot.set_xticks(places, [*rows], rotation=20 if len(rows) > 4 else 0)
        plots[0].legend(loc='best')
        intervals = any(one['margin'] is not None for row in rows.values() for one in row.values())
        note = '; bars: 95 % interval over the models of a row' if intervals else ''
        figure.suptitle(f'Depth error by region{note}')


def plot_speeds(path: Path, bins: Mapping[str, Mapping[str, Sequence[Bin]]]) -> None:
    """Errors of moving things against their speed, a curve for each row, and how many there are.

    bins  by the kind of speed and the row
    """
    with drawing(path, (11, 8)) as figure:
        plots = figure.subplots(3, 2, sharex='col', height_ratios=(3, 3, 1.2))
        for column, (kind, label) in zip(plots.T, SPEEDS.items(), strict=True):
            for (name, of_row), colour in zip(bins[kind].items(), COLOURS * 9, strict=False):
                some = [one for one in of_row if one.things >= FEWEST]
                middle = [(one.low + one.high) / 2 for one in some]
                for plot, error in zip(column, ERRORS, strict=False):
                    numbers = [getattr(one, error) for one in some]
                    mean, low, high = np.array(numbers).reshape(-1, 3).T
                    plot.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
                    plot.plot(middle, mean, 'o-', color=colour, label=name)
            first = next(iter(bins[kind].values()))
            lows, widths = [one.low for one in first], [one.high - one.low for one in first]
            bars = column[2].bar(lows, [one.things for one in first], widths, align='edge')
            column[2].bar_label(bars)
            for bar in bars:
                bar.set(facecolor='#bbbbbb', edgecolor='white')
            for plot, name in zip(column, (*ERRORS.values(), 'things'), strict=True):
                plot.set(ylabel=name, ylim=(0, None))
            column[2].set_ylim(0, 1.3 * max(one.things for one in first))  # room for the numbers
            column[2].set_xlabel(label)
        plots[0, 0].legend(loc='best')
        figure.suptitle('Error of what moves, by its speed; shaded: 95 % interval over things')
