# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the runs say: mean and spread, differences seed by seed, and a plain sentence for each."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.report.markdown import plain
from mdepth_training.ablation.plan import Run

# Student's t that leaves 2.5 % above it, by degrees of freedom from 1 on.
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Metric:
    """One column: its key in the scores, its heading, and which way is better."""

    key: str
    heading: str
    higher_is_better: bool = False


METRICS = (
    Metric('abs_rel', 'AbsRel'),
    Metric('d1', 'd1', higher_is_better=True),
    Metric('abs_rel_static', 'AbsRel static'),
    Metric('abs_rel_moving', 'AbsRel moving'),
    Metric('sq_rel_moving', 'SqRel moving'),
    Metric('rotation_deg', 'rotation deg/frame'),
    Metric('rpe_translation_percent', 'translation %'),
    Metric('ate_5_frames', '5-frame ATE m'),
)
Results = Mapping[tuple[str, int], Mapping[str, float]]  # (variant, seed) -> scores


@dataclass(frozen=True)
class Difference:
    """A variant minus the reference, over the seeds that both have.

    mean    of the differences, and `relative` as a share of the reference's mean
    spread  standard deviation of the differences (n-1); NaN for one seed
    margin  half the 95 % interval of the mean, by Student's t; infinite for one seed
    """

    mean: float
    relative: float
    spread: float
    margin: float
    seeds: int

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out zero."""
        return abs(self.mean) > self.margin

    def verdict(self, metric: Metric) -> str:
        """In words."""
        if self.seeds < 2:
            return 'one seed alone, which shows nothing'
        if not self.shown:
            return 'no difference shown'
        return 'better' if (self.mean > 0) == metric.higher_is_better else 'worse'


def values(results: Results, variant: str, key: str) -> dict[int, float]:
    """The values of a variant by seed."""
    return {
        seed: scores[key]
        for (name, seed), scores in sorted(results.items())
        if name == variant and math.isfinite(scores.get(key, math.nan))
    }


def difference(results: Results, variant: str, reference: str, key: str) -> Difference | None:
    """Paired difference of a metric; None where no seed is finished for both."""
    own, others = values(results, variant, key), values(results, reference, key)
    both = sorted(own.keys() & others.keys())
    if not both:
        return None
    deltas = np.array([own[seed] - others[seed] for seed in both])
    mean, (spread, margin) = float(deltas.mean()), spread_and_margin(deltas)
    base = float(np.mean([others[seed] for seed in both]))
    return Difference(mean, mean / base if base else math.nan, spread, margin, len(both))


def spread_and_margin(numbers: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Standard deviation (n-1) and half the 95 % interval of the mean, by Student's t.

    NaN and infinite for one number.
    """
    n = len(numbers)
    if n < 2:
        return math.nan, math.inf
    spread = float(np.std(numbers, ddof=1))
    return spread, _T95[min(n - 1, len(_T95)) - 1] * spread / math.sqrt(n)


def sentence(results: Results, variant: str, reference: str) -> str:
    """What the seeds say about a variant against the reference."""
    differences = {m: difference(results, variant, reference, m.key) for m in METRICS}
    main = METRICS[0]
    first = differences[main]
    if first is None:
        return f'**{variant}**: no seed is finished for it and for {reference}.'
    text = (
        f'**{variant}** against {reference}, {first.seeds} '
        f'{"seed" if first.seeds == 1 else "pairs of runs"}: {main.heading} '
        f'{first.mean:+.4f} ({100 * first.relative:+.1f} %)'
    )
    if first.seeds < 2:
        return f'{text}: {first.verdict(main)}.'
    text += (
        f', spread of the differences {first.spread:.4f}, 95 % interval of their mean '
        f'{first.mean - first.margin:+.4f} to {first.mean + first.margin:+.4f}: '
        f'**{first.verdict(main)}**.'
    )
    others: dict[str, list[str]] = {}
    for metric in METRICS[1:]:
        if (delta := differences[metric]) is not None:
            said = delta.verdict(metric)
            size = f' ({100 * delta.relative:+.0f} %)' if delta.shown else ''
            others.setdefault(said, []).append(f'{metric.heading}{size}')
    return text + ''.join(f' {said.capitalize()}: {", ".join(of)}.' for said, of in others.items())


def table(results: Results, variants: Sequence[str]) -> list[str]:
    """Mean and standard deviation over the seeds, as lines of Markdown with aligned columns."""
    rows = [['variant', 'seeds', *(metric.heading for metric in METRICS)]]
    for variant in variants:
        columns = [[*values(results, variant, metric.key).values()] for metric in METRICS]
        rows.append([variant, str(max(map(len, columns))), *map(_mean_and_deviation, columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ['-' * width for width in widths])
    return [
        f'| {" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |'
        for row in rows
    ]


def _mean_and_deviation(numbers: Sequence[float]) -> str:
    if len(numbers) > 1:
        return f'{np.mean(numbers):.4f} ± {np.std(numbers, ddof=1):.4f}'
    return f'{numbers[0]:.4f}' if numbers else ''


def write_report(
    path: Path,
    title: str,
    facts: Sequence[str],
    runs: Sequence[Run],
    results: Results,
    failures: Mapping[str, str],
) -> str:
    """Write `path` (Markdown), and beside it as CSV every single value; return the text."""
    against = {run.variant: run.against for run in runs}
    lines = [f'# {plain(title)}', '', *(f'* {plain(fact)}' for fact in facts), '']
    lines += ['Mean and standard deviation over the seeds; AbsRel and d1 median-scaled.', '']
    lines += [*table(results, [*against]), '']
    pairs = [(variant, other) for variant, other in against.items() if variant != other]
    lines += [f'* {sentence(results, variant, other)}' for variant, other in pairs]
    open_runs = [run.name for run in runs if (run.variant, run.seed) not in results]
    if missing := [name for name in open_runs if name not in failures]:
        lines += [f'* Not finished: {", ".join(missing)}.']
    lines += [f'* Failed: {plain(name)}: {plain(why)}' for name, why in failures.items()]
    text = '\n'.join(lines) + '\n'
    path.write_text(text)
    columns = sorted({key for scores in results.values() for key in scores})
    with path.with_suffix('.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['variant', 'seed', *columns])
        for (variant, seed), scores in sorted(results.items()):
            writer.writerow([variant, seed, *(scores.get(column, '') for column in columns)])
    return text
