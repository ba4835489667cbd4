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

Covariance is a provisional first-order model with independent, zero-mean errors (Barfoot and
Furgale 2014, second-order terms left out). With the pose error on the right, T exp(e),
S' = Ad(m)^-1 S Ad(m)^-T + Q, where Q has a translation std relative to the length of the motion
and a rotation std per pair, both of the model card. An error of the scale moves all positions
together and is added as (spread/value)^2 d d^T, d the displacement from the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.geometry import adjoint, inverse_transform, se3_exp, se3_log
from mdepth_ros.pairing import NANO, FramePair
from mdepth_ros.scale import Scale

Matrix = NDArray[np.float64]

# Optical axes (right, down, forward) in body axes (forward, left, up): at the start, odom is where
# the camera is and looks where it looks.
LOOKING_FORWARD: Matrix = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
PROVISIONAL_NOISE = (0.1, 0.005)
"""Relative translation std and rotation std (rad) of a pair where the card has none."""
HELD_STD = np.array([30.0] * 3 + [1.0] * 3)
"""Std of the twist while held, m/s and rad/s: any speed of a road vehicle."""
START_STD = 1e-3
LONGEST_UNSEEN = 2.0
"""Seconds between pairs over which the velocity is taken to change evenly."""
LARGEST_STD = np.array([1000.0] * 3 + [math.pi] * 3)


@dataclass(frozen=True, eq=False)
class Pose:
    """Where the camera is; all float64.

    pose              T_odom_camera, 4x4
    twist             (vx vy vz wx wy wz) of the camera in its own frame, m/s and rad/s
    pose_covariance   6x6, order x y z rotX rotY rotZ: position of the camera and rotation about
                      the fixed axes of odom (geometry_msgs/PoseWithCovariance)
    twist_covariance  6x6 in the camera frame
    status            'tracking', or 'held': no motion was seen, the pose is the last one, the
                      twist is zero with the covariance of an unknown speed
    """

    pose: Matrix
    twist: Matrix
    pose_covariance: Matrix
    twist_covariance: Matrix
    status: str


class Odometry:
    """Chains the motions of one camera; never jumps.

    initial_pose  T_odom_camera at the first frame, 4x4; None: `LOOKING_FORWARD`
    noise         (relative translation std, rotation std in rad) of a pair; None: provisional
    """

    def __init__(
        self, initial_pose: NDArray[Any] | None = None, noise: tuple[float, float] | None = None
    ) -> None:
        start = LOOKING_FORWARD if initial_pose is None else initial_pose
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

    def advance(self, motion: NDArray[Any], scale: Scale, pair: FramePair) -> Pose:
        """Pose at `pair.current`.

        motion  T_previous_current in network units, 4x4; not used where the pair has a reason
        scale   metres per network unit
        """
        stamp = pair.current.stamp
        unseen = self._unseen(pair)
        if pair.reason or unseen > LONGEST_UNSEEN:
            self._lose(unseen)
            unseen = 0.0
        if pair.reason:
            if self._travelled_until is None:
                self._travelled_until = stamp
            return self._held_pose(scale)
        # Of the pair's interval, the part that earlier pairs have not covered.
        start = pair.previous.stamp
        if self._travelled_until is not None:
            start = max(start, self._travelled_until)
        self._travelled_until = stamp
        elapsed = (stamp - start) / NANO
        metric = np.array(motion, dtype=np.float64)
        metric[:3, 3] *= scale.value
        increment = torch.from_numpy(metric)
        twist = se3_log(increment) / pair.interval
        if start != pair.previous.stamp:
            increment = se3_exp(twist * elapsed)
        velocity = twist.numpy()
        before = self._velocity if self._interval and not self._held else velocity
        if unseen:
            between = torch.from_numpy((before + velocity) / 2 * unseen)
            increment = se3_exp(between) @ increment
        back = adjoint(inverse_transform(increment)).numpy()
        self._pose = self._pose @ increment.numpy()

        speed = float(np.linalg.norm(velocity[:3]))
        relative, rotation = self._noise
        std = np.array([relative * speed * pair.interval + 1e-4] * 3 + [rotation] * 3)
        # Overlapping pairs see the same road: a pair adds its variance once per interval. Unseen
        # time has the same error as the pair, so that it is the std that grows with the time.
        share = (elapsed + unseen) / pair.interval
        change = (velocity - before) / 2 * unseen
        added = np.diag(std**2) * max(share, share**2) + np.diag(change**2)
        self._covariance = _bounded(back @ self._covariance @ back.T + added)
        self._velocity, self._interval, self._held = velocity, pair.interval, 0.0

        of_scale = np.zeros(6)
        of_scale[:3] = velocity[:3] * (scale.spread / scale.value)
        twist_covariance = np.diag((std / pair.interval) ** 2) + np.outer(of_scale, of_scale)
        return Pose(
            self._pose.copy(),
            velocity,
            self._covariance_in_odom(scale),
            twist_covariance,
            'tracking',
        )

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

    def _held_pose(self, scale: Scale) -> Pose:
        return Pose(
            self._pose.copy(),
            np.zeros(6),
            self._covariance_in_odom(scale),
            np.diag(HELD_STD**2),
            'held',
        )

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
