# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of scale that need no measurement, and the way from one source to another."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

from mdepth_ros.core.types import FramePair, Prediction, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import NANO, SCALE

GLIDE = 0.5
"""Largest relative change of the value in a second where one source takes over from another."""


class ScaleSource(Protocol):
    """What the step asks for the scale of each frame."""

    def update(self, prediction: Prediction, pair: FramePair) -> Scale:
        """Scale at this pair's current frame, from what the networks say of it."""


class NoScale:
    """Lengths stay in network units."""

    def update(self, prediction: Prediction, pair: FramePair) -> Scale:
        """Always 1, state 'none'."""
        return Scale(1.0, 0.0, 'none')


class FixedScale:
    """A factor that is known beforehand: from the model card or from the user."""

    def __init__(self, value: float, spread: float = 0.0) -> None:
        if not (SCALE[0] <= value <= SCALE[1] and 0 <= spread <= SCALE[1]):
            raise MdepthError(
                f'scale {value} with spread {spread}: give metres per network unit, above '
                f'zero: {SCALE[0]:g} to {SCALE[1]:g}'
            )
        self._scale = Scale(value, spread, 'fixed')

    def update(self, prediction: Prediction, pair: FramePair) -> Scale:
        """The factor, state 'fixed'."""
        return self._scale


class RateLimitedScale:
    """A source that takes over from a scale that was in use: the value glides, it does not jump.

    start  the scale that was in use; between network units and metres there is nothing to glide
    """

    def __init__(self, source: ScaleSource, start: Scale) -> None:
        self._source, self._value = source, start.value
        self._arrived = start.state == 'none'
        self._stamp: int | None = None

    def update(self, prediction: Prediction, pair: FramePair) -> Scale:
        """The source's scale, or a value on the way to it: then the spread has the rest."""
        scale, stamp = self._source.update(prediction, pair), pair.current.stamp
        last, self._stamp = self._stamp, stamp
        if self._arrived or scale.state == 'none':
            self._arrived = True
            return scale
        seconds = 0.0 if last is None else min(max((stamp - last) / NANO, 0.0), 1.0)
        self._value = towards(scale.value, self._value, GLIDE * seconds)
        self._arrived = self._value == scale.value
        spread = math.hypot(scale.spread, scale.value - self._value)
        return replace(scale, value=self._value, spread=spread)


def towards(value: float, last: float, largest: float) -> float:
    """`value`, or as near to it as a relative change of `largest` from `last` allows."""
    factor = math.exp(largest)
    return min(max(value, last / factor), last * factor)
