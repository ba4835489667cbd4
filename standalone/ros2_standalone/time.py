# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.time` and `rclpy.duration`: nanoseconds."""

from __future__ import annotations

from enum import IntEnum
from functools import total_ordering
from typing import Any

from .messages import message_class

S_TO_NS = 1_000_000_000
LIMIT = 2**63


class ClockType(IntEnum):
    """Whose time: ROS time can be overridden, steady time never jumps."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3


@total_ordering
class Duration:
    """A period in whole nanoseconds; may be negative."""

    __slots__ = ('_nanoseconds',)

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -LIMIT <= total < LIMIT:
            raise OverflowError('Duration does not fit into 64 bits of nanoseconds')
        self._nanoseconds = total

    @property
    def nanoseconds(self) -> int:
        """The whole period in nanoseconds."""
        return self._nanoseconds

    def __repr__(self) -> str:
        return f'Duration(nanoseconds={self._nanoseconds})'

    def __str__(self) -> str:
        return 'Infinite' if self == Infinite else f'{self._nanoseconds} nanoseconds'

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self._nanoseconds < other._nanoseconds

    def __add__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(nanoseconds=self._nanoseconds + other._nanoseconds)

    def __sub__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)

    def to_msg(self) -> Any:
        """builtin_interfaces/Duration of this period."""
        sec, nanosec = divmod(self._nanoseconds, S_TO_NS)
        return message_class('builtin_interfaces/msg/Duration')(sec=sec, nanosec=nanosec)

    @classmethod
    def from_msg(cls, msg: Any) -> Duration:
        """Duration of a builtin_interfaces/Duration; TypeError for anything else."""
        if not isinstance(msg, message_class('builtin_interfaces/msg/Duration')):
            raise TypeError('Must pass a builtin_interfaces.msg.Duration object')
        return cls(nanoseconds=msg.sec * S_TO_NS + msg.nanosec)


Infinite = Duration(nanoseconds=LIMIT - 1)


@total_ordering
class Time:
    """Nanoseconds since the epoch of a kind of clock; never negative.

    Times of different clocks can't be compared or subtracted: TypeError.
    """

    __slots__ = ('_clock_type', '_nanoseconds')

    def __init__(
        self,
        *,
        seconds: float = 0,
        nanoseconds: int = 0,
        clock_type: ClockType = ClockType.SYSTEM_TIME,
    ) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError('Clock type must be a ClockType enum')
        if seconds < 0 or nanoseconds < 0:
            raise ValueError('A time can not be negative')
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= LIMIT:
            raise OverflowError('Time does not fit into 63 bits of nanoseconds')
        self._nanoseconds = total
        self._clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since the clock's epoch."""
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        """The kind of clock that this time belongs to."""
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds, and the nanoseconds that remain."""
        return divmod(self._nanoseconds, S_TO_NS)

    def __repr__(self) -> str:
        return f'Time(nanoseconds={self._nanoseconds}, clock_type={self._clock_type.name})'

    # rclpy's Time is not hashable either: its equality may raise.
    __hash__ = None  # type: ignore[assignment]

    def _same_clock(self, other: Time) -> None:
        if self._clock_type != other._clock_type:
            raise TypeError("Can't combine times with different clock types")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other)
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other)
        return self._nanoseconds < other._nanoseconds

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        nanoseconds = self._nanoseconds + other.nanoseconds
        return Time(nanoseconds=nanoseconds, clock_type=self._clock_type)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            self._same_clock(other)
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        if isinstance(other, Duration):
            nanoseconds = self._nanoseconds - other.nanoseconds
            return Time(nanoseconds=nanoseconds, clock_type=self._clock_type)
        return NotImplemented

    def to_msg(self) -> Any:
        """builtin_interfaces/Time of this time."""
        sec, nanosec = self.seconds_nanoseconds()
        return message_class('builtin_interfaces/msg/Time')(sec=sec, nanosec=nanosec)

    @classmethod
    def from_msg(cls, msg: Any, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """Time of a builtin_interfaces/Time; TypeError for anything else."""
        if not isinstance(msg, message_class('builtin_interfaces/msg/Time')):
            raise TypeError('Must pass a builtin_interfaces.msg.Time object')
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)
