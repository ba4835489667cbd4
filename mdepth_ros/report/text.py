# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The words of a report: the lines of report.md, and its tables."""

from __future__ import annotations

import math

import numpy as np

from mdepth_ros.evaluation.depth import SCORES
from mdepth_ros.evaluation.trajectory import Statistics
from mdepth_ros.report.depth import DENSE_POINTS, LIDAR_CELL, TOLERANCE, DepthResult
from mdepth_ros.report.evaluate import Evaluation
from mdepth_ros.report.markdown import code, plain, table
from mdepth_ros.report.motion import MotionResult
from mdepth_ros.report.scale_over_time import scale_lines

KINDS = {
    '': 'median-scaled',
    '_raw': 'as it is',
    '_static': 'static, scaled',
    '_moving': 'moving, scaled',
    '_static_raw': 'static, as it is',
    '_moving_raw': 'moving, as it is',
}
SIDES = ('as it is', 'scaled')


def report_lines(evaluation: Evaluation) -> list[str]:
    """The lines of report.md."""
    run, truth = evaluation.run, evaluation.truth
    lines = ['# Evaluation', '', f'* run: {code(run.path)}, source {code(run.info.get("source"))}']
    lines += [f'* model: {code(run.info.get("model"))}'] if 'model' in run.info else []
    lines += [f'* truth: {code(truth.name)}', '']
    depth, motion, scale = evaluation.depth, evaluation.motion, evaluation.scale
    lines += ['## Depth', '', *_depth_lines(evaluation)]
    lines += ['', '## Trajectory', '', *_motion_lines(evaluation)]
    if motion is not None and motion.twists is not None:
        lines += ['', '## Uncertainty', '', *motion.twists.lines()]
    if scale is not None:
        lines += ['', '## Scale', '', *scale_lines(scale, depth, motion)]
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
    pixels = [f'{means.pixels:,}' for means in depth.means.values()]
    rows = [[*row, count] for row, count in zip(depth_rows(depth, 4), pixels, strict=True)]
    ratios = depth.ratios
    differences = np.abs([frame.difference for frame in depth.frames])
    mask = f', moving things by {code(evaluation.truth.moving_topic)}'
    near, far = evaluation.depths
    crop = ' (as shares of the estimated image)' if evaluation.crop != 'none' else ''
    lines = [
        *table('', (*SCORES, 'pixels'), rows),
        '',
        f'* estimate {code(evaluation.run.depth_topic)} against {kind} {code(depth.truth_topic)}'
        f'{mask if "_moving" in depth.means else ""}',
        f'* {len(depth.frames)} of {depth.estimates} estimates were scored; {left_out} have no '
        f'truth of their own within {1000 * TOLERANCE:.0f} ms, {unscored} no known pixel '
        f'with a truth in range ({depth.truths} messages of truth)',
        f'* truth is {1000 * differences.mean():.1f} ms from the estimate in the mean, '
        f'{1000 * differences.max():.1f} ms at most',
        f'* scored are truths between {near:g} and {far:g} m, crop: {evaluation.crop}{crop}',
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
    lines = [
        *table('', SIDES, motion_rows(motion)),
        '',
        f'* poses of {code(motion.frame)} against {code(evaluation.truth.pose_name)}'
        + (f'; {motion.note}' if motion.note else ''),
        f'* {len(motion.truth)} of {motion.estimates} estimated poses have a true pose at their '
        f'time; the true path is {length:.1f} m long',
        '* as it is: aligned by rotation and translation over the whole path; scaled: also by '
        f'one factor, here {scaled.scale:.4g}',
        '* RPE: relative pose error of consecutive poses; motion error: the same motions, pooled, '
        f'their translations scaled by the factor that suits them best, {scaled.step_scale:.4g}',
        '* alignment also turns the path: where it is nearly straight a small ATE says little, '
        'the motion error more',
        '* 5-frame ATE: of each 5 consecutive poses, the first aligned, each with its own factor',
    ]
    if not len(raw.drift):
        lines.append('* no KITTI drift: its shortest segment is 100 m')
    else:
        drifts = raw.drift.by_length(), scaled.drift.by_length()
        rows = [
            [f'{name}, %', *(f'{translation:.2f}' for translation, _ in drift.values())]
            for name, drift in zip(SIDES, drifts, strict=True)
        ]
        turns = [f'{rotation:.2f}' for _, rotation in drifts[0].values()]
        lengths = [f'{length:.0f}' for length in drifts[0]]
        lines += ['', *table('segment, m', lengths, [*rows, ['rotation, deg / 100 m', *turns]])]
    lines += ['', '![top view](trajectory.png)']
    return lines if evaluation.depth else [*lines, '![errors](errors.png)']


def depth_rows(depth: DepthResult, digits: int) -> list[list[str]]:
    """The table of depth: what, and its SCORES."""
    return [
        [KINDS[kind], *(f'{getattr(means, score):.{digits}f}' for score in SCORES)]
        for kind, means in depth.means.items()
    ]


def motion_rows(motion: MotionResult) -> list[list[str]]:
    """The table of a trajectory: what, as it is, scaled."""
    five, sides = motion.five, (motion.raw, motion.scaled)
    numbers = {
        'ATE, rmse (m)': [side.absolute.rmse for side in sides],
        'RPE translation, rmse (m)': [side.translation.rmse for side in sides],
        'RPE rotation, rmse (deg)': [side.rotation.rmse for side in sides],
        'motion error (% of the way)': [side.steps.translation_percent for side in sides],
        'motion error (deg per frame)': [side.steps.rotation_deg for side in sides],
        'KITTI drift (%)': [side.drift.translation for side in sides],
        'KITTI drift (deg / 100 m)': [side.drift.rotation for side in sides],
    }
    rows = [[name, *map(_number, values)] for name, values in numbers.items()]
    rows.insert(1, ['ATE, mean / median / max (m)', *(_spread(side.absolute) for side in sides)])
    mean = f'{_number(five.mean())} ± {_number(five.std())}' if len(five) else '-'
    return [*rows, ['5-frame ATE, mean ± std (m)', '', mean]]


def _spread(s: Statistics) -> str:
    return f'{_number(s.mean)} / {_number(s.median)} / {_number(s.max)}'


def _number(value: float) -> str:
    return f'{value:.4g}' if math.isfinite(value) else '-'
