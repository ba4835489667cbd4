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
from dataclasses import dataclass
from enum import IntEnum

from .time import ClockType, Duration, Time


class ClockChange(IntEnum):
    """Whether a jump came from switching between ROS time and system time."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


@dataclass(frozen=True)
class TimeJump:
    """What a jump callback is told: whether the source changed, and new minus old time."""

    clock_change: ClockChange
    delta: Duration


@dataclass(frozen=True, kw_only=True)
class JumpThreshold:
    """What counts as a jump: at least so far forward (> 0) or backward (< 0), or a clock change.

    Raises ValueError for a threshold of the wrong sign, or for none at all.
    """

    min_forward: Duration | None
    min_backward: Duration | None
    on_clock_change: bool = True

    def __post_init__(self) -> None:
        if self.min_forward is not None and self.min_forward.nanoseconds <= 0:
            raise ValueError('min_forward must be a positive non-zero duration')
        if self.min_backward is not None and self.min_backward.nanoseconds >= 0:
            raise ValueError('min_backward must be a negative non-zero duration')
        if (self.min_forward, self.min_backward, self.on_clock_change) == (None, None, False):
            raise ValueError('At least one jump threshold must be enabled')

    def exceeded_by(self, jump: TimeJump) -> bool:
        """Whether a jump counts."""
        changes = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
        return (
            (self.on_clock_change and jump.clock_change in changes)
            or (self.min_forward is not None and jump.delta >= self.min_forward)
            or (self.min_backward is not None and jump.delta <= self.min_backward)
        )


@dataclass(eq=False)
class JumpHandle:
    """A registered pair of jump callbacks; keep it as long as they shall be called."""

    handles: list[JumpHandle]
    threshold: JumpThreshold
    pre_callback: Callable[[], None] | None
    post_callback: Callable[[TimeJump], None] | None

    def __post_init__(self) -> None:
        given = [each for each in (self.pre_callback, self.post_callback) if each is not None]
        if not given or not all(map(callable, given)):
            raise ValueError('pre_callback or post_callback must be given, and be callable')
        self.handles.append(self)

    def unregister(self) -> None:
        """Stop the callbacks; again and again does no harm."""
        if self in self.handles:
            self.handles.remove(self)


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
        return JumpHandle(self._jump_handles, threshold, pre_callback, post_callback)


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

    def set_ros_time_is_active(self, enabled: bool) -> None:
        """Give the override from now on, or the time of the system."""
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
        handles = [handle for handle in self._jump_handles if handle.threshold.exceeded_by(jump)]
        for handle in handles:
            if handle.pre_callback is not None:
                handle.pre_callback()
        yield
        for handle in handles:
            if handle.post_callback is not None:
                handle.post_callback(jump)
