# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time as system
from typing import Any

import pytest
from ros2_standalone.clock import (
    Clock,
    ClockChange,
    JumpThreshold,
    ROSClock,
    TimeJump,
)
from ros2_standalone.messages import message_class
from ros2_standalone.time import ClockType, Duration, Infinite, Time

BACK = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1))


def test_durations() -> None:
    one, two = Duration(seconds=1), Duration(seconds=2, nanoseconds=5)
    assert one.nanoseconds == 10**9 and Duration(seconds=0.5).nanoseconds == 5 * 10**8
    assert one + two == Duration(nanoseconds=3 * 10**9 + 5)
    assert (one - two).nanoseconds == -(10**9) - 5
    assert one < two <= two and two > one >= one and one != two
    assert str(Infinite) == 'Infinite'
    with pytest.raises(OverflowError):
        Duration(nanoseconds=2**63)
    with pytest.raises(TypeError):
        _ = one + 1  # type: ignore[operator]


@pytest.mark.parametrize('nanoseconds', [0, 1, -1, 1_500_000_000, -1_500_000_000, -(10**9)])
def test_durations_as_messages(nanoseconds: int) -> None:
    duration = Duration(nanoseconds=nanoseconds)
    message = duration.to_msg()
    assert 0 <= message.nanosec < 10**9
    assert Duration.from_msg(message) == duration
    with pytest.raises(TypeError):
        Duration.from_msg(Time().to_msg())


def test_times() -> None:
    time = Time(seconds=5, nanoseconds=7)
    assert time.seconds_nanoseconds() == (5, 7)
    assert (
        time + Duration(seconds=1) == Duration(seconds=1) + time == Time(nanoseconds=6 * 10**9 + 7)
    )
    assert time - Time(seconds=6) == Duration(nanoseconds=7 - 10**9)
    assert time - Duration(seconds=5) == Time(nanoseconds=7)
    assert Time() < time <= time and time != Time()
    assert time.clock_type is ClockType.SYSTEM_TIME
    for bad in ({'seconds': -1}, {'nanoseconds': -1}):
        with pytest.raises(ValueError, match='negative'):
            Time(**bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='negative'):
        _ = Time() - Duration(nanoseconds=1)
    with pytest.raises(OverflowError):
        Time(nanoseconds=2**63)
    with pytest.raises(TypeError):
        Time(clock_type=1)  # type: ignore[arg-type]


def test_times_of_different_clocks_do_not_mix() -> None:
    ros, system_time = Time(clock_type=ClockType.ROS_TIME), Time()
    for operation in ('__eq__', '__lt__', '__ge__', '__sub__'):
        with pytest.raises(TypeError, match='different clock'):
            getattr(ros, operation)(system_time)
    assert ros != 0


def test_times_as_messages() -> None:
    message = message_class('builtin_interfaces/msg/Time')(sec=3, nanosec=4)
    time = Time.from_msg(message)
    assert time.clock_type is ClockType.ROS_TIME
    assert time.to_msg() == message
    with pytest.raises(TypeError):
        Time.from_msg(Duration().to_msg())


def test_clocks_tell_the_time() -> None:
    for clock_type, now in (
        (ClockType.SYSTEM_TIME, system.time_ns),
        (ClockType.ROS_TIME, system.time_ns),
        (ClockType.STEADY_TIME, system.monotonic_ns),
    ):
        before = now()
        time = Clock(clock_type=clock_type).now()
        assert before <= time.nanoseconds <= now()
        assert time.clock_type is clock_type
    assert isinstance(Clock(clock_type=ClockType.ROS_TIME), ROSClock)
    assert type(Clock()) is Clock
    assert ROSClock().clock_type is ClockType.ROS_TIME
    with pytest.raises(TypeError):
        Clock(clock_type=2)  # type: ignore[arg-type]


def test_ros_time_can_be_overridden() -> None:
    clock = ROSClock()
    clock.set_ros_time_override(Time(seconds=5, clock_type=ClockType.ROS_TIME))
    assert not clock.ros_time_is_active and clock.now() > Time(
        seconds=1000, clock_type=ClockType.ROS_TIME
    )
    clock.set_ros_time_is_active(True)
    assert clock.ros_time_is_active and clock.now().nanoseconds == 5 * 10**9
    clock.set_ros_time_override(Time(seconds=3))
    assert clock.now().nanoseconds == 3 * 10**9
    clock.set_ros_time_is_active(False)
    assert clock.now().nanoseconds > 10**18
    with pytest.raises(TypeError):
        clock.set_ros_time_override(5)  # type: ignore[arg-type]


def jumps(clock: ROSClock, threshold: JumpThreshold) -> tuple[list[TimeJump], Any]:
    heard: list[TimeJump] = []
    return heard, clock.create_jump_callback(threshold, post_callback=heard.append)


def test_who_hears_of_jumps() -> None:
    clock = ROSClock()
    backward, _ = jumps(clock, BACK)
    forward, _ = jumps(
        clock,
        JumpThreshold(min_forward=Duration(seconds=2), min_backward=None, on_clock_change=False),
    )
    clock.set_ros_time_is_active(True)
    clock.set_ros_time_is_active(True)
    for seconds in (10, 11, 13, 12, 12):
        clock.set_ros_time_override(Time(seconds=seconds))
    clock.set_ros_time_is_active(False)
    clock.set_ros_time_override(Time(seconds=1))
    assert [(jump.clock_change.name, jump.delta.nanoseconds) for jump in backward] == [
        ('ROS_TIME_ACTIVATED', 0),
        ('ROS_TIME_NO_CHANGE', -(10**9)),
        ('ROS_TIME_DEACTIVATED', 0),
    ]
    assert [jump.delta.nanoseconds for jump in forward] == [10**10, 2 * 10**9]


def test_callbacks_come_before_and_after_until_they_are_unregistered() -> None:
    clock = ROSClock()
    clock.set_ros_time_is_active(True)
    clock.set_ros_time_override(Time(seconds=9))
    seen: list[Any] = []
    handle = clock.create_jump_callback(
        BACK,
        pre_callback=lambda: seen.append(clock.now().nanoseconds),
        post_callback=lambda _: seen.append(clock.now().nanoseconds),
    )
    clock.set_ros_time_override(Time(nanoseconds=5))
    handle.unregister()
    clock.set_ros_time_override(Time(nanoseconds=1))
    assert seen == [9 * 10**9, 5]


def test_a_callback_may_unregister_itself_and_move_the_clock() -> None:
    clock = ROSClock()
    clock.set_ros_time_is_active(True)
    clock.set_ros_time_override(Time(seconds=9))

    def again(_: TimeJump) -> None:
        handle.unregister()
        clock.set_ros_time_override(Time(seconds=1))

    handle = clock.create_jump_callback(BACK, post_callback=again)
    heard, _ = jumps(clock, BACK)
    clock.set_ros_time_override(Time(seconds=5))
    assert clock.now().nanoseconds == 10**9
    assert sorted(jump.delta.nanoseconds for jump in heard) == [-4 * 10**9, -4 * 10**9]


def test_thresholds_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match='positive'):
        JumpThreshold(min_forward=Duration(), min_backward=None)
    with pytest.raises(ValueError, match='negative'):
        JumpThreshold(min_forward=None, min_backward=Duration(seconds=1))
    with pytest.raises(ValueError, match='At least one'):
        JumpThreshold(min_forward=None, min_backward=None, on_clock_change=False)
    with pytest.raises(ValueError, match='callable'):
        Clock().create_jump_callback(BACK)
    with pytest.raises(ValueError, match='be callable'):
        Clock().create_jump_callback(BACK, post_callback=3)  # type: ignore[arg-type]
    assert TimeJump(ClockChange.ROS_TIME_ACTIVATED, Duration()).delta == Duration()
