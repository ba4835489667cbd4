# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A scale that is measured while driving: from the camera's height, the vehicle's speed, or both.

It is measured only while the vehicle moves: while it stands, every image has the same error, and
more of them would make the scale look surer than it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from mdepth_ros.core.scale.delay import SpeedComparison
from mdepth_ros.core.scale.filter import WALK, Measurement, ScaleFilter
from mdepth_ros.core.scale.ground import Array, ground_plane
from mdepth_ros.core.types import FramePair, Prediction, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import CAMERA_HEIGHT, NANO, is_speed

WALK_OF_MOTION = 0.06
"""Relative change in a second of the networks' metres per unit of motion.

They estimate fast motion too slow and slow motion too fast. On twelve synthetic drives with
hills the error of the path by speed is 3.1 % with 0.03, 2.0 % with 0.06, 1.9 % with 0.1 to 0.2,
but with those, one speed per second is not enough for a good scale.
"""
STANDING = 0.3
"""m/s; below it nothing is measured."""
SPEED_AGE = 1.0
"""Seconds for which a measured speed decides whether the vehicle stands."""
LONGEST_STEP = 1.0
"""Seconds of driving that one frame can stand for."""
Height = float | Callable[[], float | None]
"""Metres of the camera above the road, or a function that returns them: None until it knows."""


class Source(Protocol):
    """One way to measure."""

    def measure(self, prediction: Prediction, pair: FramePair) -> Measurement | None:
        """Metres per unit at one frame; None where it cannot be measured."""


def is_height(metres: float) -> bool:
    """Whether a camera on a vehicle can be so high."""
    return CAMERA_HEIGHT[0] <= metres <= CAMERA_HEIGHT[1]


def check_height(height: Height) -> None:
    """Raise MdepthError for a height that no camera on a vehicle has."""
    if not (callable(height) or is_height(height)):
        raise MdepthError(
            f'camera height {height:g} m: give the height of the camera above the road, '
            f'{CAMERA_HEIGHT[0]:g} to {CAMERA_HEIGHT[1]:g}'
        )


class HeightSource:
    """From the height of the camera above the road.

    noise  relative std of one frame;  bias  relative std of what stays (load, tyres, the way in
           which the networks see the road; between synthetic drives it is 6 to 7 %)
    """

    def __init__(self, height: Height, noise: float = 0.10, bias: float = 0.06) -> None:
        check_height(height)
        self._height, self._noise, self._bias = height, noise, bias
        self._down: Array | None = None

    def measure(self, prediction: Prediction, pair: FramePair) -> Measurement | None:
        """Compare with the height above the plane of the road in the depth map."""
        if pair.reason:
            self._down = None
        ground = ground_plane(
            prediction.depth,
            prediction.camera,
            self._down,
            prediction.visible,
            prediction.motion[:3, 3],
        )
        self._down = None if ground is None else ground.normal
        height = self._height() if callable(self._height) else self._height
        if ground is None or height is None:
            return None
        noise = math.hypot(self._noise, ground.spread)
        return Measurement(height / ground.height, noise, self._bias)


class SpeedSource:
    """From the vehicle's speed (`Frame.speeds`), which may come late; see SpeedComparison."""

    def __init__(self) -> None:
        self._comparison = SpeedComparison()

    @property
    def delay(self) -> float:
        """Seconds by which the speed is late, as found so far."""
        return self._comparison.delay

    def measure(self, prediction: Prediction, pair: FramePair) -> Measurement | None:
        """Compare with the speed in units."""
        frame = pair.current
        return self._comparison.add(frame.stamp, frame.speeds, prediction.motion, pair.interval)


class MeasuredScale:
    """Fuses what the sources measure (see ScaleFilter).

    prior  (metres per unit, relative std) known beforehand; None: nothing
    """

    def __init__(
        self, sources: Mapping[str, Source], prior: tuple[float, float] | None = None
    ) -> None:
        self.sources = dict(sources)
        walk = WALK_OF_MOTION if 'speed' in sources else WALK
        self._filter = ScaleFilter(tuple(sources), prior, walk)
        self._value = prior[0] if prior else math.nan
        self._stamp: int | None = None
        self._told: tuple[int, float] | None = None

    def update(self, prediction: Prediction, pair: FramePair) -> Scale:
        """Scale at this frame; held where the frame has no partner or the vehicle stands."""
        stamp, last = pair.current.stamp, self._stamp
        self._stamp = stamp
        told = (speed for speed in pair.current.speeds if is_speed(speed[1]))
        self._told = max(told, default=self._told)
        measured = {
            name: source.measure(prediction, pair) for name, source in self.sources.items()
        }
        found = {name: m for name, m in measured.items() if m is not None}
        seconds = 0.0
        if last is not None and stamp > last:
            seconds = min((stamp - last) / NANO, LONGEST_STEP)
        if pair.reason or self._stands(prediction, pair, found):
            found, seconds = {}, 0.0
        scale = self._filter.update(found, seconds)
        self._value = scale.value if scale.state != 'none' else math.nan
        speed = self.sources.get('speed')
        return replace(scale, delay=speed.delay) if isinstance(speed, SpeedSource) else scale

    def _stands(
        self, prediction: Prediction, pair: FramePair, found: Mapping[str, Measurement]
    ) -> bool:
        if self._told is not None:
            age = abs(pair.current.stamp - self._told[0]) / NANO
            if age < SPEED_AGE:
                return abs(self._told[1]) < STANDING
        value = self._value
        if math.isnan(value):
            value = next(iter(found.values())).value if found else 0.0
        return float(np.linalg.norm(prediction.motion[:3, 3])) * value / pair.interval < STANDING
