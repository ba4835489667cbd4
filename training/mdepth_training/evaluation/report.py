# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of an evaluation, in the papers' columns: terminal, Markdown, CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mdepth_ros.evaluation.depth import SCORES
from mdepth_ros.report.markdown import plain
from mdepth_ros.report.markdown import table as markdown
from mdepth_ros.terminal import Console
from mdepth_training.evaluation.motion import STEADY, motion_numbers, straight_on
from mdepth_training.evaluation.score import Errors, Result
from mdepth_training.evaluation.traffic import Traffic

_TITLES = dict(zip(SCORES, ('AbsRel', 'SqRel', 'RMSE', 'RMSElog', 'd1', 'd2', 'd3'), strict=True))
PAPER = ('abs_rel', 'sq_rel', 'rmse', 'd1')
"""What is told of each region."""
REGIONS = {'': 'all', '_static': 'static', '_moving': 'dynamic'}
"""By kind (`errors_by_kind`): one ratio of medians, that of the whole image, scales all three."""
_MOTION = {
    'rotation_deg': 'rotation deg/pair',
    'rpe_translation_percent': 'translation %',
    'ate_5_frames': '5-frame ATE m',
    'ate_5_frames_std': '+-',
    'drift_translation': 'drift %',
    'drift_rotation': 'drift deg/100 m',
}
_RANKING = {'ause': 'AUSE, share of random', 'sparsification': 'area, share of random'}
_AGREEMENT = {'consistency': 'own motion', 'consistency_true': 'true motion'}


class Table(NamedTuple):
    """Rows of text under a heading and column titles; the first column is a name."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(result: Result) -> list[Table]:
    """Depth scaled by the ratio of medians and in metres, by region, motion, agreement in time."""
    means, own = result.means(), result.predictors[0]
    low, high = result.protocol.depth
    log = 'log10' if result.protocol.log10 else 'RMSElog'
    columns = ['', *({**_TITLES, 'rmse_log': log}.values()), 'scored']
    kinds = (
        ('', f'Depth scaled by the ratio of medians of each image, {low:g} to {high:g} m'),
        ('_raw', 'Depth in metres, not scaled'),
    )
    found = []
    for kind, title in kinds:
        rows = [
            [
                name,
                *(f'{getattr(errors[kind], s):.3f}' for s in SCORES),
                f'{100 * errors[kind].coverage:.0f} %',
            ]
            for name, errors in means.items()
            if kind in errors and errors[kind].pixels
        ]
        if rows:
            found.append(Table(title, columns, rows))
    if any('_moving' in errors for errors in means.values()):
        found.append(region_table(means, result.dynamic))
    motions = {
        own: motion_numbers(result.chains),
        STEADY: motion_numbers(straight_on(result.chains)),
    }
    for title, headings, by_name in (
        ('Motion, scaled', _MOTION, motions),
        ('Disagreement of the depth with the frame before, mean |ln|', _AGREEMENT,
         {own: result.agreement()}),
        ('How the confidence ranks the errors: 0 as the errors themselves, 1 random', _RANKING,
         {own: result.ranking()}),
    ):  # fmt: skip
        here = {key: heading for key, heading in headings.items() if key in by_name[own]}
        if here:
            rows = [
                [name, *(f'{values[key]:.4f}' for key in here)] for name, values in by_name.items()
            ]
            found.append(Table(title, ['', *here.values()], rows))
    return found


def summary(result: Result) -> list[str]:
    """What was scored and what a reader should know, one line each."""
    scored = [image for image in result.images if image.errors]
    alone = sum(image.alone for image in result.images)
    lines = [f'{result.protocol.title}: {result.data}, images: {len(result.images)}']
    if 0 < len(scored) < len(result.images):
        lines.append(f'images with a true depth: {len(scored)}')
    if alone:
        lines.append(f'images without a frame before, paired with themselves: {alone}')
    own = result.means().get(result.predictors[0])
    if own:
        ratios = [image.errors[result.predictors[0]][''].ratio for image in scored]
        ratios = [ratio for ratio in ratios if math.isfinite(ratio)]
        if ratios:  # else no truth lies in the range, and the motion alone is scored
            middle, spread = np.median(ratios), np.std(ratios)
            lines.append(
                f'ratio of medians {middle:.3f}, standard deviation {100 * spread / middle:.0f} %'
            )
    regions = [i.errors[result.predictors[0]] for i in scored]
    known = [kinds for kinds in regions if '_moving' in kinds and kinds[''].pixels]
    if known:
        moving = [kinds['_moving'].pixels / kinds[''].pixels for kinds in known]
        lines.append(
            f'dynamic: {result.dynamic}; {100 * np.mean(moving):.2f} % of the scored pixels, in '
            f'{np.count_nonzero(moving)} of {len(known)} images'
        )
    traffic = result.traffic()
    return [*lines, *([str(traffic)] if traffic else []), *result.notes]


def show(result: Result, console: Console) -> None:
    """Print the summary and the tables."""
    for line in summary(result):
        console.print(line, soft_wrap=True)
    for table in tables(result):
        print_table(table, console)


def print_table(table: Table, console: Console) -> None:
    """Print a table after an empty line; one of rich would cut it in a log file."""
    console.print()
    console.print(table.title, soft_wrap=True)
    for line in _aligned([table.columns, *table.rows]):
        console.print(line, soft_wrap=True)


def markdown_of(table: Table) -> list[str]:
    """The lines of a table under its heading, and an empty one."""
    cells = [[plain(cell) for cell in row] for row in table.rows]
    return [f'## {plain(table.title)}', '', *markdown('', table.columns[1:], cells), '']


def region_table(means: Mapping[str, Errors], dynamic: str) -> Table:
    """The protocol of Mining Supervision: `PAPER` of all pixels, of what stands and what moves.

    dynamic  what moves, in words
    """
    rows = []
    for name, errors in means.items():
        if '_moving' in errors:
            numbers = [getattr(errors[kind], score) for kind in REGIONS for score in PAPER]
            rows.append([name, *('-' if math.isnan(n) else f'{n:.3f}' for n in numbers)])
    title = f'Depth by region, scaled by one ratio of medians of all; dynamic is {dynamic}'
    return Table(title, ['', *region_columns()], rows)


def region_columns() -> list[str]:
    """Headings of `PAPER` in every region; the first of each says which."""
    return [
        f'{region}: {_TITLES[name]}' if name == PAPER[0] else _TITLES[name]
        for region in REGIONS.values()
        for name in PAPER
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        '  '.join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def write(result: Result, folder: Path) -> None:
    """Write scores.md, scores.csv (a row for each predictor) and images.csv (for each image)."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f'# {plain(result.predictors[0])}', '']
    lines += [*(f'- {plain(line)}' for line in summary(result)), '']
    lines += [line for table in tables(result) for line in markdown_of(table)]
    (folder / 'scores.md').write_text('\n'.join(lines), encoding='utf-8')
    model, motion = result.predictors[0], motion_numbers(result.chains)
    others = {
        model: result.ranking() | result.agreement() | motion | _flat_traffic(result.traffic())
    }
    others |= {STEADY: motion_numbers(straight_on(result.chains))} if result.chains else {}
    means = result.means()
    names = dict.fromkeys([*means, *others])
    write_csv(
        folder / 'scores.csv',
        [{'predictor': n, **_flat(means.get(n, {})), **others.get(n, {})} for n in names],
    )
    rows: list[dict[str, object]] = []
    for image in result.images:
        start = {'drive': image.drive, 'image': image.name}
        agreement = {
            'paired_with_itself': int(image.alone),
            'consistency': image.consistency,
            'consistency_true': image.consistency_true,
            'ause': math.nan if image.ranking is None else image.ranking.ause,
            **_flat_traffic(image.traffic),
        }
        for name in result.predictors:
            own = agreement if name == model else {}
            if own or name in image.errors:
                errors = _flat(image.errors.get(name, {}))
                rows.append({**start, 'predictor': name, **errors, **own})
    write_csv(folder / 'images.csv', rows)


def _flat(errors: Errors) -> dict[str, float]:
    names = (*SCORES, 'ratio', 'coverage', 'pixels')
    return {f'{n}{kind}': getattr(e, n) for kind, e in errors.items() for n in names}


def _flat_traffic(traffic: Traffic | None) -> dict[str, float]:
    if traffic is None:
        return {}
    return {
        'moving_share': traffic.share,
        'moving_things': traffic.objects,
        'large_moving_things': traffic.large,
    }


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    """Write rows with the columns that any of them has, NaN left empty, and make the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, columns, restval='')
        writer.writeheader()
        for row in rows:
            unknown = {k: '' for k, v in row.items() if isinstance(v, float) and math.isnan(v)}
            writer.writerow({**row, **unknown})
