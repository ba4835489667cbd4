# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes on simulated time; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from transport import context, spin_until, wait_until

# isort: split

from builtin_interfaces.msg import Time as TimeMessage
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

STEADY = Clock(clock_type=ClockType.STEADY_TIME)


@pytest.fixture
def simulated() -> Iterator[tuple[Any, Any, Any]]:
    """A node on ROS time, its executor, and a function that moves the clock."""
    with context(['--ros-args', '-p', 'use_sim_time:=true']) as inside:
        node = Node('simulated', context=inside)
        executor = SingleThreadedExecutor(context=inside)
        executor.add_node(node)
        clock = node.create_publisher(ClockMessage, '/clock', 10)
        wait_until(clock.get_subscription_count)

        def tick(seconds: float) -> None:
            sec, part = divmod(seconds, 1)
            stamp = TimeMessage(sec=int(sec), nanosec=int(part * 1e9))
            clock.publish(ClockMessage(clock=stamp))
            spin_until(executor, lambda: node.get_clock().now().nanoseconds == int(seconds * 1e9))

        yield node, executor, tick
        node.destroy_node()


def test_a_node_on_ros_time_follows_the_clock(simulated: Any) -> None:
    node, executor, tick = simulated
    assert node.get_clock().now().nanoseconds == 0
    calls: list[int] = []
    steady: list[int] = []
    node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds // 10**9))
    node.create_timer(0.02, lambda: steady.append(1), clock=STEADY)
    spin_until(executor, lambda: len(steady) > 3)
    assert calls == []  # the clock stands still; watchdogs go on
    tick(100.0)
    spin_until(executor, lambda: calls == [100])
    tick(100.4)
    tick(101.2)
    spin_until(executor, lambda: calls == [100, 101])
    tick(50.0)  # the bag begins anew
    tick(50.6)
    executor.spin_once(timeout_sec=0.1)
    assert calls == [100, 101]
    tick(51.1)
    spin_until(executor, lambda: calls == [100, 101, 51])


def test_use_sim_time_can_be_switched(simulated: Any) -> None:
    node, _, tick = simulated
    tick(7.0)
    from rclpy.parameter import Parameter

    assert node.set_parameters([Parameter('use_sim_time', value=False)])[0].successful
    assert abs(node.get_clock().now().nanoseconds - time.time_ns()) < 60 * 10**9
    assert node.count_subscribers('/clock') == 0
    assert not node.set_parameters([Parameter('use_sim_time', value=3)])[0].successful
    assert node.set_parameters([Parameter('use_sim_time', value=True)])[0].successful
    assert node.get_clock().now().nanoseconds == 7 * 10**9
