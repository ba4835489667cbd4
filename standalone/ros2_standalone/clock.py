# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.clock`: who says what time it is, and who hears when that jumps.

A ROS clock follows the system until somebody overrides it, which is how /clock of a bag or a
simulator reaches a node (https://design.ros2.org/articles/clock_and_time.html).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from .time import ClockType, Duration, Time


class ClockChange(IntEnum):
    """Whether a jump came from switching between ROS time and system time."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


class JumpThreshold:
    """What counts as a jump: at least so far forward (> 0) or backward (< 0), or a clock change.

    Raises ValueError for a threshold of the wrong sign, or for none at all.
    """

    def __init__(
        self,
        *,
        min_forward: Duration | None,
        min_backward: Duration | None,
        on_clock_change: bool = True,
    ) -> None:
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError('min_forward must be a positive non-zero duration')
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError('min_backward must be a negative non-zero duration')
        if min_forward is None and min_backward is None and not on_clock_change:
            raise ValueError('At least one jump threshold must be enabled')
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.on_clock_change = on_clock_change

    def _exceeded(self, jump: TimeJump) -> bool:
        changes = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
        return (
            (self.on_clock_change and jump.clock_change in changes)
            or (self.min_forward is not None and jump.delta >= self.min_forward)
            or (self.min_backward is not None and jump.delta <= self.min_backward)
        )


class TimeJump:
    """What a jump callback is told: whether the source changed, and new minus old time."""

    def __init__(self, clock_change: ClockChange, delta: Duration) -> None:
        if not isinstance(clock_change, ClockChange):
            raise TypeError('clock_change must be an instance of rclpy.clock.ClockChange')
        self._clock_change = clock_change
        self._delta = delta

    @property
    def clock_change(self) -> ClockChange:
        """Whether ROS time was switched on or off."""
        return self._clock_change

    @property
    def delta(self) -> Duration:
        """How far the clock jumped; 0 where only its source changed."""
        return self._delta


class JumpHandle:
    """A registered pair of jump callbacks; keep it as long as they shall be called."""

    def __init__(
        self,
        *,
        clock: Clock,
        threshold: JumpThreshold,
        pre_callback: Callable[[], None] | None,
        post_callback: Callable[[TimeJump], None] | None,
    ) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError('One of pre_callback or post_callback must be callable')
        for name, callback in (('pre_callback', pre_callback), ('post_callback', post_callback)):
            if callback is not None and not callable(callback):
                raise ValueError(f'{name} must be callable if given')
        self._clock: Clock | None = clock
        self._threshold = threshold
        self._pre_callback = pre_callback
        self._post_callback = post_callback
        clock._jump_handles.append(self)

    def unregister(self) -> None:
        """Stop the callbacks; again and again does no harm."""
        if self._clock is not None:
            self._clock._jump_handles.remove(self)
            self._clock = None


class Clock:
    """The time of the system, of a steady counter, or of ROS (then it is a ROSClock)."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        """A Clock; for ROS_TIME a ROSClock."""
        return super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError('Clock type must be a ClockType enum')
        self._clock_type = clock_type
        self._jump_handles: list[JumpHandle] = []

    @property
    def clock_type(self) -> ClockType:
        """The kind of this clock, and of the times that it gives."""
        return self._clock_type

    def __repr__(self) -> str:
        return f'Clock(clock_type={self._clock_type.name})'

    def now(self) -> Time:
        """The time now."""
        steady = self._clock_type is ClockType.STEADY_TIME
        nanoseconds = time.monotonic_ns() if steady else time.time_ns()
        return Time(nanoseconds=nanoseconds, clock_type=self._clock_type)

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], None] | None = None,
        post_callback: Callable[[TimeJump], None] | None = None,
    ) -> JumpHandle:
        """Have callbacks called before and after each jump beyond a threshold.

        They run in the thread that moves the clock, and shall be quick.
        """
        return JumpHandle(
            clock=self,
            threshold=threshold,
            pre_callback=pre_callback,
            post_callback=post_callback,
        )


class ROSClock(Clock):
    """A clock that follows the system, or what `set_ros_time_override` said last."""

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self._lock = threading.RLock()  # callbacks may ask, or move, the clock that moves
        self._override = 0
        self._active = False

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock gives the override, not the time of the system."""
        return self._active

    def now(self) -> Time:
        """The time now; 0 where the override is active and nobody has set it yet."""
        nanoseconds = self._override if self._active else time.time_ns()
        return Time(nanoseconds=nanoseconds, clock_type=self._clock_type)

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        with self._lock:
            if enabled == self._active:
                return
            on, off = ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED
            with self._jump(on if enabled else off, 0):
                self._active = enabled

    def set_ros_time_override(self, time: Time) -> None:
        """Set what the clock gives while ROS time is active; jump callbacks see the step."""
        if not isinstance(time, Time):
            raise TypeError(f'Time must be an rclpy.time.Time, not {type(time)}')
        with self._lock:
            if not self._active:
                self._override = time.nanoseconds
                return
            step = time.nanoseconds - self._override
            with self._jump(ClockChange.ROS_TIME_NO_CHANGE, step):
                self._override = time.nanoseconds

    @contextmanager
    def _jump(self, change: ClockChange, delta: int) -> Iterator[None]:
        jump = TimeJump(change, Duration(nanoseconds=delta))
        handles = [handle for handle in self._jump_handles if handle._threshold._exceeded(jump)]
        for handle in handles:
            if handle._pre_callback is not None:
                handle._pre_callback()
        yield
        for handle in handles:
            if handle._post_callback is not None:
                handle._post_callback(jump)
