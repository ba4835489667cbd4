# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.timer`: callbacks at a period of any clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .clock import Clock, ClockChange, JumpThreshold, TimeJump
from .time import Duration
from .waiting import Waitable


class Timer(Waitable):
    """Calls back once a period, which is in nanoseconds; periods that were missed are left out.

    A timer on ROS time follows jumps: forward it may be due at once, backward it starts anew.
    """

    def __init__(
        self,
        callback: Callable[[], Any] | None,
        timer_period_ns: int,
        clock: Clock,
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        if timer_period_ns < 0:
            raise ValueError('timer_period_ns must be a non-negative integer')
        super().__init__()
        self.callback = callback
        self._clock = clock
        self._period = timer_period_ns
        self._wake = wake
        self._canceled = False
        self._last = self._now()
        self._next = self._last + timer_period_ns
        self._left = 0
        tick = Duration(nanoseconds=1)
        threshold = JumpThreshold(min_forward=tick, min_backward=Duration() - tick)
        self._jumps = clock.create_jump_callback(
            threshold, pre_callback=self._before_jump, post_callback=self._after_jump
        )

    def _now(self) -> int:
        return self._clock.now().nanoseconds

    def _before_jump(self) -> None:
        self._left = self._next - self._now()

    def _after_jump(self, jump: TimeJump) -> None:
        now = self._now()
        if jump.clock_change != ClockChange.ROS_TIME_NO_CHANGE:
            self._next = now + min(max(self._left, 0), self._period)
            self._last = self._next - self._period
        elif now < self._last:
            self._last, self._next = now, now + self._period
        self._wake()

    @property
    def clock(self) -> Clock:
        """The clock that it follows."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """The period in nanoseconds."""
        return self._period

    def is_ready(self) -> bool:
        """Whether a call is due."""
        return not self._canceled and self._now() >= self._next

    def is_canceled(self) -> bool:
        """Whether it is at rest."""
        return self._canceled

    def cancel(self) -> None:
        """Put it to rest until reset()."""
        self._canceled = True

    def reset(self) -> None:
        """Start it, the first call a period from now."""
        self._last = self._now()
        self._next = self._last + self._period
        self._canceled = False
        self._wake()

    def time_until_next_call(self) -> int | None:
        """Nanoseconds until the next call is due, negative where it is late; None at rest."""
        return None if self._canceled else self._next - self._now()

    def wait_limit(self) -> int | None:
        """Nanoseconds that an executor may wait for this timer; None where time only jumps."""
        if getattr(self._clock, 'ros_time_is_active', False) and not self.is_ready():
            return None
        left = self.time_until_next_call()
        return None if left is None else max(left, 0)

    def execute(self) -> bool:
        """Call back where that is due."""
        now = self._now()
        if self._destroyed or self._canceled or now < self._next:
            return False
        self._last = now
        missed = (now - self._next) // self._period if self._period else 0
        self._next = self._next + (missed + 1) * self._period if self._period else now
        if self.callback is not None:
            self.callback()
        return True

    def destroy(self) -> None:
        """Never call back again."""
        if not self._destroyed:
            self._jumps.unregister()
        super().destroy()
