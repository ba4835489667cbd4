# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One scale from the measurements of several sources.

A Kalman filter of the logarithm of metres per unit. Each source has an error that stays (the
camera is not exactly as high as given, the wheels are worn) beside the one of each measurement, so
its bias is a state too: sources are weighted by both, a good one teaches the bias of a bad one,
and the spread of the result never falls below what the sources can know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mdepth_ros.core.scale.base import towards
from mdepth_ros.core.types import Scale

WALK = 0.02
"""The scale itself may change by so much (relative) in a second of driving, as a random walk."""
CORRELATED = 0.2
"""Seconds over which errors of one source are about the same: more frames say no more."""
GATE = 3.0
"""A measurement that is off by more standard deviations is an outlier."""
GOOD = 0.1
"""Largest relative spread of a scale that is called good."""
STALE = 5.0
"""Seconds of driving without an accepted measurement after which the scale is degraded."""
FIRST_RATE = 0.5
"""Largest relative change of the published value in a second, before it was good."""
LOST = 3.0
"""Seconds with outliers only, after which they are believed and the filter starts again."""
RATE = 0.1
"""Largest relative change of the published value in a second, once it was good."""


@dataclass(frozen=True)
class Measurement:
    """Metres per unit at one frame: value, relative std of this one and of what stays."""

    value: float
    noise: float
    bias: float


class ScaleFilter:
    """Fuses measurements; holds where there are none.

    sources  their names
    prior    (metres per unit, relative spread) known beforehand, such as that of the model's card
    walk     relative change of the scale in a second of driving, as a random walk
    """

    def __init__(
        self,
        sources: tuple[str, ...],
        prior: tuple[float, float] | None = None,
        walk: float = WALK,
    ) -> None:
        self._walk = walk
        self._rows = {name: 1 + i for i, name in enumerate(sources)}
        self._prior = prior
        self.reset()

    def reset(self) -> None:
        """Forget every measurement."""
        size = 1 + len(self._rows)
        self._mean, self._covariance = np.zeros(size), np.zeros((size, size))
        self._known = self._prior is not None
        if self._prior is not None:
            self._mean[0], self._covariance[0, 0] = math.log(self._prior[0]), self._prior[1] ** 2
        self._biased: set[str] = set()
        self._published: float | None = None
        # Seconds of driving since the last measurement of each source, and since an accepted one.
        self._since = dict.fromkeys(self._rows, math.inf)
        self._since_accepted = dict.fromkeys(self._rows, math.inf)
        self._rejected = 0.0
        self._was_good = False

    def update(self, measured: Mapping[str, Measurement], seconds: float) -> Scale:
        """Scale after the measurements of one frame, `seconds` of driving after the last one.

        Where the camera stands there are no measurements and no seconds: the scale is held.
        """
        if self._known:
            self._covariance[0, 0] += self._walk**2 * seconds
        for name in self._rows:
            self._since[name] += seconds
            self._since_accepted[name] += seconds
        accepted = [self._add(name, m) for name, m in measured.items()] if seconds > 0 else []
        if any(accepted):
            self._rejected = 0.0
        elif accepted:
            self._rejected += seconds
        if self._rejected > LOST:
            self._covariance[0, 0] += 1.0
            self._rejected = 0.0
        return self._scale(seconds)

    def _add(self, name: str, m: Measurement) -> bool:
        row, value = self._rows[name], math.log(m.value)
        variance = m.noise**2 * max(1.0, CORRELATED / self._since[name])
        self._since[name] = 0.0
        if name not in self._biased:
            self._covariance[row, row] = m.bias**2
            self._biased.add(name)
        if not self._known:
            self._known = True
            self._mean[0], self._covariance[0, 0] = value, 1.0
        H = np.zeros(len(self._mean))
        H[0] = H[row] = 1.0
        innovation = value - H @ self._mean
        expected = H @ self._covariance @ H + variance
        if innovation**2 > GATE**2 * expected:
            return False
        self._since_accepted[name] = 0.0
        gain = self._covariance @ H / expected
        self._mean += gain * innovation
        self._covariance -= np.outer(gain, H @ self._covariance)
        return True

    def _scale(self, seconds: float) -> Scale:
        if not self._known:
            return Scale(1.0, 0.0, 'none')
        wanted = math.exp(self._mean[0])
        last, largest = self._published, (RATE if self._was_good else FIRST_RATE) * seconds
        # The first value may be anything: there is none before it to stay near to.
        value = wanted if last is None else towards(wanted, last, largest)
        self._published = value
        # The value may still be on its way to the wanted one: the difference is uncertainty too.
        spread = math.hypot(math.sqrt(max(self._covariance[0, 0], 0.0)), math.log(value / wanted))
        heard = tuple(name for name, since in self._since_accepted.items() if since <= STALE)
        good = bool(heard) and spread <= GOOD
        self._was_good |= good
        state = 'good' if good else 'degraded' if self._was_good else 'initialising'
        return Scale(value, value * spread, state, heard)
