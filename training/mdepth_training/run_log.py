# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a run measures: metrics.csv, and scalars and pictures for TensorBoard."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter


class RunLog:
    """metrics.csv has a row for every time something was measured, `step` steps into the run.

    A resumed run replaces the rows that the interrupted one wrote after its last checkpoint.

    columns  those of the method, beside the ones that every method has
    enabled  false in all processes but the first: they only keep what is the latest
    latest   name -> last value that was measured
    """

    def __init__(self, output: Path, columns: Sequence[str], *, enabled: bool = True) -> None:
        first, last = ('step', 'seconds', 'loss', 'validation_loss'), ('gradient_norm',)
        self.columns = (*first, *columns, *last, 'learning_rate')
        self.path, self.began = output / 'metrics.csv', 0.0
        self.latest: dict[str, float] = {}
        self.board = SummaryWriter(str(output / 'tensorboard')) if enabled else None  # type: ignore[no-untyped-call]

    def write(self, step: int, values: Mapping[str, float | Tensor]) -> None:
        """Add a row."""
        numbers = {name: float(value) for name, value in values.items()}
        self.latest |= numbers
        if self.board is None:
            return
        for name, value in numbers.items():
            self.board.add_scalar(name, value, step)  # type: ignore[no-untyped-call]
        if not self.began:
            self._begin(step)
        row = {name: f'{numbers[name]:.6g}' for name in self.columns if name in numbers}
        times = {'step': str(step), 'seconds': f'{time.time() - self.began:.2f}'}
        with self.path.open('a', newline='') as file:
            csv.DictWriter(file, self.columns).writerow(times | row)

    def draw(self, step: int, pictures: Mapping[str, Tensor]) -> None:
        """Add the pictures of a step as one sheet."""
        if self.board is not None:
            self.board.add_image('reconstruction', contact_sheet(pictures), step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Write out what TensorBoard is to have."""
        if self.board is not None:
            self.board.close()  # type: ignore[no-untyped-call]

    def _begin(self, first_step: int) -> None:
        self.began = time.time()
        kept = []
        if self.path.exists():
            with self.path.open(newline='') as file:
                # A row of which a full disk took the end is left out.
                whole = (row for row in csv.DictReader(file) if None not in row.values())
                kept = [row for row in whole if int(row['step']) < first_step]
        if kept:
            self.began -= float(kept[-1]['seconds'])
        partial = self.path.with_suffix('.partial')
        with partial.open('w', newline='') as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(kept)
        os.replace(partial, self.path)  # noqa: PTH105


def contact_sheet(pictures: Mapping[str, Tensor], columns: int = 4) -> Tensor:
    """One row for each kind, one column for each of the first samples: [3, rows h, columns w].

    Images [B, 3, h, w] in 0..1 are shown as they are, maps [B, 1, h, w] as colours from their
    least to their largest value.
    """
    rows = []
    for values in pictures.values():
        images = values[:columns].float().cpu()
        if images.shape[1] == 1:
            images = torch.stack([_coloured(image[0]) for image in images])
        rows.append(torch.cat(list(images), 2))
    return torch.cat(rows, 1)


def _coloured(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    shares = ((values - low) / (high - low + 1e-9)).numpy()
    colours = matplotlib.colormaps['magma'](shares)[..., :3]
    return torch.from_numpy(colours).permute(2, 0, 1).float()
