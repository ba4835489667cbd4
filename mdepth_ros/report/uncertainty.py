# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the errors of the twist are as large as its covariance says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mdepth_ros.evaluation.consistency import Array, Consistency, normalised
from mdepth_ros.evaluation.trajectory import Trajectory, inverse
from mdepth_ros.geometry import se3_log
from mdepth_ros.report.markdown import table
from mdepth_ros.report.run import Run

UNKNOWN_STD = 20.0
"""m/s: a twist with a larger std says that it is not known (held or lost)."""


@dataclass(frozen=True, eq=False)
class TwistResult:
    """Errors and std [N, 6] of the twists at stamps [N], scaled by the best factor of the path.

    Consistency with that factor and as it is; unknown: twists that were held or lost.
    """

    stamps: Array
    errors: Array
    stds: Array
    scaled: Consistency
    raw: Consistency
    unknown: int

    @property
    def metrics(self) -> dict[str, float]:
        """By their flat names."""
        return {
            'nees': self.scaled.nees,
            'nees_raw': self.raw.nees,
            'interval_coverage': self.scaled.coverage,
            'interval_coverage_raw': self.raw.coverage,
        }

    def lines(self) -> list[str]:
        """Lines of the report."""
        sides, share = (self.raw, self.scaled), '95 % intervals cover (%)'
        rows = [
            ['NEES / 6', *(f'{side.nees:.3f}' for side in sides)],
            [share, *(f'{100 * side.coverage:.1f}' for side in sides)],
        ]
        return [
            *table('of the twist', ('as it is', 'scaled'), rows),
            '',
            f'* {len(self.errors)} twists against the true motion between consecutive poses; '
            f'{self.unknown} were held or lost',
            '* NEES / 6 is 1 where errors are as large as the covariances say; scaled, the error '
            'of the scale is gone but not its share of the covariance: it may be well below 1',
            '',
            '![errors and 95 % intervals of the twist](twist.png)',
        ]


def score_twists(run: Run, truth: Trajectory, frame: str, scale: float) -> TwistResult | None:
    """Compare the twists of a run with true poses of the same frame at the same stamps.

    scale  the factor that brings the estimated motions nearest to the true ones

    None where the run has no odometry of that frame, or no covariances.
    """
    topic, stamps = run.odometry_topic, {int(s): i for i, s in enumerate(truth.stamps)}
    if topic is None:
        return None
    rows, unknown = [], 0
    for stamp, message in run.bag.messages(topic):
        index = stamps.get(stamp)
        if message.child_frame_id.lstrip('/') != frame or not index:
            continue
        covariance = np.array(message.twist.covariance, np.float64).reshape(6, 6)
        if not covariance.diagonal().min() > 0:
            return None
        if covariance[:3, :3].diagonal().max() > UNKNOWN_STD**2:
            unknown += 1
            continue
        seconds = (truth.stamps[index] - truth.stamps[index - 1]) / 1e9
        moved = inverse(truth.poses[index - 1]) @ truth.poses[index]
        true = se3_log(torch.from_numpy(moved)).numpy() / seconds
        linear, angular = message.twist.twist.linear, message.twist.twist.angular
        twist = np.array([*(getattr(part, k) for part in (linear, angular) for k in 'xyz')])
        rows.append((stamp, twist, true, covariance))
    if len(rows) < 3:
        return None
    taken, twists, trues, covariances = (np.array(part) for part in zip(*rows, strict=True))
    factors = np.array([scale] * 3 + [1.0] * 3)
    scaled = covariances * np.outer(factors, factors)
    errors = twists * factors - trues
    return TwistResult(
        taken,
        errors,
        np.sqrt(np.diagonal(scaled, axis1=1, axis2=2)),
        Consistency.of(normalised(errors, scaled)),
        Consistency.of(normalised(twists - trues, covariances)),
        unknown,
    )
