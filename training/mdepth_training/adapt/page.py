# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page at the end of `adapt`: verdict, numbers, pictures of held-out images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from mdepth_ros.report.markdown import plain, table
from mdepth_ros.sources.folder import read_folder
from mdepth_training.adapt.judge import Change, Verdict, held_out_shots
from mdepth_training.evaluation.compare import Labels, Reel
from mdepth_training.evaluation.compare_pictures import Panels, draw
from mdepth_training.evaluation.picture_commands import names_of
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.files import write_whole

PICTURES = 'pictures'
DRAWN = 100
"""Images of each drive in its video, and from which the sheet takes those that changed most."""


FORGOT = (
    'In the synthetic world the depth became clearly worse: this is a model for the roads of '
    'these recordings, and elsewhere the one before may be better. Give more time, more places.'
)


def write_page(
    path: Path,
    models: tuple[Path, Path],
    folders: Sequence[Path],
    verdict: Verdict,
    notes: Sequence[str],
    launch: str,
) -> None:
    """Write the page and its pictures.

    models   before and after
    folders  the held-out drives
    notes    lines on what was done
    launch   the command that uses the model; '' where it is not in place
    """
    pictures = draw_held_out(models, folders, path.parent / PICTURES)
    lines = [f'# {plain(models[0].stem)}, adapted', '', f'**{sentence(verdict)}**', '']
    lines += [f'- {plain(note)}' for note in notes]
    pairs = max((change.pairs for change in verdict.changes), default=0)
    lines += ['', f'## Held-out images: {pairs} pairs', '']
    lines += table('', ['before', 'after', 'change', 'fell in'], map(_row, verdict.changes))
    lines += [
        '',
        f'The photometric error without depth and motion is {verdict.still:.4f}. The images are '
        'the ends of the same drives: on another road the model may have won less.',
        '',
    ]
    for title, numbers in (
        ('Against the truth of the recording, which decided nothing', verdict.truth),
        ('In the synthetic world, which decided nothing', verdict.world),
    ):
        if numbers:
            lines += [f'## {title}', '']
            lines += table('', ['before', 'after', 'change'], (_row(c)[:4] for c in numbers))
            lines.append('')
    if verdict.forgot:
        lines += [FORGOT, '']
    if pictures:
        sheet = next((p for p in pictures if p.suffix == '.png'), None)
        lines += ['## Before and after', '']
        if sheet is not None:
            lines += [f'![Before and after]({PICTURES}/{sheet.name})', '']
        films = ', '.join(f'[{p.name}]({PICTURES}/{p.name})' for p in pictures if p != sheet)
        lines += [f'All images of each drive: {films}', ''] if films else []
    if launch:
        lines += ['## Drive with it', '', '```', launch, '```', '']
    write_whole(path, '\n'.join(lines))


def sentence(verdict: Verdict) -> str:
    """The verdict in words."""
    if verdict.better:
        return 'It got better: the adapted model is in place.'
    worse = ' and '.join(change.name for change in verdict.changes if not change.better)
    return (
        f'It did not get better: on held-out images the {worse} did not fall in the mean and in '
        'most of them. The adapted model is not put in place; the model before stays.'
    )


def _row(change: Change) -> list[str]:
    part = math.nan
    if change.before:
        part = 100 * (change.after / change.before - 1)
    return [
        change.name,
        f'{change.before:.4f}',
        f'{change.after:.4f}',
        '-' if math.isnan(part) else f'{part:+.1f} %',
        f'{change.fell} of {change.pairs}',
    ]


def draw_held_out(models: tuple[Path, Path], folders: Sequence[Path], output: Path) -> list[Path]:
    """Draw the last images of each drive before and after, as `mdepth-train compare` does."""
    seen = [Predictor(model, refined=False) for model in models]
    interval = seen[1].card.frame_interval
    reels = []
    for folder in folders:
        stamps = read_folder(folder)[1]
        shots = held_out_shots([folder], interval)
        reels.append(Reel(folder.name, stamps[len(stamps) - shots.total :], shots))
    output.mkdir(parents=True, exist_ok=True)
    labels = Labels([], [])
    panels = Panels(names_of(models))
    return draw(seen, panels, reels, labels, output, DRAWN, alone=False)
