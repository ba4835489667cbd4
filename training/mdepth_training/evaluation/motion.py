# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The motions of a model along drives with true poses, and the agreement of depth in time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from mdepth_ros.core.types import Prediction
from mdepth_ros.evaluation.drives import (
    MotionErrors,
    chain,
    five_frame_errors,
    kitti_drift,
    relative_motion_errors,
)
from mdepth_ros.evaluation.trajectory import Trajectory, align, relative
from mdepth_training.evaluation.consistency import inconsistency
from mdepth_training.evaluation.shots import Array, Shot

Chain = tuple[Array, Array]
"""Estimated and true motions [N, 4, 4] (T_previous_current) of consecutive pairs of frames."""
STEADY = 'constant forward motion'
STANDING = 1.0  # metres of all pairs together, below which a share of the way says nothing
REMEMBERED = 16  # frames of a drive that a later one may be paired with


class Drives:
    """Collects what belongs to pairs of frames; `add` every shot in its order."""

    def __init__(self) -> None:
        self._drive = ''
        self._recent: OrderedDict[int, tuple[Array, Array | None, float]] = OrderedDict()
        self._chains: list[tuple[list[Array], list[Array]]] = []
        self._end = -1  # stamp up to which the last chain reaches

    def add(self, shot: Shot, prediction: Prediction, ratio: float) -> tuple[float, float]:
        """The inconsistency of the depth with the frame before, by own and by true motion.

        ratio is metres per network unit of this image, NaN where unknown. The model's motion goes
        with its depth as it is; the true motion, in metres, with both depths times one factor, the
        geometric mean of the two ratios, so that flicker counts. NaN where something is missing.
        """
        if shot.drive != self._drive or not shot.drive:
            self._drive, self._end = shot.drive, -1
            self._recent.clear()
        depth = np.where(prediction.visible, prediction.depth, np.nan)
        before = self._recent.get(shot.previous.stamp) if shot.previous is not None else None
        own = true = math.nan
        if before is not None and shot.previous is not None:
            earlier, pose, earlier_ratio = before
            own = inconsistency(depth, earlier, prediction.motion, prediction.camera)
            if pose is not None and shot.pose is not None:
                motion = relative(pose, shot.pose)
                self._chain(shot.previous.stamp, shot.frame.stamp, prediction.motion, motion)
                factor = math.sqrt(ratio * earlier_ratio)
                if math.isfinite(factor):
                    true = inconsistency(
                        factor * depth, factor * earlier, motion, prediction.camera
                    )
        self._recent[shot.frame.stamp] = depth, shot.pose, ratio
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return own, true

    def _chain(self, first: int, last: int, estimate: Array, truth: Array) -> None:
        """Append to the chain that ends at `first`; pairs of a fast camera overlap: skip those."""
        if first != self._end:
            if first < self._end:
                return
            self._chains.append(([], []))
        self._chains[-1][0].append(estimate)
        self._chains[-1][1].append(truth)
        self._end = last

    def chains(self) -> list[Chain]:
        """Estimated and true motions of every stretch without a gap."""
        return [(np.stack(estimates), np.stack(truths)) for estimates, truths in self._chains]


def straight_on(chains: Sequence[Chain]) -> list[Chain]:
    """The same true motions beside steady motion straight ahead: what needs no looking."""
    steady = np.eye(4)
    steady[2, 3] = 1.0
    return [(np.broadcast_to(steady, truth.shape), truth) for _, truth in chains]


def motion_numbers(chains: Sequence[Chain]) -> dict[str, float]:
    """Errors of chains of motions; empty without any.

    rotation_deg                  mean per pair
    rpe_translation_percent       by one factor for each chain
    ate_5_frames, .._std          mean and standard deviation over all starts, metres
    drift_translation             % over segments of 100 to 800 m, scaled by one factor for each
    drift_rotation                chain; degrees per 100 m; where a chain is long enough
    """
    if not chains:
        return {}
    pairs, five, drifts = [], [], []
    for estimate, truth in chains:
        pairs.append(relative_motion_errors(estimate, truth)[0])
        five.append(five_frame_errors(estimate, truth))
        path = chained(truth)
        drifts.append(kitti_drift(align(chained(estimate), path, 'scale')[0], path))
    pooled, windows = MotionErrors.pooled(pairs), np.concatenate(five)
    numbers = {'rotation_deg': pooled.rotation_deg}
    if pooled.length.sum() > STANDING:
        numbers['rpe_translation_percent'] = pooled.translation_percent
    if len(windows):
        numbers |= {'ate_5_frames': windows.mean(), 'ate_5_frames_std': windows.std()}
    if any(map(len, drifts)):
        numbers['drift_translation'] = np.concatenate(
            [d.translation_percent for d in drifts]
        ).mean()
        numbers['drift_rotation'] = np.concatenate(
            [d.rotation_deg_per_100m for d in drifts]
        ).mean()
    return {name: float(value) for name, value in numbers.items()}


def chained(motions: Array) -> Trajectory:
    """The trajectory [N+1] that motions [N, 4, 4] make, from the identity."""
    return Trajectory(np.arange(len(motions) + 1), chain(motions))
