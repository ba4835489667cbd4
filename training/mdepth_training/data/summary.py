# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From paths to triplets that are ready to be learned from, with a table of what will be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from mdepth_ros.terminal import Console
from mdepth_training.data.checks import Findings
from mdepth_training.data.formats import open_drives
from mdepth_training.data.selection import Selection
from mdepth_training.data.triplets import Triplets

ROWS = 12


def open_triplets(
    recordings: Sequence[str | Path],
    *,
    input_size: tuple[int, int],
    frame_interval: float,
    split: str | Path | None = None,
    stereo: bool = False,
    skip_static: bool = True,
    cache: Path,
    console: Console | None = None,
) -> Triplets:
    """Open recordings, check them, and print what is wrong and what will be used.

    The arguments are those of `open_drives` and `Triplets`. Raises MdepthError where nothing can
    be used, or something is wrong that a person should mend first.
    """
    console = Console() if console is None else console
    findings = Findings()
    drives = open_drives(
        recordings,
        split=split,
        stereo=stereo,
        cache=cache,
        input_size=input_size,
        frame_interval=frame_interval,
        findings=findings,
    )
    try:
        triplets = Triplets(
            drives, input_size, frame_interval, skip_static, cache=cache, findings=findings
        )
    finally:
        for line in findings.lines():
            console.print(line, style='yellow', markup=False, highlight=False, soft_wrap=True)
    console.print(summary(triplets))
    return triplets


def summary(triplets: Triplets) -> Table:
    """Return the table of what will be used: a row for each drive, or for the first ROWS."""
    table = Table(Column('drive', overflow='fold'), 'frames', 'triplets', 'left out', 'camera',
                  Column('seconds apart', overflow='fold'))  # fmt: skip
    used = list(zip(triplets.drives, triplets.selections, strict=True))
    for drive, selection in used[:ROWS]:
        camera = drive.camera
        table.add_row(
            drive.name,
            str(len(drive.images)),
            str(len(selection.triplets)),
            _reasons(selection.left_out),
            f'{camera.width}x{camera.height} f {camera.fx:.0f} {camera.model}',
            _apart(drive.stamps, selection),
        )
    if len(used) > ROWS:
        table.add_row(f'... and {len(used) - ROWS} more drives')
    fx, _, cx, cy = triplets.camera
    height, width = triplets.input_size
    table.add_section()
    table.add_row(
        f'total: {len(used)}',
        str(sum(len(drive.images) for drive, _ in used)),
        str(len(triplets)),
        _reasons(sum((selection.left_out for _, selection in used), Counter[str]())),
        f'{width}x{height} f {fx * width:.0f} centre {cx:.3f} {cy:.3f}',
        f'{triplets.frame_interval:g} wanted',
    )
    return table


def _reasons(left_out: Counter[str]) -> str:
    return ', '.join(f'{count} {reason}' for reason, count in left_out.most_common())


def _apart(stamps: Sequence[int], selection: Selection) -> str:
    if not len(selection.triplets):
        return ''
    steps = np.diff(np.asarray(stamps, np.int64)[selection.triplets], axis=1) / 1e9
    return f'{np.median(steps):.3f} ({steps.min():.3f}..{steps.max():.3f})'
