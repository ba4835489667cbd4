# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motion -> pose, twist and covariance of the camera in odom; held where there is no motion.

The motion of a pair is taken as a velocity: log(motion) / interval. The pose advances by that
velocity over the part of the interval that no earlier pair has covered, so a camera that is faster
than the pairs (30 Hz against 0.1 s) is integrated in one chain and not in three interleaved ones;
where pairs follow each other without overlap this is the product of the motions, exactly.

Networks that are slower than the pairs leave time between one pair and the next unseen. The pose
goes on through it with the mean of the velocities before and after, which is exact for a constant
acceleration. The error of the pair lasts for all of that time, and half of the change is added to
it: the std grows with the unseen time, not with its root. More than `LONGEST_UNSEEN` is a gap: the
pose is held over it.

Time that runs backward is a new epoch: a bag that begins again, or a clock that was set. How much
time passed is not known, and not what the stamps say; it counts as one pair. Odom stays continuous
(REP-105) and the covariance goes on from what it was: it tells of the drift along the path that
was travelled, and at the loop of a bag nothing was travelled. To begin anew there is the reset.

A frame that comes late, or again, changes nothing.

Covariance is first order (Barfoot and Furgale 2014, second-order terms left out). With the pose
error on the right, T exp(e), S' = Ad(m)^-1 S Ad(m)^-T + Q, where Q is that of `MotionNoise` for
this pair, times its correlation: errors of consecutive pairs are alike. An error of the scale
moves all positions together and is added as (spread/value)^2 d d^T, d the displacement from the
start.

The pair's `TrackingStatus` says how far it is believed. A camera that stands adds nothing to pose
and covariance; a degraded motion has `DEGRADED` times the std; a lost one is held as if there were
none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.core.motion_noise import MotionNoise
from mdepth_ros.core.types import OPTICAL_ROTATION, FramePair, Matrix, Pose, Scale, TrackingStatus
from mdepth_ros.geometry import adjoint, inverse_transform, se3_exp, se3_log
from mdepth_ros.limits import NANO

PROVISIONAL_NOISE = MotionNoise.simple(0.1, 0.005)
"""Of a pair where the card has none: 10 % of the length, and 0.005 rad."""
DEGRADED = 3.0
STANDING_STD = np.array([0.3] * 3 + [0.005] * 3)
"""Std of the twist of a camera that stands, m/s and rad/s: it may creep unseen."""
HELD_STD = np.array([30.0] * 3 + [1.0] * 3)
"""Std of the twist while held, m/s and rad/s: any speed of a road vehicle."""
START_STD = 1e-3
LONGEST_UNSEEN = 2.0
"""Seconds between pairs over which the velocity is taken to change evenly."""
LARGEST_STD = np.array([1000.0] * 3 + [math.pi] * 3)


class Odometry:
    """Chains the motions of one camera; never jumps.

    initial_pose  T_odom_camera at the first frame, 4x4; None: odom is where the camera
                  is, and looks where it looks
    noise         of a pair; None: provisional
    """

    def __init__(
        self, initial_pose: NDArray[Any] | None = None, noise: MotionNoise | None = None
    ) -> None:
        start = OPTICAL_ROTATION if initial_pose is None else initial_pose
        self._start: Matrix = np.array(start, dtype=np.float64)
        self._noise = noise or PROVISIONAL_NOISE
        self._stamp: int | None = None
        self._travelled_until: int | None = None
        self.reset()

    def reset(self) -> None:
        """Make the initial pose that of the last frame, with nothing travelled."""
        self._pose = self._start.copy()
        self._covariance: Matrix = np.eye(6) * START_STD**2
        self._velocity: Matrix = np.zeros(6)
        self._interval = 0.0
        self._held = 0.0

    def remount(self, change: Matrix) -> None:
        """Go on with another camera of the same vehicle, `change` its pose [4, 4] in this one."""
        self._start = self._start @ change
        self._pose = self._pose @ change
        back = adjoint(inverse_transform(torch.from_numpy(change))).numpy()
        self._covariance = _bounded(back @ self._covariance @ back.T)
        self._velocity = back @ self._velocity

    def advance(
        self,
        motion: NDArray[Any],
        scale: Scale,
        pair: FramePair,
        tracking: TrackingStatus | None = None,
        std: Matrix | None = None,
    ) -> Pose:
        """Pose at `pair.current`.

        motion    T_previous_current in network units, 4x4; not used where the pair has a reason
        scale     metres per network unit
        tracking  None: 'held' where the pair has a reason, else 'tracking'
        std       [6] of the motion by its corners, in network units; None: unknown
        """
        tracking = tracking or TrackingStatus('held' if pair.reason else 'tracking', pair.reason)
        if not (pair.reason or np.isfinite(motion).all()):
            tracking = TrackingStatus('lost', 'the motion is no number')
        if pair.stale:
            return self._held_pose(scale, tracking)
        stamp, unseen = pair.current.stamp, self._unseen(pair)
        if pair.reason:
            self._lose(unseen)
            if self._travelled_until is None:
                self._travelled_until = stamp
            return self._held_pose(scale, tracking)
        # Of the pair's interval, the part that earlier pairs have not covered.
        start = pair.previous.stamp
        if self._travelled_until is not None:
            start = max(start, self._travelled_until)
        self._travelled_until = stamp
        elapsed = (stamp - start) / NANO
        if tracking.status == 'lost':
            self._lose(unseen + elapsed)
            return self._held_pose(scale, tracking)
        if unseen > LONGEST_UNSEEN:
            self._lose(unseen)
            unseen = 0.0
        return self._moved_pose(motion, scale, pair, tracking, std, elapsed, unseen)

    def _moved_pose(
        self,
        motion: NDArray[Any],
        scale: Scale,
        pair: FramePair,
        tracking: TrackingStatus,
        by_corners: Matrix | None,
        elapsed: float,
        unseen: float,
    ) -> Pose:
        """Move by `elapsed` seconds of a pair's motion, after `unseen` seconds without any."""
        standing = tracking.status == 'standing'
        metric = np.eye(4) if standing else np.array(motion, dtype=np.float64)
        metric[:3, 3] *= scale.value
        increment = torch.from_numpy(metric)
        twist = se3_log(increment) / pair.interval
        if elapsed != (pair.current.stamp - pair.previous.stamp) / NANO:
            increment = se3_exp(twist * elapsed)
        velocity = twist.numpy()
        before = self._velocity if self._interval and not self._held else velocity
        if unseen:
            between = torch.from_numpy((before + velocity) / 2 * unseen)
            increment = se3_exp(between) @ increment
        back = adjoint(inverse_transform(increment)).numpy()
        self._pose = self._pose @ increment.numpy()

        std, added = STANDING_STD * pair.interval, np.zeros(6)
        if not standing:
            std = self._std(velocity * pair.interval, scale, tracking, by_corners)
            # Overlapping pairs see the same road: a pair adds its variance once per interval.
            # Unseen time has the same error as the pair: the std grows with the time.
            share = (elapsed + unseen) / pair.interval
            added = std**2 * max(share * self._noise.correlation, share**2)
        change = (velocity - before) / 2 * unseen
        added = np.diag(added + change**2)
        self._covariance = _bounded(back @ self._covariance @ back.T + added)
        self._velocity, self._interval, self._held = velocity, pair.interval, 0.0

        of_scale = np.zeros(6)
        of_scale[:3] = velocity[:3] * (scale.spread / scale.value)
        twist_covariance = np.diag((std / pair.interval) ** 2) + np.outer(of_scale, of_scale)
        return self._result(velocity, twist_covariance, scale, tracking)

    def _std(
        self, moved: Matrix, scale: Scale, tracking: TrackingStatus, by_corners: Matrix | None
    ) -> Matrix:
        """Std of a pair's motion with the twist `moved` [6], in metres and rad."""
        length = float(np.linalg.norm(moved[:3])) / scale.value
        angle = float(np.linalg.norm(moved[3:]))
        std = self._noise.std(length, angle, tracking.residual, by_corners)
        std[:3] *= scale.value
        return std * DEGRADED if tracking.status == 'degraded' else std

    def _unseen(self, pair: FramePair) -> float:
        """Seconds since the last frame that are not in the pair; a new epoch begins with none."""
        stamp, last = pair.current.stamp, self._stamp
        self._stamp = stamp
        if last is None:
            return 0.0
        if stamp < last:
            self._travelled_until = None
            self._lose(self._interval)
            return 0.0
        return max(0, (stamp if pair.reason else pair.previous.stamp) - last) / NANO

    def _lose(self, elapsed: float) -> None:
        """Lose sight for a time; the vehicle may have gone on as before, or turned round."""
        before, self._held = self._held, self._held + elapsed
        speed = float(np.linalg.norm(self._velocity[:3]))
        rate = float(np.linalg.norm(self._velocity[3:]))
        grown = np.array([speed**2] * 3 + [rate**2] * 3) * (self._held**2 - before**2)
        self._covariance = _bounded(self._covariance + np.diag(grown))

    def _held_pose(self, scale: Scale, tracking: TrackingStatus) -> Pose:
        return self._result(np.zeros(6), np.diag(HELD_STD**2), scale, tracking)

    def _result(
        self, twist: Matrix, twist_covariance: Matrix, scale: Scale, tracking: TrackingStatus
    ) -> Pose:
        covariance = self._covariance_in_odom(scale)
        return Pose(self._pose.copy(), twist, covariance, twist_covariance, tracking.status)

    def _covariance_in_odom(self, scale: Scale) -> Matrix:
        turn = np.zeros((6, 6))
        turn[:3, :3] = turn[3:, 3:] = self._pose[:3, :3]
        covariance = turn @ self._covariance @ turn.T
        together = (self._pose[:3, 3] - self._start[:3, 3]) * (scale.spread / scale.value)
        covariance[:3, :3] += np.outer(together, together)
        return _bounded(covariance)


def _bounded(covariance: Matrix) -> Matrix:
    """Symmetric, with no std above `LARGEST_STD`; rows and columns shrink together: still PSD."""
    with np.errstate(divide='ignore'):
        shrink = np.minimum(1.0, LARGEST_STD / np.sqrt(np.diag(covariance)))
    covariance = covariance * np.outer(shrink, shrink)
    bounded: Matrix = (covariance + covariance.T) / 2
    return bounded
