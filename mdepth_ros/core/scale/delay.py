# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scale from the vehicle's speed: wheels, GNSS or any odometry.

A speed arrives late by an unknown, constant time. It is found by comparison with the camera: with
the right delay the two speeds, one in units and one in metres, change at the same time. At
constant speed the delay cannot be found, and does not matter.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.scale.filter import Measurement
from mdepth_ros.limits import is_speed

WINDOW = 30.0
"""Seconds of driving that the delay is found from."""
DELAYS = np.arange(0.0, 0.41, 0.02)
USUAL_DELAY = 0.15
"""Prior standard deviation of the delay, seconds."""
SEARCH = 1.0
"""Seconds from one search for the delay to the next."""
SLOWEST = 1.0
"""m/s below which a ratio of speeds says nothing."""
HOLE = 1.5
"""Seconds between two speeds across which nothing is interpolated (GNSS tells one per second)."""
MOST = 2000
"""Speeds that are remembered at most."""


class SpeedComparison:
    """Metres per unit from two speeds of the same vehicle.

    noise  relative std of one ratio of the two;  bias  relative std of its constant error (tyres)
    """

    def __init__(self, noise: float = 0.12, bias: float = 0.01) -> None:
        self.delay = 0.0
        self._noise, self._bias = noise, bias
        self.reset()

    def reset(self) -> None:
        """Forget every speed; the delay stays."""
        # (seconds, units/s) of the pairs, (seconds, m/s) as told; both in the order of time.
        self._estimated: deque[tuple[float, float]] = deque()
        self._told: list[tuple[float, float]] = []
        self._now = self._measured = self._searched = -math.inf

    def add(
        self,
        stamp: int,
        speeds: Iterable[tuple[int, float]],
        motion: NDArray[np.float64],
        interval: float,
    ) -> Measurement | None:
        """Compare at one frame.

        stamp     of the frame, ns
        speeds    (stamp in ns, m/s) of the vehicle that came since the frame before
        motion    T_previous_current, translation in units, over `interval` seconds; 0: none
        """
        now = stamp / 1e9
        if now < self._now:
            self.reset()
        self._now = now
        for told_at, speed in speeds:
            # A stamp that is far off is of another clock.
            if is_speed(speed) and abs(told_at / 1e9 - now) < WINDOW:
                insort(self._told, (told_at / 1e9, abs(speed)))
        units = float(np.linalg.norm(motion[:3, 3]))
        if interval > 0 and units > 0:
            self._estimated.append((now - interval / 2, units / interval))
        while self._estimated and now - self._estimated[0][0] > WINDOW:
            self._estimated.popleft()
        old = bisect_left(self._told, (now - WINDOW, 0.0))
        del self._told[: max(old, len(self._told) - MOST)]
        if not self._estimated or len(self._told) < 2:
            return None
        return self._compare(np.array(self._estimated), np.array(self._told))

    def _compare(
        self, estimated: NDArray[np.float64], told: NDArray[np.float64]
    ) -> Measurement | None:
        if self._now - self._searched >= SEARCH:
            self._searched = self._now
            self.delay = _delay(estimated, told, self._noise)
        # The newest pair whose speed has arrived, once.
        i = int(np.searchsorted(estimated[:, 0] + self.delay, told[-1, 0], side='right')) - 1
        if i < 0 or estimated[i, 0] <= self._measured:
            return None
        time, units = estimated[i]
        k = int(np.searchsorted(told[:, 0], time + self.delay))
        if not 0 < k < len(told) or told[k, 0] - told[k - 1, 0] > HOLE:
            return None
        self._measured = time
        metres = float(np.interp(time + self.delay, told[:, 0], told[:, 1]))
        if metres < SLOWEST:
            return None
        return Measurement(metres / float(units), self._noise, self._bias)


def _delay(estimated: NDArray[np.float64], told: NDArray[np.float64], noise: float) -> float:
    """Seconds by which `told` (seconds, m/s) follows the estimated speed; the prior is at zero."""
    usable = (estimated[:, 0] >= told[0, 0]) & (estimated[:, 0] + DELAYS[-1] <= told[-1, 0])
    estimated = estimated[usable]
    if len(estimated) < 20:
        return 0.0
    costs = []
    for delay in DELAYS:
        metres = np.interp(estimated[:, 0] + delay, told[:, 0], told[:, 1])
        fast = metres > SLOWEST
        if fast.sum() < 20:
            return 0.0
        residual = np.log(metres[fast] / estimated[fast, 1])
        residual = np.abs(residual - np.median(residual)) / noise
        # Huber loss: a few odd values, as in a tunnel or at a traffic light, do not decide.
        loss = np.where(residual < 1.5, residual**2 / 2, 1.5 * (residual - 0.75))
        costs.append(loss.mean() * len(estimated) + (delay / USUAL_DELAY) ** 2 / 2)
    return float(DELAYS[int(np.argmin(costs))])
