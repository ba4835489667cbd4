# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models beside each other by region, as Tables 2 and 3 of Mining Supervision have it.

All are scored on the same frames. One ratio of medians of each image, of all its pixels, scales
the three regions; an image without moving pixels takes no part in the means of the dynamic one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.progress import track

from mdepth_ros.report.markdown import plain
from mdepth_ros.terminal import Console
from mdepth_training.ablation.plots import plot_regions
from mdepth_training.ablation.report import Results, difference, spread_and_margin, values
from mdepth_training.ablation.rows import models_and_frames
from mdepth_training.evaluation.report import (
    PAPER,
    REGIONS,
    Table,
    markdown_of,
    print_table,
    region_columns,
    write_csv,
)

KEYS = [f'{name}{kind}' for kind in REGIONS for name in PAPER]
CHANGE = 'sq_rel_moving'


def regions(
    rows: Sequence[str],
    *,
    drives: int = 10,
    frames: int = 40,
    first_seed: int = 10_000,
    appearance: float = 0.0,
    moving: float = 1.0,
    cues: bool = True,
    output: Path | None = None,
    cache: Path | None = None,
) -> Results:
    """Score models on held-out drives of the synthetic world, print the table, return all scores.

    rows    models as `FILE` or `NAME=FILE,FILE,...`: of several seeds, in their order
    cues    whether the depth gets the cues of the pair
    output  folder for regions.md, .json (means, spreads, intervals), .csv (each model), .png
    cache   folder that keeps the rendered drives

    The networks run alone, without refinement; depth does not depend on it. Raises MdepthError
    where a model cannot be read, or is made for other pairs than the first one.
    """
    files, held_out = models_and_frames(rows, drives, frames, first_seed, appearance, moving)
    with TemporaryDirectory() as temporary:
        folder = cache or Path(temporary)
        traffic = held_out.traffic(folder)
        jobs = [(name, place, file) for name, of in files.items() for place, file in enumerate(of)]
        results = {
            (name, place): held_out.score(file, folder, cues)
            for name, place, file in track(jobs, 'models')
        }
    summary = {name: summarised(results, name, next(iter(files))) for name in files}
    facts = [held_out.describe(), str(traffic), 'cues of the pair' if cues else 'no cues']
    table = Table(
        'Depth by region, scaled by one ratio of medians of all pixels of each image',
        ['', *region_columns(), f'dynamic SqRel against {next(iter(files))}'],
        [line for name, of_row in summary.items() for line in _lines(name, of_row)],
    )
    console = Console(highlight=False, markup=False)
    for fact in facts:
        console.print(fact, soft_wrap=True)
    print_table(table, console)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        text = ['# Regions', '', *(f'* {plain(fact)}' for fact in facts), '', *markdown_of(table)]
        (output / 'regions.md').write_text('\n'.join(text), encoding='utf-8')
        written = json.dumps({'scored on': facts, 'rows': summary}, indent=1) + '\n'
        (output / 'regions.json').write_text(written, encoding='utf-8')
        models = [{'row': n, 'model': str(f), **results[n, place]} for n, place, f in jobs]
        write_csv(output / 'regions.csv', models)
        plot_regions(output / 'regions.png', summary)
        console.print(f'written: {output / "regions.md"}')
    return results


def summarised(results: Results, name: str, base: str) -> dict[str, dict[str, Any]]:
    """Of each score of a row: its values by model, mean, spread and half the 95 % interval.

    `change`: of the dynamic SqRel against the row `base`, as a share of its mean. Rows of as many
    models are compared model by model, in their order (`difference`); only then it has an
    interval. What is not known is None.
    """
    found: dict[str, dict[str, Any]] = {}
    for key in KEYS:
        of_row = [*values(results, name, key).values()]
        mean = float(np.mean(of_row)) if of_row else None
        found[key] = {'mean': mean, **_interval(*spread_and_margin(of_row)), 'values': of_row}
    own, other = (values(results, row, CHANGE) for row in (name, base))
    if name == base or not own or not other:
        return found
    reference = float(np.mean([*other.values()]))
    change: dict[str, float | None] = {'mean': float(np.mean([*own.values()])) / reference - 1}
    delta = difference(results, name, base, CHANGE) if own.keys() == other.keys() else None
    if delta is not None:
        change |= _interval(delta.spread / reference, delta.margin / reference)
    return {**found, 'change': change}


def _interval(spread: float, margin: float) -> dict[str, float | None]:
    both = {'spread': spread, 'margin': margin}
    return {name: value if math.isfinite(value) else None for name, value in both.items()}


def _lines(name: str, summary: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """A row of the table; of several models with their spread and interval below."""
    count = max(len(summary[key]['values']) for key in KEYS)
    names = {'mean': name, 'spread': '  standard deviation', 'margin': '  95 % interval, +-'}
    lines = []
    for part, title in names.items():
        if part != 'mean' and count < 2:
            continue
        cells = (summary[key][part] for key in KEYS)
        change = summary.get('change', {}).get(part)
        sign = '+' if part == 'mean' else ''
        last = '' if change is None else f'{100 * change:{sign}.1f} %'
        lines.append([title, *('' if c is None else f'{c:.3f}' for c in cells), last])
    lines[0][0] += f' ({count} models)' if count > 1 else ''
    return lines
