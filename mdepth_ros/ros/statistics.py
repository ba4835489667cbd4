# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happened to the frames of one camera lately: rates, ages, losses, times; no ROS here."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mdepth_ros.core.types import Estimate, Scale

WINDOW = 5.0  # seconds of rates
REMEMBERED = 200  # frames of ages and times


@dataclass(frozen=True)
class Spread:
    """Median, 99th percentile and largest of the recent values; NaN-free, zeros where empty."""

    median: float = 0.0
    p99: float = 0.0
    largest: float = 0.0

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        """Of any number of values."""
        ordered = sorted(values)
        if not ordered:
            return Spread()
        last = len(ordered) - 1
        return Spread(ordered[last // 2], ordered[round(0.99 * last)], ordered[-1])


@dataclass(frozen=True)
class Snapshot:
    """The statistics of one moment; times in seconds, rates in Hz over the last `WINDOW` s."""

    input_rate: float = 0.0  # images that arrived
    input_age: Spread = field(default_factory=Spread)  # from stamp to arrival, by the node's clock
    since_input: float | None = None  # since the last image (steady); None: there was none
    output_rate: float = 0.0  # depth images published
    latency: Spread = field(default_factory=Spread)  # from the stamp to the publication of depth
    since_output: float | None = None  # since the last depth
    received: int = 0  # images that arrived, in all
    processed: int = 0  # those that have a depth
    superseded: int = 0  # those that a newer one replaced before the networks were free
    unreadable: int = 0  # those that could not be used
    interval: float = 0.0  # of the last pair; 0 where held
    status: str = ''  # of the last estimate, as its reason and scale
    reason: str = ''
    scale: Scale | None = None  # metres per unit
    held: Mapping[str, int] = field(default_factory=dict)  # estimates without a motion, by reason
    stages: Mapping[str, Spread] = field(default_factory=dict)  # times by name


class Statistics:
    """Counts; every method may be called from any thread.

    steady  gives seconds that only go forward, whatever ROS time does
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque(maxlen=1000)
        self._departures: deque[float] = deque(maxlen=1000)
        self._ages: deque[float] = deque(maxlen=REMEMBERED)
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._stages: dict[str, deque[float]] = {}
        self._counts: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._last: dict[str, Any] = {}  # fields of the snapshot that the last estimate gives

    def pause(self) -> None:
        """Forget rates, ages and times, because nothing is expected to happen; keep the counts."""
        with self._lock:
            for times in (self._arrivals, self._departures, self._ages, self._latencies):
                times.clear()
            self._stages.clear()
            self._last = {}

    def received(self, age: float) -> None:
        """Count an image that arrived `age` seconds after its stamp."""
        with self._lock:
            self._arrivals.append(self._steady())
            self._ages.append(age)
            self._counts['received'] += 1

    def lost(self, how: Literal['superseded', 'unreadable']) -> None:
        """Count an image that a newer one replaced, or that could not be used."""
        with self._lock:
            self._counts[how] += 1

    def published(self, latency: float) -> None:
        """Count a depth that went out `latency` seconds after the stamp of its image."""
        with self._lock:
            self._departures.append(self._steady())
            self._latencies.append(latency)

    def processed(self, estimate: Estimate, own: Mapping[str, float]) -> None:
        """Count a step with its times, and the node's `own` times, in seconds."""
        with self._lock:
            self._counts['processed'] += 1
            self._last = {
                'interval': estimate.interval,
                'status': estimate.status,
                'reason': estimate.reason,
                'scale': estimate.scale,
            }
            if estimate.status in ('held', 'lost'):
                self._held[_kind(estimate.reason)] += 1
            for name, seconds in {**estimate.timings, **own}.items():
                self._stages.setdefault(name, deque(maxlen=REMEMBERED)).append(seconds)

    def snapshot(self) -> Snapshot:
        """The present state."""
        with self._lock:
            now = self._steady()
            return Snapshot(
                input_rate=self._rate(self._arrivals, now),
                input_age=Spread.of(self._ages),
                since_input=now - self._arrivals[-1] if self._arrivals else None,
                output_rate=self._rate(self._departures, now),
                latency=Spread.of(self._latencies),
                since_output=now - self._departures[-1] if self._departures else None,
                received=self._counts['received'],
                processed=self._counts['processed'],
                superseded=self._counts['superseded'],
                unreadable=self._counts['unreadable'],
                held=dict(self._held),
                stages={name: Spread.of(values) for name, values in self._stages.items()},
                **self._last,
            )

    def _rate(self, times: deque[float], now: float) -> float:
        """Per second over the window, or since the first where that was later."""
        recent = [t for t in times if now - t <= WINDOW]
        if len(recent) < len(times):
            return len(recent) / WINDOW
        return (len(recent) - 1) / (now - recent[0]) if recent and now > recent[0] else 0.0


def _kind(reason: str) -> str:
    """The reason without its amounts: 'gap of 1.20 s' and 'gap of 0.90 s' are both a gap.

    An amount goes with the word that leads to it and with its unit.
    """
    return re.sub(r'( by| of)? \d+(\.\d+)?( s\b)?', '', re.sub(r' \(.*?\)', '', reason))
