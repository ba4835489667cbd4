# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ready-made tasks of `diagnostic_updater`: how often something happens, and how late."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from .diagnostics import DiagnosticStatus, DiagnosticTask

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class FrequencyStatusParam:
    """Bounds of a frequency.

    freq_bound   {'min': Hz, 'max': Hz}; read at each update, so that it may change
    tolerance    by which share the frequency may be outside
    window_size  over how many updates it is counted
    """

    def __init__(
        self, freq_bound: dict[str, float], tolerance: float = 0.1, window_size: int = 5
    ) -> None:
        self.freq_bound = freq_bound
        self.tolerance = tolerance
        self.window_size = window_size


class FrequencyStatus(DiagnosticTask):
    """Warns where tick() is called too often or too seldom; an error where it is not."""

    def __init__(self, params: FrequencyStatusParam, name: str = 'FrequencyStatus') -> None:
        super().__init__(name)
        self.params = params
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Count anew."""
        with self.lock:
            self.count = 0
            self._marks = deque([(time.monotonic(), 0)], self.params.window_size)

    def tick(self) -> None:
        """Say that it happened."""
        with self.lock:
            self.count += 1

    def run(self, stat: Any) -> Any:
        """Fill a status with the frequency since the update before the window."""
        with self.lock:
            now = time.monotonic()
            start, before = self._marks[0]
            events, window = self.count - before, max(now - start, 1e-9)
            self._marks.append((now, self.count))
            since_start = self.count
        low = self.params.freq_bound['min'] * (1 - self.params.tolerance)
        high = self.params.freq_bound.get('max', float('inf')) * (1 + self.params.tolerance)
        frequency = events / window
        if events == 0:
            stat.summary(ERROR, 'No events recorded')
        elif frequency < low:
            stat.summary(WARN, 'Frequency too low')
        elif frequency > high:
            stat.summary(WARN, 'Frequency too high')
        else:
            stat.summary(OK, 'Frequency as desired')
        stat.add('Events in window', f'{events}')
        stat.add('Events since startup', f'{since_start}')
        stat.add('Duration of window (s)', f'{window:.3f}')
        stat.add('Actual frequency (Hz)', f'{frequency:.3f}')
        stat.add('Minimum acceptable frequency (Hz)', f'{low:.3f}')
        stat.add('Maximum acceptable frequency (Hz)', f'{high:.3f}')
        return stat


class TimeStampStatusParam:
    """How far a time stamp may lie behind the time at which it is seen, in seconds."""

    def __init__(self, min_acceptable: float = -1, max_acceptable: float = 5) -> None:
        self.min_acceptable = min_acceptable
        self.max_acceptable = max_acceptable


class TimeStampStatus(DiagnosticTask):
    """An error where stamps given to tick() are too old, of the future, or 0.

    Stamps are compared to the time of the system: of no use under use_sim_time.
    """

    def __init__(
        self, params: TimeStampStatusParam | None = None, name: str = 'Timestamp Status'
    ) -> None:
        super().__init__(name)
        self.params = TimeStampStatusParam() if params is None else params
        self.lock = threading.Lock()
        self._delays: list[float] = []
        self._zero_seen = False

    def tick(self, stamp: Any) -> None:
        """Say of which time something was: seconds as a float, or a Time."""
        seconds = stamp if isinstance(stamp, float) else stamp.nanoseconds * 1e-9
        with self.lock:
            if seconds == 0:
                self._zero_seen = True
                return
            delay = time.time() - seconds
            # The smallest and the largest are all that is asked for.
            self._delays = [min([*self._delays, delay]), max([*self._delays, delay])]

    def run(self, stat: Any) -> Any:
        """Fill a status with the delays since the last update."""
        with self.lock:
            delays, self._delays = self._delays, []
            zero_seen, self._zero_seen = self._zero_seen, False
        low, high = (delays[0], delays[-1]) if delays else (0.0, 0.0)
        if zero_seen:
            stat.summary(ERROR, 'A timestamp of zero was seen')
        elif not delays:
            stat.summary(WARN, 'No data since the last update')
        elif high > self.params.max_acceptable:
            stat.summary(ERROR, 'Timestamps too far in the past were seen')
        elif low < self.params.min_acceptable:
            stat.summary(ERROR, 'Timestamps too far in the future were seen')
        else:
            stat.summary(OK, 'Timestamps are reasonable')
        stat.add('Earliest timestamp delay (s)', f'{low:.3f}')
        stat.add('Latest timestamp delay (s)', f'{high:.3f}')
        stat.add('Earliest acceptable timestamp delay (s)', f'{self.params.min_acceptable:.3f}')
        stat.add('Latest acceptable timestamp delay (s)', f'{self.params.max_acceptable:.3f}')
        return stat
