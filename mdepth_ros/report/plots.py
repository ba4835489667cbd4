# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report. Colours are those of Okabe and Ito, which all eyes can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use('Agg')

from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm

from mdepth_ros.evaluation import Sparsification
from mdepth_ros.evaluation.sparsification import KEPT
from mdepth_ros.evaluation.trajectory import Array
from mdepth_ros.report.depth import DepthResult, View
from mdepth_ros.report.motion import MotionResult

BLUE, ORANGE, GREEN, PURPLE = '#0072B2', '#D55E00', '#009E73', '#CC79A7'
STYLE = {
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.alpha': 0.3,
    'font.size': 10,
    'figure.constrained_layout.use': True,
}


def plot_trajectory(path: Path, motion: MotionResult) -> None:
    """Truth and estimate from above."""
    with plt.rc_context(STYLE):
        figure, plot = plt.subplots(figsize=(8, 6))
        draw_trajectory(plot, motion)
        save(figure, path)


def draw_trajectory(plot: Any, motion: MotionResult) -> None:
    """Truth and estimate from above, on axes of matplotlib."""
    positions, across = motion.truth.positions, list(motion.horizontal)
    raw, scaled = motion.raw, motion.scaled
    curves = [
        (positions, 'truth', 'black', '-'),
        (raw.trajectory.positions, 'estimate as it is', ORANGE, '--'),
        (scaled.trajectory.positions, f'scaled by {scaled.scale:.3g}', BLUE, '-'),
    ]
    for points, label, colour, style in curves:
        plot.plot(*points[:, across].T, style, color=colour, label=label, linewidth=1.5)
    plot.plot(*positions[0, across], 'o', color=GREEN, label='start')
    plot.set_aspect('equal', adjustable='datalim')
    plot.set_xlabel(f'{"xyz"[across[0]]} of the truth (m)')
    plot.set_ylabel(f'{"xyz"[across[1]]} of the truth (m)')
    plot.set_title(
        f'Top view. ATE {scaled.absolute.rmse:.3g} m scaled, {raw.absolute.rmse:.3g} m as it is'
    )
    plot.legend(loc='best')


def plot_errors(path: Path, depth: DepthResult | None, motion: MotionResult | None) -> None:
    """Errors over time: AbsRel and ratio of medians, then errors of each motion."""
    start = min(
        [frame[0] for frame in depth.frames[:1]] if depth else [],
        default=int(motion.truth.stamps[0]) if motion else 0,
    )
    panels: list[tuple[Array, Sequence[tuple[Array, str, str]], str]] = []
    if depth is not None:
        order = sorted(depth.frames, key=lambda frame: frame[0])
        time = (np.array([frame[0] for frame in order]) - start) / 1e9
        scored = [frame[2] for frame in order]
        scaled = np.array([errors[''].abs_rel for errors in scored])
        raw = np.array([errors['_raw'].abs_rel for errors in scored])
        ratio = np.array([errors[''].ratio for errors in scored])
        panels.append(
            (time, [(scaled, BLUE, 'median-scaled'), (raw, ORANGE, 'as it is')], 'depth AbsRel')
        )
        panels.append((time, [(ratio, GREEN, '')], 'depth ratio\ntruth / estimate'))
    if motion is not None:
        time = (motion.truth.stamps[1:] - start) / 1e9
        steps = [
            (motion.steps.translation, BLUE, 'scaled'),
            (motion.steps_raw.translation, ORANGE, 'as it is'),
        ]
        panels.append((time, steps, 'translation error\n(m per frame)'))
        panels.append(
            (time, [(motion.steps.rotation, PURPLE, '')], 'rotation error\n(deg per frame)')
        )
    with plt.rc_context(STYLE):
        figure, plots = plt.subplots(
            len(panels), 1, figsize=(9, 2.2 * len(panels)), sharex=True, squeeze=False
        )
        for plot, (time, curves, label) in zip(plots[:, 0], panels, strict=True):
            for values, colour, name in curves:
                style = '.-' if len(time) < 200 else '-'
                plot.plot(time, values, style, color=colour, label=name, linewidth=0.8)
            plot.set_ylabel(label)
            plot.set_ylim(bottom=0)
            if len(curves) > 1:
                plot.legend(loc='lower right', bbox_to_anchor=(1, 0.97), ncol=2, frameon=False)
        figure.align_ylabels()
        plots[-1, 0].set_xlabel('time since the first frame (s)')
        save(figure, path)


def plot_depth(
    path: Path,
    frames: Sequence[tuple[str, View, float, Array | None]],
    limits: tuple[float, float],
) -> None:
    """One row per frame (title, view, ratio, picture): picture, estimate, truth, relative error.

    Estimates are scaled by the ratio of medians; depth has one logarithmic colour scale.
    """
    with plt.rc_context({**STYLE, 'axes.grid': False, 'font.size': 9}):
        pictures = any(picture is not None for *_, picture in frames)
        columns = 3 + pictures
        h, w = frames[0][1].estimate.shape
        rows = len(frames)
        figure = plt.figure(figsize=(4.2 * columns, (4.2 * h / w + 0.35) * rows + 0.7))
        grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[1] * rows, 0.06])
        every = np.concatenate([view.truth for _, view, _, _ in frames])
        every = every[(every > limits[0]) & (every < limits[1])]
        near, far = np.percentile(every, [1, 99]).clip(*limits)
        norm = LogNorm(near, max(far, 1.01 * near))
        drawn: list[Any] = [None, None]
        for index, (title, view, ratio, picture) in enumerate(frames):
            cells = [figure.add_subplot(grid[index, column]) for column in range(columns)]
            for plot in cells:
                plot.set(xticks=[], yticks=[], facecolor='#e6e6e6', anchor='N')
                plot.spines[:].set_visible(False)
            if pictures:
                plot = cells.pop(0)
                if picture is not None:
                    plot.imshow(picture)
                plot.set_title(title, loc='left')
            estimate = np.clip(view.estimate * ratio, *limits)
            truth, error = rasters(view, ratio, limits)
            extent = (0, w, h, 0)
            drawn[0] = cells[0].imshow(estimate, cmap='turbo_r', norm=norm)
            cells[1].imshow(truth, cmap='turbo_r', norm=norm, extent=extent)
            drawn[1] = cells[2].imshow(
                100 * error, cmap='RdBu_r', vmin=-50, vmax=50, extent=extent
            )
            name = 'estimate' if pictures else f'{title}: estimate'
            cells[0].set_title(f'{name}, times {ratio:.3g}', loc='left')
            cells[1].set_title('truth', loc='left')
            cells[2].set_title('error', loc='left')
        place = figure.add_subplot(grid[rows, -3:-1])
        bar = figure.colorbar(drawn[0], cax=place, orientation='horizontal', extend='both')
        bar.set_label('depth (m)')
        ticks = [t for t in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 80) if near <= t <= far]
        bar.set_ticks(ticks, labels=[str(t) for t in ticks])
        bar.ax.minorticks_off()
        place = figure.add_subplot(grid[rows, -1])
        bar = figure.colorbar(drawn[1], cax=place, orientation='horizontal', extend='both')
        bar.set_label('(estimate - truth) / truth (%)')
        save(figure, path)


def plot_sparsification(path: Path, ranking: Sparsification) -> None:
    """Error of what is left when the least confident pixels are taken away."""
    with plt.rc_context(STYLE):
        figure, plot = plt.subplots(figsize=(6, 4))
        removed = 100 * (1 - KEPT)
        plot.axhline(ranking.random, color='black', linestyle=':', label='in random order')
        plot.plot(removed, ranking.curve, color=BLUE, label='the least confident first')
        plot.plot(removed, ranking.oracle, '--', color=GREEN, label='the largest error first')
        plot.set_xlabel('pixels taken away (%)')
        plot.set_ylabel('AbsRel of the others')
        plot.set(xlim=(0, 100), ylim=(0, None))
        plot.set_title(f'Sparsification error {ranking.ause:.3f} of random')
        plot.legend(loc='best')
        save(figure, path)


def rasters(view: View, ratio: float, limits: tuple[float, float]) -> tuple[Array, Array]:
    """True depth and relative error as images, coarse enough that sparse points fill them."""
    known = (view.truth > limits[0]) & (view.truth < limits[1]) & (view.sampled > 0)
    g, pixels = view.truth[known], view.pixels[known]
    p = np.clip(view.sampled[known] * ratio, *limits)
    h, w = view.estimate.shape
    cell = max(1.0, np.sqrt(h * w / max(len(g), 1)))
    shape = int(np.ceil(h / cell)), int(np.ceil(w / cell))
    rows = ((pixels[:, 1] + 0.5) / h * shape[0]).astype(int).clip(0, shape[0] - 1)
    columns = ((pixels[:, 0] + 0.5) / w * shape[1]).astype(int).clip(0, shape[1] - 1)
    order = np.argsort(-g)  # the nearest is drawn last
    truth, error = np.full(shape, np.nan), np.full(shape, np.nan)
    truth[rows[order], columns[order]] = g[order]
    error[rows[order], columns[order]] = ((p - g) / g)[order]
    return truth, error


def save(figure: Any, path: Path) -> None:
    """Write the picture and forget the figure."""
    figure.savefig(path, dpi=110)
    plt.close(figure)
