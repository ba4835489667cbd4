# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report. Colours are those of Okabe and Ito, which all eyes can tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mdepth_ros.evaluation.consistency import INTERVAL
from mdepth_ros.evaluation.points import View
from mdepth_ros.evaluation.sparsification import KEPT, Sparsification
from mdepth_ros.evaluation.trajectory import Array

if TYPE_CHECKING:
    from mdepth_ros.report.depth import DepthResult
    from mdepth_ros.report.motion import MotionResult
    from mdepth_ros.report.scale_over_time import ScaleSeries
    from mdepth_ros.report.uncertainty import TwistResult

BLUE, ORANGE, GREEN, PURPLE = '#0072B2', '#D55E00', '#009E73', '#CC79A7'
STATES = {'none': '#999999', 'initialising': '#E69F00', 'good': GREEN, 'degraded': ORANGE}
AXES = ('vx (m/s)', 'vy (m/s)', 'vz (m/s)', 'wx (rad/s)', 'wy (rad/s)', 'wz (rad/s)')
STYLE = {
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.alpha': 0.3,
    'font.size': 10,
    'figure.constrained_layout.use': True,
}


@contextmanager
def drawing(path: Path, size: tuple[float, float], **style: Any) -> Iterator[Figure]:
    """A figure of a size in inches, which is written at the end."""
    with mpl.rc_context({**STYLE, **style}):
        figure = Figure(figsize=size)
        yield figure
        figure.savefig(path, dpi=110)


def plot_trajectory(path: Path, motion: MotionResult) -> None:
    """Truth and estimate from above."""
    with drawing(path, (8, 6)) as figure:
        draw_trajectory(figure.subplots(), motion)


def draw_trajectory(plot: Any, motion: MotionResult) -> None:
    """Truth and estimate from above, on axes of matplotlib."""
    positions, across = motion.truth.positions, list(motion.horizontal)
    raw, scaled = motion.raw, motion.scaled
    for points, label, colour, style in (
        (positions, 'truth', 'black', '-'),
        (raw.trajectory.positions, 'estimate as it is', ORANGE, '--'),
        (scaled.trajectory.positions, f'scaled by {scaled.scale:.3g}', BLUE, '-'),
    ):
        plot.plot(*points[:, across].T, style, color=colour, label=label, linewidth=1.5)
    plot.plot(*positions[0, across], 'o', color=GREEN, label='start')
    plot.set_aspect('equal', adjustable='datalim')
    x, y = (f'{"xyz"[axis]} of the truth (m)' for axis in across)
    title = f'ATE {scaled.absolute.rmse:.3g} m scaled, {raw.absolute.rmse:.3g} m as it is'
    plot.set(xlabel=x, ylabel=y, title=f'Top view. {title}')
    plot.legend(loc='best')


def plot_errors(path: Path, depth: DepthResult | None, motion: MotionResult | None) -> None:
    """Errors over time: AbsRel and ratio of medians, then errors of each motion."""
    start = depth.frames[0].stamp if depth else int(motion.truth.stamps[0]) if motion else 0
    panels: list[tuple[Array, list[tuple[Array, str, str]], str]] = []
    if depth is not None:
        order = sorted(depth.frames, key=lambda frame: frame.stamp)
        time = (np.array([frame.stamp for frame in order]) - start) / 1e9
        scaled, raw = (np.array([f.errors[kind].abs_rel for f in order]) for kind in ('', '_raw'))
        ratio = np.array([frame.errors[''].ratio for frame in order])
        curves = [(scaled, BLUE, 'median-scaled'), (raw, ORANGE, 'as it is')]
        panels.append((time, curves, 'depth AbsRel'))
        panels.append((time, [(ratio, GREEN, '')], 'depth ratio\ntruth / estimate'))
    if motion is not None:
        time = (motion.truth.stamps[1:] - start) / 1e9
        steps, as_it_is = motion.scaled.steps, motion.raw.steps
        curves = [(steps.translation, BLUE, 'scaled'), (as_it_is.translation, ORANGE, 'as it is')]
        panels.append((time, curves, 'translation error\n(m per frame)'))
        panels.append((time, [(steps.rotation, PURPLE, '')], 'rotation error\n(deg per frame)'))
    with drawing(path, (9, 2.2 * len(panels))) as figure:
        plots = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for plot, (time, curves, label) in zip(plots, panels, strict=True):
            for values, colour, name in curves:
                style = '.-' if len(time) < 200 else '-'
                plot.plot(time, values, style, color=colour, label=name, linewidth=0.8)
            plot.set_ylabel(label)
            plot.set_ylim(bottom=0)
            if len(curves) > 1:
                plot.legend(loc='lower right', bbox_to_anchor=(1, 0.97), ncol=2, frameon=False)
        figure.align_ylabels()
        plots[-1].set_xlabel('time since the first frame (s)')


def plot_depth(
    path: Path,
    frames: Sequence[tuple[str, View, float, Array | None]],
    limits: tuple[float, float],
) -> None:
    """One row per frame (title, view, ratio, picture): picture, estimate, truth, relative error.

    Estimates are scaled by the ratio of medians; depth has one logarithmic colour scale.
    """
    pictures = any(picture is not None for *_, picture in frames)
    columns, rows = 3 + pictures, len(frames)
    h, w = frames[0][1].estimate.shape
    every = np.concatenate([view.truth for _, view, _, _ in frames])
    every = every[(every > limits[0]) & (every < limits[1])]
    near, far = np.percentile(every, [1, 99]).clip(*limits)
    place = {'extent': (0, w, h, 0)}
    of_depth = {'cmap': 'turbo_r', 'norm': LogNorm(near, max(far, 1.01 * near)), **place}
    of_error = {'cmap': 'RdBu_r', 'vmin': -50, 'vmax': 50, **place}
    size = (4.2 * columns, (4.2 * h / w + 0.35) * rows + 0.7)
    plain = {'axes.grid': False, 'axes.spines.left': False, 'axes.spines.bottom': False}
    with drawing(path, size, **plain, **{'font.size': 9}) as figure:
        grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[1] * rows, 0.06])
        for row, (title, view, ratio, picture) in enumerate(frames):
            truth, error = rasters(view, ratio, limits)
            estimate = np.clip(view.estimate * ratio, *limits)
            name = 'estimate' if pictures else f'{title}: estimate'
            panels = [
                (title, picture, {}),
                (f'{name}, times {ratio:.3g}', estimate, of_depth),
                ('truth', truth, of_depth),
                ('error', 100 * error, of_error),
            ][-columns:]
            drawn = [_image(figure, grid[row, n], *panel) for n, panel in enumerate(panels)]
        ticks = [t for t in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 80) if near <= t <= far]
        _depth_bar(figure, drawn[-2], grid[rows, -3:-1], ticks)
        _bar(figure, drawn[-1], grid[rows, -1], '(estimate - truth) / truth (%)')


def plot_overview(
    path: Path,
    view: View,
    picture: Array | None,
    motion: MotionResult,
    limits: tuple[float, float],
) -> None:
    """One picture of a run: image, depth as it was published, truth, and trajectory from above."""
    ticks = (2, 3, 5, 10, 20, 40, 80)
    h, w = view.estimate.shape
    depth = {'cmap': 'turbo_r', 'norm': LogNorm(ticks[0], ticks[-1]), 'extent': (0, w, h, 0)}
    truth, _ = rasters(view, 1.0, limits)
    panels = [
        ('camera', picture, {}),
        ('estimated depth', view.estimate, depth),
        ('true depth', truth, depth),
    ]
    with drawing(path, (12, 6.2)) as figure:
        grid = figure.add_gridspec(4, 2, width_ratios=(1, 0.8), height_ratios=(1, 1, 1, 0.07))
        drawn = [_image(figure, grid[row, 0], *panel) for row, panel in enumerate(panels)]
        _depth_bar(figure, drawn[-1], grid[3, 0], ticks)
        draw_trajectory(figure.add_subplot(grid[:, 1]), motion)


def _image(
    figure: Figure, cell: Any, title: str, image: Array | None, style: dict[str, Any]
) -> Any:
    """Draw an image, or leave its place empty; return what a colour bar needs."""
    plot = figure.add_subplot(cell)
    plot.set(xticks=[], yticks=[], facecolor='#e6e6e6', anchor='N')
    plot.set_title(title, loc='left')
    return None if image is None else plot.imshow(image, **style)


def _bar(figure: Figure, drawn: Any, cell: Any, label: str) -> Any:
    place = figure.add_subplot(cell)
    bar = figure.colorbar(drawn, cax=place, orientation='horizontal', extend='both')
    bar.set_label(label)
    return bar


def _depth_bar(figure: Figure, drawn: Any, cell: Any, ticks: Sequence[int]) -> None:
    bar = _bar(figure, drawn, cell, 'depth (m)')
    bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
    bar.ax.minorticks_off()


def plot_sparsification(path: Path, ranking: Sparsification) -> None:
    """Error of what is left when the least confident pixels are taken away."""
    with drawing(path, (6, 4)) as figure:
        plot = figure.subplots()
        removed = 100 * (1 - KEPT)
        plot.axhline(ranking.random, color='black', linestyle=':', label='in random order')
        plot.plot(removed, ranking.curve, color=BLUE, label='the least confident first')
        plot.plot(removed, ranking.oracle, '--', color=GREEN, label='the largest error first')
        plot.set(xlabel='pixels taken away (%)', ylabel='AbsRel of the others')
        plot.set(xlim=(0, 100), ylim=(0, None))
        plot.set_title(f'Sparsification error {ranking.ause:.3f} of random')
        plot.legend(loc='best')


def plot_twists(path: Path, result: TwistResult) -> None:
    """Errors over time within their 95 % intervals."""
    seconds = (result.stamps - result.stamps[0]) / 1e9
    with drawing(path, (10, 7)) as figure:
        plots = figure.subplots(3, 2, sharex=True)
        for axis, plot in enumerate(plots.T.flat):
            bound = INTERVAL * result.stds[:, axis]
            plot.fill_between(seconds, -bound, bound, color=BLUE, alpha=0.2, linewidth=0)
            plot.plot(seconds, result.errors[:, axis], color=ORANGE, linewidth=0.8)
            plot.set_ylabel(AXES[axis])
        for plot in plots[-1]:
            plot.set_xlabel('time (s)')
        figure.suptitle('Error of the twist, scaled, and the interval that is to hold 95 % of it')


def plot_scale(path: Path, series: ScaleSeries, right: Mapping[int, float] | None = None) -> None:
    """Draw value, two spreads about it and states; `right`: stamp -> metres per unit by truth."""
    start = int(series.stamps[0])
    time = (series.stamps - start) / 1e9
    low, high = (series.values + side * 2 * series.spreads for side in (-1, 1))
    framed = {'axes.spines.top': True, 'axes.spines.right': True}
    with drawing(path, (9, 3.5), **framed) as figure:
        plot = figure.subplots()
        plot.fill_between(time, low, high, color=BLUE, alpha=0.15, label='two spreads')
        plot.plot(time, series.values, color=BLUE, linewidth=1.0)
        for state, colour in STATES.items():
            there = np.array([one == state for one in series.states])
            if there.any():
                plot.plot(time[there], series.values[there], '.', color=colour, label=state)
        if right:
            stamps = sorted(right)
            times, values = (np.array(stamps) - start) / 1e9, [right[stamp] for stamp in stamps]
            plot.plot(times, values, 'x', color='black', markersize=4, label='by the truth')
        top = float(np.median(series.values)) * 2
        plot.set(xlabel='time since the first frame (s)', ylabel='metres per unit', ylim=(0, top))
        plot.legend(loc='lower right', ncol=3, frameon=False)


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
