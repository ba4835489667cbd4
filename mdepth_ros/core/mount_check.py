# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the mount of the camera in TF fits what the networks see.

Two mistakes are common and raise no error. Where the transform of a body frame (z up) is given for
an optical frame, the odometry climbs. Where the camera hangs upside down, the depth is wrong,
because the networks learned from upright images. Two things show it, each measured `LOOKS` times
in the first seconds of driving:

* The plane of the road, and the direction of travel. In the base frame the road must lie below,
  and the travel must not point up. Which way the camera looks does not matter.
* Which way up the images fit: `Estimator.uprightness`. Networks find a road in the lower half of
  any image, so the road alone does not show whether an image is upside down.

There is no verdict on a camera that sees no road, unless it looks up and moves along its view;
none while it stands; none where the networks do not track. With `road-nano`, both numbers of the
uprightness were 0.09 to 0.36 in the mean of 20 looks on seven real and five synthetic drives, and
minus that with the images turned by 180 degrees. On one of five synthetic drives with slopes of
15 % they were too small for a verdict; on the same drives, for cameras that look to the side or
back and in reverse, they differ in sign or are positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.scale import ground_plane
from mdepth_ros.core.types import FramePair, Prediction, TrackingStatus
from mdepth_ros.limits import NANO

Array = NDArray[np.float64]

LOOKS = 20
"""Pairs for one verdict, and the largest number of verdicts where none is sure."""
ROUNDS = 5
APART, LATER = 0.1, 0.5
"""Seconds from look to look, before the first verdict and after: a look costs half a step."""
UPRIGHT = 0.06
"""Least mean of both numbers of the uprightness for a verdict."""
FITS = 0.7
"""Cosine of the angle to where it should be, above which a direction fits (45 degrees)."""
ALONG = 0.9
"""The same of a vehicle that moves along the view of its camera."""
OPTICAL = (
    'the axes of a camera frame are optical (REP-103: x right, y down, z forward): give the '
    'images the optical frame as frame_id, or correct the transform'
)


@dataclass(frozen=True, eq=False)
class Look:
    """What one pair says, in the frame of the camera.

    travel   [3] unit, the direction of travel
    ground   [3] unit, down, from the plane of the road; None where none is found
    upright  see `Estimator.uprightness`
    """

    travel: Array
    ground: Array | None
    upright: tuple[float, float]


class MountCheck:
    """Compares the mount of one camera with what its first seconds of driving show.

    T_base_camera  4x4, as TF gives it
    base, camera   names of the frames

    line  what does not fit, and what to do; '' where all does, or where it is not known (yet)
    """

    def __init__(self, T_base_camera: Array, base: str, camera: str) -> None:
        self.line = ''
        self._R: Array = np.asarray(T_base_camera, np.float64)[:3, :3]
        self._names = base, camera
        self._looks: list[Look] = []
        self._rounds = 0
        self._last: int | None = None

    @property
    def done(self) -> bool:
        """Whether no more looks are needed."""
        return self._rounds >= ROUNDS

    def add(
        self,
        estimator: Estimator,
        pair: FramePair,
        prediction: Prediction,
        tracking: TrackingStatus,
    ) -> None:
        """Measure at a pair, if its motion is used and the last measurement is some time ago."""
        if self.done or tracking.status != 'tracking':
            return
        stamp = pair.current.stamp
        apart = LATER if self._rounds else APART
        if self._last is not None and 0 <= stamp - self._last < 0.99 * apart * NANO:
            return
        length = float(np.linalg.norm(prediction.motion[:3, 3]))
        if not length > 0:
            return
        self._last = stamp
        ground = ground_plane(prediction.depth, prediction.camera, None, prediction.visible)
        look = Look(
            prediction.motion[:3, 3] / length,
            None if ground is None else ground.normal,
            estimator.uprightness(pair, prediction),
        )
        self._looks.append(look)
        if len(self._looks) == LOOKS:
            self.line, sure = verdict(self._R, self._looks, *self._names)
            self._rounds = ROUNDS if sure else self._rounds + 1
            self._looks.clear()


def verdict(R: Array, looks: list[Look], base: str, camera: str) -> tuple[str, bool]:
    """What does not fit and what to do ('': nothing), and whether that is sure.

    R  of T_base_camera, [3, 3]
    """
    travel = np.mean([look.travel for look in looks], axis=0)
    grounds = [look.ground for look in looks if look.ground is not None]
    both = np.mean([look.upright for look in looks], axis=0)
    upright = float(both[np.argmin(np.abs(both))]) if both[0] * both[1] > 0 else 0.0
    up, forward = -R[:, 1], R[:, 2]  # of the images, in the base frame
    rise = float((R @ travel)[2])
    along = float(np.mean([look.travel[2] for look in looks])) > ALONG
    way = 'climb' if rise > 0 else 'sink'
    if len(grounds) < LOOKS / 2:
        if along and forward[2] > FITS:
            return (
                f'TF says that {camera} looks up from {base}, and the vehicle moves along its '
                f'view: it would {way}; {OPTICAL}'
            ), True
        return '', False
    if upright < -UPRIGHT:
        then = '' if up[2] < -FITS else f', and turn {camera} in TF with them'
        return (
            f'the images of {camera} look upside down, and the networks know upright ones only: '
            f'turn them by 180 degrees{then}'
        ), True
    fit = -float((R @ np.median(grounds, axis=0))[2])
    if fit > FITS:
        return '', upright > UPRIGHT
    if fit < -FITS:
        if upright < UPRIGHT:
            return '', False
        return (
            f'TF says that {camera} hangs upside down from {base}, but its images are upright: '
            'correct the transform, or turn the images'
        ), True
    if abs(rise) > FITS:
        where = f'looks {"up" if forward[2] > 0 else "down"} from {base}'
        then = f'the road lies below and the vehicle moves along the view: it would {way}'
    else:
        where, then = f'lies on its side in {base}', 'the road lies below: it would stand upright'
    return f'TF says that {camera} {where}, but in its images {then}; {OPTICAL}', True
