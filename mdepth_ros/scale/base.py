# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a scale is, and the two that need no measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mdepth_ros.errors import MdepthError

if TYPE_CHECKING:
    from mdepth_ros.estimator import Prediction
    from mdepth_ros.pairing import FramePair


@dataclass(frozen=True)
class Scale:
    """Metres per network unit.

    value   the factor for depths and translations
    spread  its standard deviation, in the same unit
    state   'none' (value 1: lengths stay in network units), 'fixed'; of a measured one
            'initialising' (what was known before, or the first measurements), 'good', and
            'degraded' (held: nothing fitting was measured for a while)
    """

    value: float
    spread: float
    state: str


class ScaleSource(Protocol):
    """What the step asks for the scale of each frame."""

    def update(self, seen: Prediction, pair: FramePair) -> Scale:
        """Scale at this pair's current frame, from what the networks see in it."""


class NoScale:
    """Lengths stay in network units."""

    def update(self, seen: Prediction, pair: FramePair) -> Scale:
        """Always 1, state 'none'."""
        return Scale(1.0, 0.0, 'none')


class FixedScale:
    """A factor that is known beforehand: from the model card or from the user."""

    def __init__(self, value: float, spread: float = 0.0) -> None:
        if not (math.isfinite(value) and value > 0 and math.isfinite(spread) and spread >= 0):
            raise MdepthError(
                f'scale {value} with spread {spread}: give metres per network unit, above zero'
            )
        self._scale = Scale(value, spread, 'fixed')

    def update(self, seen: Prediction, pair: FramePair) -> Scale:
        """The factor, state 'fixed'."""
        return self._scale
