# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a report: report.md, metrics.csv and .json, depth.csv, trajectory.csv, pictures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import SCORES, Sparsification, Statistics
from mdepth_ros.evaluation.sparsification import KEPT
from mdepth_ros.evaluation.trajectory import Array
from mdepth_ros.report import Evaluation, plots
from mdepth_ros.report.bags import ByStamp
from mdepth_ros.report.depth import DENSE_POINTS, LIDAR_CELL, TOLERANCE, DepthResult, views
from mdepth_ros.report.markdown import code, plain
from mdepth_ros.report.motion import MotionResult
from mdepth_ros.report.scale_over_time import plot_scale, right_scale, scale_lines
from mdepth_ros.report.uncertainty import plot_twists
from mdepth_ros.ros import images
from mdepth_ros.sources.topics import choose_image

KINDS = {
    '': 'median-scaled',
    '_raw': 'as it is',
    '_static': 'static, scaled',
    '_moving': 'moving, scaled',
    '_static_raw': 'static, as it is',
    '_moving_raw': 'moving, as it is',
}


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write every file of the report into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = evaluation.metrics
    (folder / 'metrics.json').write_text(json.dumps(metrics, indent=2) + '\n', 'utf-8')
    _write_csv(folder / 'metrics.csv', ['metric', 'value'], metrics.items())
    depth, motion = evaluation.depth, evaluation.motion
    if depth is not None:
        _write_csv(folder / 'depth.csv', *_depth_table(depth))
        _plot_depth(folder / 'depth.png', evaluation, depth)
        if (ranking := depth.ranking) is not None:
            _write_csv(folder / 'sparsification.csv', *_ranking_table(ranking))
            plots.plot_sparsification(folder / 'sparsification.png', ranking)
    if motion is not None:
        _write_csv(folder / 'trajectory.csv', *_motion_table(motion))
        plots.plot_trajectory(folder / 'trajectory.png', motion)
        if motion.twists is not None:
            plot_twists(folder / 'twist.png', motion.twists)
    plots.plot_errors(folder / 'errors.png', depth, motion)
    if evaluation.scale is not None:
        right = right_scale(evaluation.scale, depth)
        plot_scale(folder / 'scale.png', evaluation.scale, right)
    (folder / 'report.md').write_text('\n'.join(_lines(evaluation)) + '\n', 'utf-8')


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        writer.writerows([f'{x:.9g}' if isinstance(x, float) else x for x in row] for row in rows)


def _depth_table(depth: DepthResult) -> tuple[list[str], list[list[Any]]]:
    kinds = list(depth.means)
    header = ['stamp', 'time_difference', 'ratio', 'pixels', 'coverage']
    header += [f'{score}{kind}' for kind in kinds for score in SCORES]
    header += ['ause'] if depth.rankings else []
    rows: list[list[Any]] = []
    for stamp, difference, errors in depth.frames:
        whole = errors['']
        row: list[Any] = [stamp, difference, whole.ratio, whole.pixels, whole.coverage]
        for kind in kinds:
            row += [getattr(errors[kind], s) if kind in errors else '' for s in SCORES]
        if depth.rankings:
            ranking = depth.rankings.get(stamp)
            row.append('' if ranking is None or math.isnan(ranking.ause) else ranking.ause)
        rows.append(row)
    return header, rows


def _ranking_table(ranking: Sparsification) -> tuple[list[str], list[list[float]]]:
    header = ['kept', 'abs_rel_confident', 'abs_rel_oracle', 'abs_rel_random']
    columns = KEPT.tolist(), ranking.curve.tolist(), ranking.oracle.tolist()
    rows = zip(*columns, strict=True)
    return header, [[*row, ranking.random] for row in rows]


def _motion_table(motion: MotionResult) -> tuple[list[str], list[list[Any]]]:
    header = ['stamp_first', 'stamp_second', 'true_length', 'translation_error']
    header += ['translation_error_raw', 'rotation_error_deg']
    stamps = motion.truth.stamps.tolist()
    columns = (
        motion.steps.length,
        motion.steps.translation,
        motion.steps_raw.translation,
        motion.steps.rotation,
    )
    rows = zip(stamps[:-1], stamps[1:], *(c.tolist() for c in columns), strict=True)
    return header, [list(row) for row in rows]


def _plot_depth(path: Path, evaluation: Evaluation, depth: DepthResult) -> None:
    picks = dict(zip(depth.ranked(), ('best', 'median', 'worst'), strict=False))
    errors = {stamp: e[''] for stamp, _, e in depth.frames}
    matches = {stamp: depth.matches[stamp] for stamp in picks}
    found = views(evaluation.run, evaluation.truth, matches, evaluation.crop)
    view = {v.stamp: v for v in found}
    rows = []
    for stamp, name in picks.items():
        title = f'{name} frame, AbsRel {errors[stamp].abs_rel:.3f}'
        picture = picture_of(evaluation, stamp)
        rows.append((title, view[stamp], errors[stamp].ratio, picture))
    plots.plot_depth(path, rows, (evaluation.min_depth, evaluation.max_depth))


def picture_of(evaluation: Evaluation, stamp: int) -> Array | None:
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


def _lines(evaluation: Evaluation) -> list[str]:
    run, truth = evaluation.run, evaluation.truth
    lines = ['# Evaluation', '', f'* run: {code(run.path)}, source {code(run.info.get("source"))}']
    lines += [f'* model: {code(run.info.get("model"))}'] if 'model' in run.info else []
    lines += [f'* truth: {code(truth.name)}', '']
    lines += ['## Depth', '', *_depth_lines(evaluation)]
    lines += ['', '## Trajectory', '', *_motion_lines(evaluation)]
    if evaluation.motion is not None and evaluation.motion.twists is not None:
        lines += ['', '## Uncertainty', '', *evaluation.motion.twists.lines()]
    if evaluation.scale is not None:
        lines += [
            '',
            '## Scale',
            '',
            *scale_lines(evaluation.scale, evaluation.depth, evaluation.motion),
        ]
    if warnings := run.info.get('warnings'):
        lines += ['', '## What the run warned of', '', *(f'* {line}' for line in warnings)]
    losses = [*run.bag.recording.losses.lines()]
    losses += truth.bag.recording.losses.lines() if truth.bag else []
    if losses:
        lines += ['', '## What could not be read', '', *(f'* {plain(line)}' for line in losses)]
    return lines


def _depth_lines(evaluation: Evaluation) -> list[str]:
    depth = evaluation.depth
    if depth is None:
        return [f'Not compared: {plain(evaluation.no_depth)}.']
    whole = depth.means['']
    left_out = depth.estimates - len(depth.matches)
    unscored = len(depth.matches) - len(depth.frames)
    kind = 'lidar cloud' if evaluation.truth.is_lidar else 'depth image'
    header = f'| | {" | ".join(SCORES)} | pixels |'
    lines = [header, '|---|' + '---:|' * (len(SCORES) + 1)]
    for name, means in depth.means.items():
        numbers = ' | '.join(f'{getattr(means, score):.4f}' for score in SCORES)
        lines.append(f'| {KINDS[name]} | {numbers} | {means.pixels:,} |')
    ratios = depth.ratios
    differences = np.abs([frame[1] for frame in depth.frames])
    lines += [
        '',
        f'* estimate {code(evaluation.run.depth_topic)} against {kind} {code(depth.truth_topic)}'
        + (
            f', moving things by {code(evaluation.truth.moving_topic)}'
            if '_moving' in depth.means
            else ''
        ),
        f'* {len(depth.frames)} of {depth.estimates} estimates were scored; {left_out} have no '
        f'truth of their own within {1000 * TOLERANCE:.0f} ms, {unscored} no known pixel '
        f'with a truth in range ({depth.truths} messages of truth)',
        f'* truth is {1000 * differences.mean():.1f} ms from the estimate in the mean, '
        f'{1000 * differences.max():.1f} ms at most',
        f'* scored are truths between {evaluation.min_depth:g} and {evaluation.max_depth:g} m, '
        f'crop: {evaluation.crop}'
        + (' (as shares of the estimated image)' if evaluation.crop != 'none' else ''),
        f'* coverage {100 * whole.coverage:.1f} %: share of these truths where the estimate is '
        'known; unknown pixels take no part in the errors',
        f'* ratio of medians truth / estimate: median {np.median(ratios):.4g}, standard deviation '
        f'{100 * np.std(ratios) / np.median(ratios):.1f} % of it; scaled first, clamped after',
        '* errors are means over frames, each frame counts once',
    ]
    if evaluation.truth.is_lidar:
        lines.append(
            f'* of lidar points within {LIDAR_CELL:g} x {LIDAR_CELL:g} pixels of the estimate the '
            'nearest counts; the sweep is taken as one instant'
        )
    else:
        lines.append(f'* of true images above {DENSE_POINTS:,} pixels a regular subset is scored')
    lines += ['', '![worst, median and best frame](depth.png)', '![errors](errors.png)']
    return [*lines, *_ranking_lines(depth)]


def _ranking_lines(depth: DepthResult) -> list[str]:
    ranking = depth.ranking
    if ranking is None:
        return []
    return [
        '',
        '### Does the confidence rank the errors?',
        '',
        f'* sparsification error (AUSE) {ranking.ause:.3f} of that of a random order: 0 is as '
        'good as the errors themselves, 1 is random. It is (area - oracle) / (random - oracle), '
        'of the areas under AbsRel over the share of pixels kept, the most confident ones',
        f'* the area alone is {ranking.ratio:.3f} of random; the oracle has '
        f'{ranking.area_oracle / ranking.random:.3f}',
        f'* pixels are ranked within each of {ranking.images} frames; depth is median-scaled',
        '',
        '![sparsification](sparsification.png)',
    ]


def _motion_lines(evaluation: Evaluation) -> list[str]:
    motion = evaluation.motion
    if motion is None:
        return [f'Not compared: {plain(evaluation.no_motion)}.']
    raw, scaled = motion.raw, motion.scaled
    length = motion.truth.distances[-1]
    rows = motion_rows(motion)
    lines = ['| | as it is | scaled |', '|---|---:|---:|', *(f'| {" | ".join(r)} |' for r in rows)]
    lines += [
        '',
        f'* poses of {code(motion.frame)} against {code(evaluation.truth.pose_name)}'
        + (f'; {motion.note}' if motion.note else ''),
        f'* {len(motion.truth)} of {motion.estimates} estimated poses have a true pose at their '
        f'time; the true path is {length:.1f} m long',
        '* as it is: aligned by rotation and translation over the whole path; scaled: also by '
        f'one factor, here {scaled.scale:.4g}',
        '* RPE: relative pose error of consecutive poses; motion error: the same motions, pooled, '
        f'their translations scaled by the factor that suits them best, {motion.step_scale:.4g}',
        '* alignment also turns the path: where it is nearly straight a small ATE says little, '
        'the motion error more',
        '* 5-frame ATE: of each 5 consecutive poses, the first aligned, each with its own factor',
    ]
    if not len(raw.drift):
        lines.append('* no KITTI drift: its shortest segment is 100 m')
    else:
        lines += [
            '',
            '| segment, m | ' + ' | '.join(f'{k:.0f}' for k in raw.drift.by_length()) + ' |',
        ]
        lines.append('|---|' + '---:|' * len(raw.drift.by_length()))
        for name, side in (('as it is', raw), ('scaled', scaled)):
            values = side.drift.by_length().values()
            lines.append(f'| {name}, % | ' + ' | '.join(f'{t:.2f}' for t, _ in values) + ' |')
        values = raw.drift.by_length().values()
        lines.append(
            '| rotation, deg / 100 m | ' + ' | '.join(f'{r:.2f}' for _, r in values) + ' |'
        )
    lines += ['', '![top view](trajectory.png)']
    return lines if evaluation.depth else [*lines, '![errors](errors.png)']


def motion_rows(motion: MotionResult) -> list[tuple[str, str, str]]:
    """The table of a trajectory: what, as it is, scaled."""
    raw, scaled, five = motion.raw, motion.scaled, motion.five
    turned = _number(motion.steps.rotation_deg)
    return [
        ('ATE, rmse (m)', _number(raw.absolute.rmse), _number(scaled.absolute.rmse)),
        ('ATE, mean / median / max (m)', _spread(raw.absolute), _spread(scaled.absolute)),
        (
            'RPE translation, rmse (m)',
            _number(motion.rpe_raw[0].rmse),
            _number(motion.rpe[0].rmse),
        ),
        ('RPE rotation, rmse (deg)', _number(motion.rpe_raw[1].rmse), _number(motion.rpe[1].rmse)),
        (
            'motion error (% of the way)',
            _number(motion.steps_raw.translation_percent),
            _number(motion.steps.translation_percent),
        ),
        ('motion error (deg per frame)', turned, turned),
        ('KITTI drift (%)', _number(raw.drift.translation), _number(scaled.drift.translation)),
        ('KITTI drift (deg / 100 m)', _number(raw.drift.rotation), _number(scaled.drift.rotation)),
        (
            '5-frame ATE, mean ± std (m)',
            '',
            f'{_number(five.mean())} ± {_number(five.std())}' if len(five) else '-',
        ),
    ]


def _spread(s: Statistics) -> str:
    return f'{_number(s.mean)} / {_number(s.median)} / {_number(s.max)}'


def _number(value: float) -> str:
    return f'{value:.4g}' if math.isfinite(value) else '-'
