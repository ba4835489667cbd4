# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trajectory of a run against its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import poses_at
from mdepth_ros.evaluation.drives import (
    Drift,
    MotionErrors,
    five_frame_errors,
    kitti_drift,
    relative_motion_errors,
)
from mdepth_ros.evaluation.trajectory import (
    Alignment,
    Array,
    Statistics,
    Trajectory,
    absolute_errors,
    align,
    relative_errors,
)
from mdepth_ros.report.run import Run, Truth
from mdepth_ros.report.uncertainty import TwistResult, score_twists


@dataclass(frozen=True, eq=False)
class Aligned:
    """An estimate aligned by one rule, and its errors.

    scale              factor of the whole path
    absolute, drift    over the whole, and over segments
    translation, rotation  relative pose errors of consecutive frames, m and deg
    steps, step_scale  errors of the same motions, which are not aligned, and their own factor
    """

    trajectory: Trajectory
    scale: float
    absolute: Statistics
    drift: Drift
    translation: Statistics
    rotation: Statistics
    steps: MotionErrors
    step_scale: float


@dataclass(frozen=True, eq=False)
class MotionResult:
    """Errors of a trajectory.

    raw and scaled are aligned with 6 and 7 degrees of freedom, their motions without a factor and
    with the one that suits the motions best; twists is None where the covariances cannot be
    judged.
    """

    estimates: int
    truth: Trajectory
    frame: str
    note: str
    horizontal: tuple[int, int]
    raw: Aligned
    scaled: Aligned
    five: Array
    twists: TwistResult | None


def score_motion(run: Run, truth: Truth) -> MotionResult:
    """Score the poses at whose time the true one is known, see `poses_at`.

    Raises MdepthError where there are no true poses, or fewer than three that match.
    """
    if truth.poses is None:
        raise MdepthError(f'no true trajectory in {truth.name}')
    true_poses, true_frame = truth.poses
    whole, frame = run.trajectory()
    estimate, note = _of_frame(whole, frame, true_frame, truth)
    known, poses = poses_at(true_poses, estimate.stamps)
    if known.sum() < 3:
        times = [
            f'{t.stamps[0] / 1e9:.3f} to {t.stamps[-1] / 1e9:.3f} s' if len(t) else 'empty'
            for t in (estimate, true_poses)
        ]
        raise MdepthError(
            f'only {known.sum()} poses have a true pose at their time, 3 are needed (estimate: '
            f'{times[0]}, truth: {times[1]}): are their stamps of one clock?'
        )
    estimate = estimate.select(np.flatnonzero(known))
    reference = Trajectory(estimate.stamps, poses[known])
    scaled = _aligned(estimate, reference, 'sim3', None)
    return MotionResult(
        estimates=len(whole),
        truth=reference,
        frame=true_frame,
        note=note,
        horizontal=truth.horizontal,
        raw=_aligned(estimate, reference, 'se3', 1.0),
        scaled=scaled,
        five=five_frame_errors(estimate.motions, reference.motions),
        twists=score_twists(run, reference, true_frame, scaled.step_scale),
    )


def _of_frame(
    estimate: Trajectory, frame: str, other: str, truth: Truth
) -> tuple[Trajectory, str]:
    """The trajectory of the frame that the truth is about, and what had to be assumed for that."""
    if frame == other:
        return estimate, ''
    T = truth.transforms.lookup(frame, other) if frame and other else None
    if T is None:
        return estimate, (
            f'/tf_static does not connect `{frame}` (estimate) with `{other}` (truth): '
            'compared as if they were one frame'
        )
    return estimate.of_frame(T), f'the estimate of `{frame}` was moved to `{other}` by /tf_static'


def _aligned(
    estimate: Trajectory, truth: Trajectory, alignment: Alignment, step_scale: float | None
) -> Aligned:
    aligned, scale = align(estimate, truth, alignment)
    translation, rotation = relative_errors(aligned, truth)
    return Aligned(
        aligned,
        scale,
        Statistics.of(absolute_errors(aligned, truth)),
        kitti_drift(aligned, truth),
        Statistics.of(translation),
        Statistics.of(rotation),
        *relative_motion_errors(estimate.motions, truth.motions, step_scale),
    )
