# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the motion of a pair can be used: by what the images say, and by what vehicles can do.

The images are compared on the device for every pair, at a quarter of the network's size, where
noise and fine texture do not matter. `MotionValidator` makes a `TrackingStatus` of the result.

Limits of a road vehicle: tyres on a dry road brake with about 10 m/s^2. In the sine with dwell, a
test manoeuvre that makes cars spin, the yaw rate stays below about 70 deg/s (UN R140, FMVSS 126).
Changes are measured from the last motion that was used, and the limit grows with the time since
then: after a wrong motion, tracking begins again within a second.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from mdepth_ros.core.types import Evidence, Fit, FramePair, Matrix, Scale, TrackingStatus
from mdepth_ros.geometry import warp
from mdepth_ros.limits import FASTEST, NANO

PLAIN = 0.008
"""Contrast below which an image is taken for black, white or covered."""
MISFIT = (1.75, 3.0)
"""Misfit in pixels of the small images: above the first `degraded`, above the second `lost`."""
UNEXPLAINED = 0.92
"""A residual above this share of the difference without the motion: it explains nothing."""
BETTER_STILL, STILL = 1.25, 2.0
"""Residual with the motion over that without it: above the first `degraded`, above the second
`standing`.

Where the camera stands, noise makes the ratio 3.5 or more with a motion that the networks alone
gave: those that never learned slow motion estimate some metres per second even at rest.
"""
STILL_SHIFT, SMALL_SHIFT = 0.2, 1.0
"""Pixels of the camera: where the middle corner moves less than the first the camera stands; below
the second as well, where the motion explains nothing of the images. Not where it travels.
"""
TRAVELS = 2.0
"""See `Fit`: above it the camera travels, however slowly. Noise makes about 1, and so does a
vehicle that stands and shakes.
"""
MOST = 0.5
"""Where a motion is right in a world that stands, more of the corners agree with it, and more of
what they do is explained.
"""
LEAST = 0.35
"""The same where depth is as wrong as that of the networks on real roads: in dense city traffic
(`kitti_city`) a right motion explains 0.38 to 0.52.
"""
STILL_PART = 0.25
"""Of the corners. A camera that stood stands on where the motion found is less likely than none.
Where more than these are still though it says that they move, less than half explained is enough.
Of a camera that drives, few are still; in heavy rain a tenth.
"""
FASTEST_TURN = math.radians(100)
"""rad/s"""
ACCELERATION, SPEED_NOISE = 12.0, 3.0
"""m/s^2 of the vehicle, and m/s by which the network may jump from one pair to the next."""
STOP_NOISE = 7.0
"""m/s by which the speed may jump to zero: the slowest motion that a network sees."""
TURN_ACCELERATION, TURN_NOISE = math.radians(120), math.radians(15)
"""rad/s^2 of the vehicle, and rad/s by which the network's rotation may jump."""
SHRINK = 4
WHOLE = 0.99
"""Of what is sampled from a map of 0 and 1: all four neighbours were 1."""


def photometric_evidence(
    current: Tensor,
    previous: Tensor,
    depth: Tensor,
    motion: Tensor,
    K: Tensor,
    usable: Tensor | None = None,
) -> Evidence:
    """How well a motion fits images [1, 3, h, w] in 0..1, with the depth [1, h, w] of `current`.

    motion  T_previous_current [4, 4] in the unit of the depth
    K       [3, 3] of a quarter of these pixels
    usable  [1, 1, h/4, w/4], 0 where both images are left out, else 1; None: nowhere
    """
    now, before = avg_pool2d(current, SHRINK), avg_pool2d(previous, SHRINK)
    near = interpolate(depth[None], size=now.shape[-2:], mode='bilinear', align_corners=False)[0]
    source = before if usable is None else torch.cat([before, usable], 1)
    warped, valid = warp(source, near, motion.to(depth)[None], K)
    weight = valid.float()
    steps = (now[..., 1:] - now[..., :-1]).abs_().mean(1)
    contrast = steps.mean()
    if usable is not None:
        weight = weight * usable[:, 0] * (warped[:, 3] > WHOLE)
        both = usable[:, 0, :, 1:] * usable[:, 0, :, :-1]
        contrast = (steps * both).sum() / both.sum().clamp(min=1)
    count = weight.sum().clamp(min=1)
    residual, still, contrast = torch.stack(
        [
            ((warped[:, :3] - now).abs_().mean(1) * weight).sum() / count,
            ((before - now).abs_().mean(1) * weight).sum() / count,
            contrast,
        ]
    ).tolist()  # one wait for the device
    return Evidence(residual, still, contrast, torch.equal(current, previous))


class MotionValidator:
    """Decides whether the motion of each pair of one camera is used; knows the last that was."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the motions so far: after a gap, or with another camera, they say nothing."""
        self._last: tuple[int, Matrix] | None = None  # stamp and velocity of the last used motion
        self._frozen, self._last_used = False, True

    def __call__(
        self, evidence: Evidence | None, motion: Matrix, scale: Scale, pair: FramePair
    ) -> TrackingStatus:
        """The status of a pair.

        evidence  None where the frame is paired with itself
        motion    T_previous_current in network units, 4x4
        """
        if pair.stale:
            return TrackingStatus('held', pair.reason)
        if evidence is None:
            self.forget()
            return TrackingStatus('held', pair.reason)
        still = _stands(evidence, self._last is None or not self._last[1].any())
        velocity = np.zeros(6) if still else _velocity(motion, pair.interval, scale)
        # Images of a standing camera still differ by noise. Identical ones, or a stop right after
        # a motion that was not used, are more likely a failure: the smaller limit holds.
        stopped = still and self._last_used and not evidence.same
        problem = self._impossible(
            velocity, pair.current.stamp, STOP_NOISE if stopped else SPEED_NOISE
        )
        status = self._decide(evidence, still, problem)
        self._last_used = status.status != 'lost'
        if self._last_used:
            self._last = pair.current.stamp, velocity
        return status

    def _decide(self, evidence: Evidence, still: bool, problem: str) -> TrackingStatus:
        residual, misfit = evidence.residual, evidence.misfit
        explained = residual <= BETTER_STILL * evidence.still
        # A view that stops faster than a vehicle can is frozen, and stays so until it moves
        # again: the limit of change grows with time, and alone would soon allow the stop.
        self._frozen = bool(still and problem) or (
            self._frozen and (still or not explained or bool(problem))
        )
        if evidence.contrast < PLAIN:
            return TrackingStatus('lost', 'the image shows nothing', residual)
        if self._frozen:
            what = 'frozen: the image' if evidence.same else 'covered: the view'
            return TrackingStatus('lost', f'{what} does not change', residual)
        if problem:
            return TrackingStatus('lost', problem, residual)
        if still:
            return TrackingStatus('standing', '', residual)
        # A wiper makes large differences, but few corners; where these are known they decide.
        fits = residual <= UNEXPLAINED * evidence.still
        if not math.isnan(evidence.corners.agree):
            fits = evidence.corners.agree > MOST
        if misfit > MISFIT[1] or (misfit > MISFIT[0] and not fits):
            return TrackingStatus('lost', 'the images do not fit the motion', residual)
        if misfit > MISFIT[0] or not explained:
            return TrackingStatus('degraded', 'the images hardly fit the motion', residual)
        if _moves_by_itself(evidence.corners):
            return TrackingStatus('degraded', 'most of what is seen moves by itself', residual)
        return TrackingStatus('tracking', '', residual)

    def _impossible(self, velocity: Matrix, stamp: int, noise: float) -> str:
        """Why no vehicle has this velocity [6] now; '' where it can."""
        if not float(np.linalg.norm(velocity[:3])) <= FASTEST:
            return 'no vehicle is as fast'
        if not float(np.linalg.norm(velocity[3:])) <= FASTEST_TURN:
            return 'no vehicle turns as fast'
        if self._last is None:
            return ''
        seconds = (stamp - self._last[0]) / NANO
        change = velocity - self._last[1]
        if float(np.linalg.norm(change[:3])) > noise + ACCELERATION * seconds:
            return 'no vehicle changes its speed as fast'
        if float(np.linalg.norm(change[3:])) > TURN_NOISE + TURN_ACCELERATION * seconds:
            return 'no vehicle begins to turn as fast'
        return ''


def _stands(evidence: Evidence, stood: bool) -> bool:
    """Whether the camera stands; whether it stood before, where that is known."""
    corners = evidence.corners
    if evidence.same:
        return True
    least = MOST if corners.still > STILL_PART else 0.0
    if stood and corners.explained < least:
        return True  # what moves, moves by itself
    if corners.travels > TRAVELS and corners.agree > MOST:
        return False
    if corners.shift < STILL_SHIFT or evidence.residual > STILL * evidence.still:
        return True
    return corners.shift < SMALL_SHIFT and evidence.residual > UNEXPLAINED * evidence.still


def _moves_by_itself(corners: Fit) -> bool:
    """Whether a world that stands explains too little of what is seen."""
    # Of what is shorter than a pixel, noise is a large part, which nothing explains.
    return corners.agree < MOST or (corners.explained < LEAST and corners.shift > SMALL_SHIFT)


def _velocity(motion: Matrix, interval: float, scale: Scale) -> Matrix:
    """Velocity [6] of a motion: m/s (0 where the scale is unknown) and rad/s, for small angles."""
    metres = 0.0 if scale.state == 'none' else scale.value
    R = motion[:3, :3]
    turned = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    return np.concatenate([motion[:3, 3] * metres, turned]) / interval
