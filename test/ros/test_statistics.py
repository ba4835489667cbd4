# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mdepth_ros.core.types import Scale
from mdepth_ros.ros.statistics import Spread, Statistics


class Steady:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def estimate(reason: str = '', step: float = 0.03) -> Any:
    return SimpleNamespace(
        interval=0.0 if reason else 0.1,
        status='held' if reason else 'tracking',
        reason=reason,
        scale=Scale(4.0, 0.0, 'fixed'),
        timings={'step': step},
    )


def test_rates_ages_and_losses() -> None:
    clock = Steady()
    statistics = Statistics(clock)
    for number in range(100):
        statistics.received(0.004 + 0.0001 * number)
        if number % 2:
            statistics.lost('superseded')
        else:
            statistics.processed(estimate(), {'publish': 0.002})
            statistics.published(0.04)
        clock.now += 0.1
    now = statistics.snapshot()
    assert now.input_rate == pytest.approx(10.0, rel=0.05)
    assert now.output_rate == pytest.approx(5.0, rel=0.1)
    assert (now.received, now.superseded, now.processed, now.unreadable) == (100, 50, 50, 0)
    assert now.input_age.median == pytest.approx(0.00895, abs=1e-4)
    assert now.input_age.p99 > now.input_age.median
    assert now.latency == Spread(0.04, 0.04, 0.04)
    assert now.since_input == pytest.approx(0.1) and now.since_output == pytest.approx(0.2)
    assert now.stages['step'].median == 0.03 and now.stages['publish'].median == 0.002
    assert (now.status, now.reason, now.interval, now.scale) == (
        'tracking', '', 0.1, Scale(4.0, 0.0, 'fixed'),
    )  # fmt: skip
    # The camera stops: rates fall to zero, the count of seconds goes on.
    clock.now += 60.0
    now = statistics.snapshot()
    assert now.input_rate == now.output_rate == 0.0
    assert now.since_input == pytest.approx(60.1)


def test_nothing_yet() -> None:
    now = Statistics().snapshot()
    assert (now.since_input, now.since_output, now.scale, now.status) == (None, None, None, '')
    assert now.input_rate == 0.0 and now.input_age == Spread()


def test_the_rate_of_a_camera_that_just_began() -> None:
    clock = Steady()
    statistics = Statistics(clock)
    for _ in range(5):
        clock.now += 0.05
        statistics.received(0.0)
    assert statistics.snapshot().input_rate == pytest.approx(20.0)


def test_reasons_are_counted_without_their_amounts() -> None:
    statistics = Statistics()
    for reason in (
        'time ran backward by 1.20 s',
        'time ran backward by 24 s',
        'gap of 1.20 s',
        'no frame 0.10 s back (nearest is 0.20 s)',
        'the image shows nothing',
    ):
        statistics.processed(estimate(reason), {})
    assert statistics.snapshot().held == {
        'time ran backward': 2, 'gap': 1, 'no frame back': 1, 'the image shows nothing': 1,
    }  # fmt: skip


def test_a_pause_forgets_the_moment_and_keeps_the_counts() -> None:
    statistics = Statistics()
    statistics.received(0.01)
    statistics.processed(estimate(), {})
    statistics.published(0.04)
    statistics.pause()
    now = statistics.snapshot()
    assert (now.status, now.since_input, now.since_output, now.scale) == ('', None, None, None)
    assert (now.received, now.processed) == (1, 1)
