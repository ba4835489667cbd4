# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Can the motion of a pair be believed? What the images say of it, and what vehicles can do.

The evidence is measured on the device for every pair, at a quarter of the network's size, where
neither noise nor fine texture counts. `MotionValidator` makes one word of it:

    tracking  the motion is used
    standing  nothing moved: the pose is held, and this is known
    degraded  the motion is used, with a larger covariance
    lost      the motion is not used: the pose is held, and the twist is unknown
    held      there is no pair (see Pairing): as lost

What a road vehicle can do: tyres on a dry road brake with about 10 m/s^2, and in the sine with
dwell, a manoeuvre made to spin cars, the yaw rate stays below about 70 deg/s (UN R140, FMVSS 126).
The limits of change hold against the last motion that was believed and grow with the time since,
so that what is lost is found again within a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from mdepth_ros import limits
from mdepth_ros.core.pairing import NANO
from mdepth_ros.geometry import warp

if TYPE_CHECKING:
    from mdepth_ros.core.pairing import FramePair
    from mdepth_ros.core.scale import Scale

PLAIN = 0.008
"""Contrast below which an image shows nothing."""
MISFIT = (1.75, 3.0)
"""Pixels (of the small images) by which the motion misses them: degraded, lost."""
UNEXPLAINED = 0.92
"""Share of the images' difference above which a motion explains nothing of it."""
BETTER_STILL, STILL = 1.25, 2.0
"""How many times the images may fit better without the motion: degraded, standing.

Noise makes it 3.5 and more where the camera stands. Networks that never learned to creep see some
metres per second down to rest: below about 1 m/s the camera is said to stand.
"""
FASTEST_TURN = math.radians(100)
"""rad/s"""
ACCELERATION, SPEED_NOISE = 12.0, 3.0
"""m/s^2 of the vehicle, and m/s by which the network may jump from one pair to the next."""
STOP_NOISE = 7.0
"""The same of the jump to a stand: the slowest motion that a network sees."""
TURN_ACCELERATION, TURN_NOISE = math.radians(120), math.radians(15)
"""The same of the rotation, rad/s^2 and rad/s."""
SHRINK = 4


@dataclass(frozen=True)
class Evidence:
    """What two images and the motion between them say; differences of images in 0..1.

    residual  mean difference of the current image and the previous one warped to it
    still     mean difference of the same pixels without the warp
    contrast  mean difference of neighbouring pixels of the current image
    same      the images are identical
    """

    residual: float
    still: float
    contrast: float
    same: bool

    @property
    def misfit(self) -> float:
        """About how many pixels the motion is off: a difference is contrast times shift."""
        return self.residual / max(self.contrast, 1e-6)

    @property
    def unexplained(self) -> bool:
        """Whether the images differ about as much with the motion as without."""
        return self.residual > UNEXPLAINED * self.still


def photometric_evidence(
    current: Tensor, previous: Tensor, depth: Tensor, motion: Tensor, K: Tensor
) -> Evidence:
    """Evidence of images [1, 3, h, w] in 0..1 and depth [1, h, w] of the current one.

    motion  T_previous_current [4, 4] in the unit of the depth
    K       [3, 3] of a quarter of these pixels
    """
    now, before = avg_pool2d(current, SHRINK), avg_pool2d(previous, SHRINK)
    near = interpolate(depth[None], size=now.shape[-2:], mode='bilinear', align_corners=False)[0]
    warped, valid = warp(before, near, motion.to(depth)[None], K)
    weight = valid.float()
    count = weight.sum().clamp(min=1)
    residual, still, contrast = torch.stack(
        [
            ((warped - now).abs_().mean(1) * weight).sum() / count,
            ((before - now).abs_().mean(1) * weight).sum() / count,
            (now[..., 1:] - now[..., :-1]).abs_().mean(),
        ]
    ).tolist()  # one wait for the device
    return Evidence(residual, still, contrast, torch.equal(current, previous))


class TrackingStatus(NamedTuple):
    """How far a pair's motion is believed: a word of the module's list, and why.

    residual  of the evidence, for the covariance
    """

    status: str
    reason: str = ''
    residual: float = 0.0


class MotionValidator:
    """Decides how far to trust each pair of one camera; remembers the last motion it believed."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._believed: tuple[int, NDArray[np.float64]] | None = None  # stamp, velocity
        self._stuck, self._sure = False, True

    def __call__(
        self, evidence: Evidence | None, motion: NDArray[np.float64], scale: Scale, pair: FramePair
    ) -> TrackingStatus:
        """The status of a pair.

        evidence  None where the frame is paired with itself
        motion    T_previous_current in network units, 4x4
        """
        if pair.stale:
            return TrackingStatus('held', pair.reason)
        if evidence is None:
            self._forget()  # a gap, another camera, another time: nothing to compare with
            return TrackingStatus('held', pair.reason)
        still = evidence.same or evidence.residual > STILL * evidence.still
        velocity = np.zeros(6) if still else _velocity(motion, pair.interval, scale)
        # A real image at rest has noise: one without, or one after a failure, is hardly at rest.
        noise = STOP_NOISE if still and self._sure and not evidence.same else SPEED_NOISE
        doubt = self._implausible(velocity, pair.current.stamp, noise)
        tracking = self._decide(evidence, still, doubt)
        self._sure = tracking.status != 'lost'
        if self._sure:
            self._believed = pair.current.stamp, velocity
        return tracking

    def _decide(self, evidence: Evidence, still: bool, doubt: str) -> TrackingStatus:
        residual, misfit = evidence.residual, evidence.misfit
        explained = residual <= BETTER_STILL * evidence.still
        # A view that stood still all at once stands still until it is known to move: while one
        # waits, any stop becomes plausible.
        self._stuck = bool(still and doubt) or (self._stuck and (not explained or bool(doubt)))
        if evidence.contrast < PLAIN:
            return TrackingStatus('lost', 'the image shows nothing', residual)
        if self._stuck:
            what = 'frozen: the image' if evidence.same else 'covered: the view'
            return TrackingStatus('lost', f'{what} does not change', residual)
        if doubt:
            return TrackingStatus('lost', doubt, residual)
        if still:
            return TrackingStatus('standing', '', residual)
        if misfit > MISFIT[1] or (misfit > MISFIT[0] and evidence.unexplained):
            return TrackingStatus('lost', 'the images do not fit the motion', residual)
        if misfit > MISFIT[0] or not explained:
            return TrackingStatus('degraded', 'the images hardly fit the motion', residual)
        return TrackingStatus('tracking', '', residual)

    def _implausible(self, velocity: NDArray[np.float64], stamp: int, noise: float) -> str:
        """Why no vehicle has this velocity now, '' where one may."""
        if not float(np.linalg.norm(velocity[:3])) <= limits.FASTEST:
            return 'no vehicle is as fast'
        if not float(np.linalg.norm(velocity[3:])) <= FASTEST_TURN:
            return 'no vehicle turns as fast'
        if self._believed is None:
            return ''
        seconds = (stamp - self._believed[0]) / NANO
        change = velocity - self._believed[1]
        if float(np.linalg.norm(change[:3])) > noise + ACCELERATION * seconds:
            return 'no vehicle changes its speed as fast'
        if float(np.linalg.norm(change[3:])) > TURN_NOISE + TURN_ACCELERATION * seconds:
            return 'no vehicle begins to turn as fast'
        return ''


def _velocity(motion: NDArray[np.float64], interval: float, scale: Scale) -> NDArray[np.float64]:
    """Velocity [6] of a motion: m/s (0 where the scale is unknown) and rad/s, for small angles."""
    metres = 0.0 if scale.state == 'none' else scale.value
    R = motion[:3, :3]
    turned = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    return np.concatenate([motion[:3, 3] * metres, turned]) / interval
