# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One picture of a run: what the camera saw, depth, truth, and the trajectory from above."""

from __future__ import annotations

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm

from mdepth_ros.errors import MdepthError
from mdepth_ros.report import Evaluation
from mdepth_ros.report.depth import views
from mdepth_ros.report.plots import STYLE, draw_trajectory, rasters, save
from mdepth_ros.report.write import picture_of

TICKS = (2, 3, 5, 10, 20, 40, 80)


def write_overview(evaluation: Evaluation, path: Path) -> None:
    """Draw the frame of median error; depth as it was published, in metres.

    Raises MdepthError where depth or trajectory were not compared.
    """
    depth, motion = evaluation.depth, evaluation.motion
    if depth is None or motion is None:
        raise MdepthError(f'no overview: {evaluation.no_depth or evaluation.no_motion}')
    stamp = depth.ranked()[len(depth.ranked()) // 2]
    view = next(
        views(evaluation.run, evaluation.truth, {stamp: depth.matches[stamp]}, evaluation.crop)
    )
    limits = (evaluation.min_depth, evaluation.max_depth)
    truth, _ = rasters(view, 1.0, limits)
    h, w = view.estimate.shape
    norm = LogNorm(TICKS[0], TICKS[-1])
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(12, 6.2))
        grid = figure.add_gridspec(4, 2, width_ratios=(1, 0.8), height_ratios=(1, 1, 1, 0.07))
        of_depth = {'cmap': 'turbo_r', 'norm': norm, 'extent': (0, w, h, 0)}
        panels = [
            ('camera', picture_of(evaluation, stamp), {}),
            ('estimated depth', view.estimate, of_depth),
            ('true depth', truth, of_depth),
        ]
        for row, (title, image, style) in enumerate(panels):
            plot = figure.add_subplot(grid[row, 0])
            plot.set(xticks=[], yticks=[], facecolor='#e6e6e6')
            plot.set_title(title, loc='left')
            if image is not None:
                drawn = plot.imshow(image, **style)
        bar = figure.colorbar(
            drawn, cax=figure.add_subplot(grid[3, 0]), orientation='horizontal', extend='both'
        )
        bar.set_label('depth (m)')
        bar.set_ticks(TICKS, labels=[str(tick) for tick in TICKS])
        bar.ax.minorticks_off()
        draw_trajectory(figure.add_subplot(grid[:, 1]), motion)
        save(figure, path)
