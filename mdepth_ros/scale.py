# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where metres come from: one image sequence fixes depth and motion only up to a common factor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.frame import Frame


@dataclass(frozen=True)
class Scale:
    """Metres per network unit.

    value   the factor for depths and translations
    spread  its standard deviation, in the same unit
    state   'none' (value 1: lengths stay in network units), 'fixed'
    """

    value: float
    spread: float
    state: str


class ScaleSource(Protocol):
    """What the step asks for the scale of each frame."""

    def update(self, depth: NDArray[Any], motion: NDArray[Any], frame: Frame) -> Scale:
        """Scale at this frame, from depth [h, w] and motion 4x4 in network units."""


class NoScale:
    """Lengths stay in network units."""

    def update(self, depth: NDArray[Any], motion: NDArray[Any], frame: Frame) -> Scale:
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

    def update(self, depth: NDArray[Any], motion: NDArray[Any], frame: Frame) -> Scale:
        """The factor, state 'fixed'."""
        return self._scale
