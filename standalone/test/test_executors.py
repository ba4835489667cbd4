# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Spinning; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from transport import spin_until, wait_until

# isort: split

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.task import Future
from std_msgs.msg import Int32

NODE = 'spinning'


def test_messages_arrive_in_order(node: Any, executor: Any) -> None:
    got: list[int] = []
    node.create_subscription(Int32, 'number', lambda message: got.append(message.data), 50)
    publisher = node.create_publisher(Int32, 'number', 50)
    wait_until(publisher.get_subscription_count)
    for number in range(50):
        publisher.publish(Int32(data=number))
    spin_until(executor, lambda: len(got) == 50)
    assert got == list(range(50))


def test_a_slow_callback_gets_the_newest_of_a_short_queue(node: Any, executor: Any) -> None:
    got: list[int] = []
    profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(Int32, 'number', profile)

    def slow(message: Any) -> None:
        got.append(message.data)
        if len(got) == 1:
            for number in range(2, 30):
                publisher.publish(Int32(data=number))

    node.create_subscription(Int32, 'number', slow, profile)
    wait_until(publisher.get_subscription_count)
    publisher.publish(Int32(data=1))
    spin_until(executor, lambda: len(got) == 2)
    executor.spin_once(timeout_sec=0.1)
    assert got == [1, 29]


def test_each_that_is_ready_has_its_turn(node: Any, executor: Any) -> None:
    got: list[str] = []
    publishers = []
    for name in ('busy', 'quiet'):
        node.create_subscription(Int32, name, lambda _, name=name: got.append(name), 50)
        publishers.append(node.create_publisher(Int32, name, 50))
    for publisher in publishers:
        wait_until(publisher.get_subscription_count)
    for _ in range(20):
        publishers[0].publish(Int32())
    publishers[1].publish(Int32())
    spin_until(executor, lambda: 'quiet' in got)
    assert got.count('busy') <= 2  # not all of them first


def test_spin_once_runs_one_callback(node: Any, executor: Any) -> None:
    got: list[int] = []
    node.create_subscription(Int32, 'number', lambda message: got.append(message.data), 10)
    publisher = node.create_publisher(Int32, 'number', 10)
    wait_until(publisher.get_subscription_count)
    for number in range(3):
        publisher.publish(Int32(data=number))
    counts = []
    end = time.monotonic() + 20
    while len(got) < 3 and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
        counts.append(len(got))
    assert set(counts) >= {1, 2, 3}


def test_spin_once_ends_in_time(executor: Any) -> None:
    started = time.monotonic()
    executor.spin_once(timeout_sec=0.2)
    executor.spin_once(timeout_sec=0)
    assert 0.15 < time.monotonic() - started < 10


def test_what_a_callback_raises_ends_spin(node: Any, executor: Any) -> None:
    def fail() -> None:
        raise KeyError('lost')

    node.create_timer(0.01, fail)
    with pytest.raises(KeyError, match='lost'):
        executor.spin()


def test_a_node_is_made_and_given_up_while_another_thread_spins(node: Any, executor: Any) -> None:
    calls: list[int] = []

    def spin() -> None:
        with pytest.raises(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    timer = node.create_timer(0.01, lambda: calls.append(1))
    wait_until(lambda: len(calls) > 2, 'calls of a new timer')
    assert node.destroy_timer(timer)
    time.sleep(0.1)
    after = len(calls)
    other = Node('other', context=node.context)
    other.create_timer(0.01, lambda: calls.append(1))
    executor.add_node(other)
    wait_until(lambda: len(calls) > after + 3, 'calls of a new node')
    executor.remove_node(other)
    other.destroy_node()
    node.context.try_shutdown()
    thread.join(20)
    assert not thread.is_alive()


def test_shutdown_ends_spin(node: Any, executor: Any) -> None:
    threading.Timer(0.1, node.context.try_shutdown).start()
    with pytest.raises(ExternalShutdownException):
        executor.spin()
    assert not node.context.ok()


def test_shutdown_of_the_executor_ends_spin(executor: Any) -> None:
    threading.Timer(0.1, executor.shutdown).start()
    executor.spin()


def test_a_future_ends_spin(node: Any, executor: Any) -> None:
    future = Future()
    threading.Timer(0.1, lambda: future.set_result(5)).start()
    executor.spin_until_future_complete(future, timeout_sec=20)
    assert future.result() == 5
    started = time.monotonic()
    executor.spin_until_future_complete(Future(), timeout_sec=0.1)
    assert time.monotonic() - started < 10


def test_functions_of_rclpy_spin_the_default_context() -> None:
    rclpy.init(args=[])
    try:
        node = rclpy.create_node('default')
        calls: list[int] = []
        node.create_timer(0.01, lambda: calls.append(1))
        rclpy.spin_once(node, timeout_sec=20)
        assert calls == [1]
        future = Future()
        node.create_timer(0.01, lambda: future.done() or future.set_result('done'))
        rclpy.spin_until_future_complete(node, future, timeout_sec=20)
        assert future.result() == 'done'
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    assert not rclpy.ok()
    with pytest.raises(Exception, match='init'):
        rclpy.create_node('late')
    rclpy.init(args=[])
    rclpy.shutdown()
    with pytest.raises(RuntimeError):
        rclpy.shutdown()


def test_best_effort_input_takes_both_kinds_of_publisher(node: Any, executor: Any) -> None:
    got: list[int] = []
    node.create_subscription(
        Int32, 'number', lambda message: got.append(message.data), qos_profile_sensor_data
    )
    for number, profile in enumerate((QoSProfile(depth=5), qos_profile_sensor_data)):
        publisher = node.create_publisher(Int32, 'number', profile)
        wait_until(publisher.get_subscription_count)
        publisher.publish(Int32(data=number))
        spin_until(executor, lambda: got == list(range(number + 1)))  # noqa: B023
