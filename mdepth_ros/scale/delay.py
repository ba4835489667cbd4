# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scale from the vehicle's speed: wheels, GNSS or any odometry.

A speed arrives late by an unknown, constant time. What the camera saw tells by how much: the two
speeds, one in units and one in metres, change together where the delay is right (a vehicle at
constant speed does not show it, nor need it).
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.scale.filter import Measurement

WINDOW = 30.0
"""Seconds of driving that the delay is found from."""
DELAYS = np.arange(0.0, 0.41, 0.02)
USUAL_DELAY = 0.15
"""Standard deviation of delays, seconds: what is believed where nothing tells."""
SLOWEST = 1.0
"""m/s below which a ratio of speeds says nothing."""


class SpeedComparison:
    """Metres per unit from two speeds of the same vehicle.

    noise  relative std of a ratio of the two;  bias  relative std of what stays (tyres)
    """

    def __init__(self, noise: float = 0.12, bias: float = 0.01) -> None:
        self.delay = 0.0
        self._noise, self._bias = noise, bias
        self._seen: deque[tuple[float, float]] = deque()
        self._told: deque[tuple[float, float]] = deque()

    def add(
        self, stamp: int, speed: float | None, motion: NDArray[np.float64], interval: float
    ) -> Measurement | None:
        """Compare at one frame.

        stamp     of the frame, ns;  speed  the vehicle's, m/s, as known at that time
        motion    T_previous_current, translation in units, over `interval` seconds
        """
        now = stamp / 1e9
        if self._told and now <= self._told[-1][0]:
            self._seen.clear()
            self._told.clear()
        if speed is None or not math.isfinite(speed):
            return None
        self._told.append((now, abs(speed)))
        if interval > 0:
            units = float(np.linalg.norm(motion[:3, 3])) / interval
            self._seen.append((now - interval / 2, units))
        for items in (self._seen, self._told):
            while items and now - items[0][0] > WINDOW:
                items.popleft()
        if len(self._seen) < 2 or interval <= 0:
            return None
        seen, told = np.array(self._seen), np.array(self._told)
        self.delay = _delay(seen, told, self._noise)
        # The newest pair whose speed has arrived.
        i = int(np.searchsorted(seen[:, 0] + self.delay, now + 1e-6)) - 1
        if i < 0 or seen[i, 0] + self.delay < told[0, 0]:
            return None
        metres = float(np.interp(seen[i, 0] + self.delay, told[:, 0], told[:, 1]))
        if metres < SLOWEST or seen[i, 1] <= 0:
            return None
        return Measurement(metres / float(seen[i, 1]), self._noise, self._bias)


def _delay(seen: NDArray[np.float64], told: NDArray[np.float64], noise: float) -> float:
    """Seconds by which told (stamp, m/s) follows seen (stamp, units/s), with a prior at zero."""
    usable = (seen[:, 0] >= told[0, 0]) & (seen[:, 0] + DELAYS[-1] <= told[-1, 0])
    seen = seen[usable & (seen[:, 1] > 0)]
    if len(seen) < 20:
        return 0.0
    costs = []
    for delay in DELAYS:
        metres = np.interp(seen[:, 0] + delay, told[:, 0], told[:, 1])
        fast = metres > SLOWEST
        if fast.sum() < 20:
            return 0.0
        residual = np.log(metres[fast] / seen[fast, 1])
        residual = np.abs(residual - np.median(residual)) / noise
        # Huber: a tunnel's or a traffic light's odd values do not decide.
        loss = np.where(residual < 1.5, residual**2 / 2, 1.5 * (residual - 0.75))
        costs.append(loss.mean() * len(seen) + (delay / USUAL_DELAY) ** 2 / 2)
    best = int(np.argmin(costs))
    return float(DELAYS[best])
