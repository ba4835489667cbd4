# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that driving benchmarks quote: KITTI drift, the 5-frame error, errors per pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdepth_ros.evaluation.trajectory import (
    Array,
    Trajectory,
    best_scale,
    relative,
    rotation_angle,
)

KITTI_LENGTHS = (100, 200, 300, 400, 500, 600, 700, 800)


@dataclass(frozen=True, eq=False)
class Drift:
    """KITTI odometry errors of all segments [M]: length in m, % of it, degrees per 100 m."""

    lengths: Array
    translation_percent: Array
    rotation_deg_per_100m: Array

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def translation(self) -> float:
        """Mean translation error over all segments, % (NaN where no segment fits)."""
        return float(np.mean(self.translation_percent)) if len(self) else math.nan

    @property
    def rotation(self) -> float:
        """Mean rotation error over all segments, degrees per 100 m (NaN where no segment fits)."""
        return float(np.mean(self.rotation_deg_per_100m)) if len(self) else math.nan

    def by_length(self) -> dict[float, tuple[float, float]]:
        """Mean (translation %, rotation deg/100 m) by segment length."""
        return {
            float(length): (
                float(np.mean(self.translation_percent[self.lengths == length])),
                float(np.mean(self.rotation_deg_per_100m[self.lengths == length])),
            )
            for length in np.unique(self.lengths)
        }


def kitti_drift(
    estimate: Trajectory,
    truth: Trajectory,
    lengths: Sequence[float] = KITTI_LENGTHS,
    step: int = 10,
) -> Drift:
    """Drift over segments of the true path, as KITTI odometry counts it (Geiger et al. 2012).

    From every `step`-th pose to the first pose more than `length` metres further along the true
    path; errors of the relative pose divided by the nominal length. A monocular estimate is
    aligned with a scale before.
    """
    distances = truth.distances
    found: list[tuple[int, int, float]] = []
    for first in range(0, len(truth), step):
        for length in lengths:
            last = int(np.searchsorted(distances, distances[first] + length, side='right'))
            if last < len(truth):
                found.append((first, last, float(length)))
    i = np.array([f[0] for f in found], np.intp)
    j = np.array([f[1] for f in found], np.intp)
    metres = np.array([f[2] for f in found], np.float64)
    error = relative(
        relative(estimate.poses[i], estimate.poses[j]), relative(truth.poses[i], truth.poses[j])
    )
    return Drift(
        metres,
        100 * np.linalg.norm(error[:, :3, 3], axis=1) / metres,
        100 * rotation_angle(error[:, :3, :3]) / metres,
    )


def five_frame_errors(estimate: Array, truth: Array, frames: int = 5) -> Array:
    """The 5-frame error from every start, metres, of motions [N,4,4] (T_previous_current).

    Per start `frames` - 1 motions are chained to `frames` points, the first at the origin; the
    estimate is scaled by sum(g.p) / sum(p.p); the error is sqrt(sum |g-p|^2) / frames (as Zhou
    et al. 2017 and their successors count it: 1/sqrt(frames) times the root mean square). Quoted
    are mean and standard deviation over the starts. Frames before a full window, at the end of
    the drive, are no start.
    """
    errors = []
    for start in range(len(truth) - frames + 2):
        g = chain(truth[start : start + frames - 1])[:, :3, 3]
        p = chain(estimate[start : start + frames - 1])[:, :3, 3]
        errors.append(np.sqrt(np.sum((g - best_scale(p, g) * p) ** 2)) / frames)
    return np.array(errors)


def chain(motions: Array) -> Array:
    """Poses [n+1,4,4] that motions [n,4,4] (T_previous_current) make, from the identity."""
    poses = [np.eye(4)]
    for motion in motions:
        poses.append(poses[-1] @ motion)
    return np.stack(poses)


@dataclass(frozen=True, eq=False)
class MotionErrors:
    """Errors of single motions [N] of one drive or several: m, degrees, true length in m."""

    translation: Array
    rotation: Array
    length: Array

    @property
    def translation_percent(self) -> float:
        """Sum of translation errors over the sum of true lengths, %: standing does no harm."""
        return float(100 * np.sum(self.translation) / np.sum(self.length))

    @property
    def rotation_deg(self) -> float:
        """Mean rotation error, degrees per frame."""
        return float(np.mean(self.rotation))

    @staticmethod
    def pooled(drives: Sequence[MotionErrors]) -> MotionErrors:
        """All pairs of all drives together."""
        return MotionErrors(
            np.concatenate([d.translation for d in drives]),
            np.concatenate([d.rotation for d in drives]),
            np.concatenate([d.length for d in drives]),
        )


def relative_motion_errors(
    estimate: Array, truth: Array, scale: float | None = None
) -> tuple[MotionErrors, float]:
    """Errors of estimated motions [N,4,4] of one drive, and the scale that was used.

    The translations are multiplied by `scale`, or by the one factor that suits the whole drive
    best, sum(g.p) / sum(p.p). Translation error: |g - s p|; rotation error: angle of Rg^-1 Rp.
    """
    g, p = truth[:, :3, 3], estimate[:, :3, 3]
    factor = best_scale(p, g) if scale is None else scale
    rotation = np.swapaxes(truth[:, :3, :3], 1, 2) @ estimate[:, :3, :3]
    errors = MotionErrors(
        np.linalg.norm(g - factor * p, axis=1), rotation_angle(rotation), np.linalg.norm(g, axis=1)
    )
    return errors, factor
