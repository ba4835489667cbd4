# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Timers; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import time
from typing import Any

from transport import spin_until

# isort: split

from rclpy.clock import Clock, ClockType

NODE = 'spinning'
STEADY = Clock(clock_type=ClockType.STEADY_TIME)


def test_a_timer_keeps_its_rhythm(node: Any, executor: Any) -> None:
    calls: list[float] = []
    timer = node.create_timer(0.05, lambda: calls.append(time.monotonic()), clock=STEADY)
    begin = time.monotonic()
    assert not timer.is_ready()
    spin_until(executor, lambda: len(calls) == 10)
    assert calls[-1] - begin >= 0.45  # never early, however late one of them was
    timer.cancel()
    assert timer.is_canceled()
    executor.spin_once(timeout_sec=0.15)
    assert len(calls) == 10
    timer.reset()
    spin_until(executor, lambda: len(calls) == 11)
    assert timer.timer_period_ns == 50_000_000


def test_a_timer_does_not_make_up_for_what_it_missed(node: Any, executor: Any) -> None:
    calls: list[float] = []
    node.create_timer(0.02, lambda: calls.append(time.monotonic()), clock=STEADY)
    time.sleep(0.5)
    begin = time.monotonic()
    while time.monotonic() < begin + 0.2:
        executor.spin_once(timeout_sec=0.01)
    assert len(calls) < 15
