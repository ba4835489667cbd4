# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a report: report.md, metrics.csv and .json, depth.csv, trajectory.csv, pictures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import SCORES
from mdepth_ros.evaluation.sparsification import KEPT
from mdepth_ros.evaluation.trajectory import Array
from mdepth_ros.report import plots
from mdepth_ros.report.bags import ByStamp
from mdepth_ros.report.depth import DepthResult, views
from mdepth_ros.report.evaluate import Evaluation
from mdepth_ros.report.motion import MotionResult
from mdepth_ros.report.scale_over_time import right_scale
from mdepth_ros.report.text import report_lines
from mdepth_ros.ros import images
from mdepth_ros.sources.topics import choose_image


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write every file of the report into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = evaluation.metrics
    (folder / 'metrics.json').write_text(json.dumps(metrics, indent=2) + '\n', 'utf-8')
    _write_csv(folder / 'metrics.csv', {'metric': metrics, 'value': metrics.values()})
    depth, motion = evaluation.depth, evaluation.motion
    if depth is not None:
        _write_csv(folder / 'depth.csv', _depth_columns(depth))
        _plot_depth(folder / 'depth.png', evaluation, depth)
        if (ranking := depth.ranking) is not None:
            columns: dict[str, Iterable[Any]] = {
                'kept': KEPT,
                'abs_rel_confident': ranking.curve,
                'abs_rel_oracle': ranking.oracle,
                'abs_rel_random': repeat(ranking.random, len(KEPT)),
            }
            _write_csv(folder / 'sparsification.csv', columns)
            plots.plot_sparsification(folder / 'sparsification.png', ranking)
    if motion is not None:
        _write_csv(folder / 'trajectory.csv', _motion_columns(motion))
        plots.plot_trajectory(folder / 'trajectory.png', motion)
        if motion.twists is not None:
            plots.plot_twists(folder / 'twist.png', motion.twists)
    plots.plot_errors(folder / 'errors.png', depth, motion)
    if evaluation.scale is not None:
        right = right_scale(evaluation.scale, depth)
        plots.plot_scale(folder / 'scale.png', evaluation.scale, right)
    (folder / 'report.md').write_text('\n'.join(report_lines(evaluation)) + '\n', 'utf-8')


def _write_csv(path: Path, columns: Mapping[str, Iterable[Any]]) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([f'{x:.9g}' if isinstance(x, float) else x for x in row])


def _depth_columns(depth: DepthResult) -> dict[str, Iterable[Any]]:
    errors = [frame.errors for frame in depth.frames]
    columns: dict[str, Iterable[Any]] = {
        'stamp': [frame.stamp for frame in depth.frames],
        'time_difference': [frame.difference for frame in depth.frames],
        **{
            name: [getattr(e[''], name) for e in errors]
            for name in ('ratio', 'pixels', 'coverage')
        },
    }
    for kind in depth.means:
        for score in SCORES:  # a frame may have no moving things
            columns[f'{score}{kind}'] = [getattr(e.get(kind), score, '') for e in errors]
    if depth.rankings:
        known = {s: r.ause for s, r in depth.rankings.items() if not math.isnan(r.ause)}
        columns['ause'] = [known.get(frame.stamp, '') for frame in depth.frames]
    return columns


def _motion_columns(motion: MotionResult) -> dict[str, Iterable[Any]]:
    stamps = motion.truth.stamps
    return {
        'stamp_first': stamps[:-1],
        'stamp_second': stamps[1:],
        'true_length': motion.scaled.steps.length,
        'translation_error': motion.scaled.steps.translation,
        'translation_error_raw': motion.raw.steps.translation,
        'rotation_error_deg': motion.scaled.steps.rotation,
    }


def _plot_depth(path: Path, evaluation: Evaluation, depth: DepthResult) -> None:
    picks = dict(zip(depth.ranked(), ('best', 'median', 'worst'), strict=False))
    errors = {frame.stamp: frame.errors[''] for frame in depth.frames}
    matches = {stamp: depth.matches[stamp] for stamp in picks}
    found = views(evaluation.run, evaluation.truth, matches, evaluation.crop)
    view = {v.stamp: v for v in found}
    rows = []
    for stamp, name in picks.items():
        title = f'{name} frame, AbsRel {errors[stamp].abs_rel:.3f}'
        picture = _picture_of(evaluation, stamp)
        rows.append((title, view[stamp], errors[stamp].ratio, picture))
    plots.plot_depth(path, rows, evaluation.depths)


def write_overview(evaluation: Evaluation, path: Path) -> None:
    """Draw the frame of median error, see `plot_overview`.

    Raises MdepthError where depth or trajectory were not compared.
    """
    depth, motion = evaluation.depth, evaluation.motion
    if depth is None or motion is None:
        raise MdepthError(f'no overview: {evaluation.no_depth or evaluation.no_motion}')
    stamp = depth.ranked()[len(depth.ranked()) // 2]
    matches = {stamp: depth.matches[stamp]}
    view = next(views(evaluation.run, evaluation.truth, matches, evaluation.crop))
    picture = _picture_of(evaluation, stamp)
    plots.plot_overview(path, view, picture, motion, evaluation.depths)


def _picture_of(evaluation: Evaluation, stamp: int) -> Array | None:
    """The image of that stamp, where the bag of the truth has one camera."""
    bag, truth = evaluation.truth.bag, evaluation.truth
    if bag is None:
        return None
    try:
        topic = choose_image(
            bag.recording.topics, None, [*bag.depth_topics(), truth.moving_topic or '']
        )
        message = ByStamp(bag, topic, [stamp]).fetch(stamp)
        return None if message is None else images.to_rgb(message)
    except MdepthError:  # several cameras, or an image that does not decode: no picture then
        return None
