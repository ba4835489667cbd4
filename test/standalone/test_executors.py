# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Spinning; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from transport import STANDALONE, context, finish, on_this_machine, process, spin_until, wait_until

# isort: split

import rclpy
from builtin_interfaces.msg import Time as TimeMessage
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.task import Future
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import Int32

DOMAIN = 21
STEADY = Clock(clock_type=ClockType.STEADY_TIME)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    on_this_machine(monkeypatch, DOMAIN)


@pytest.fixture
def node() -> Iterator[Any]:
    with context() as inside:
        made = Node('spinning', context=inside)
        yield made
        made.destroy_node()


@pytest.fixture
def executor(node: Any) -> Iterator[Any]:
    made = SingleThreadedExecutor(context=node.context)
    made.add_node(node)
    yield made
    made.shutdown()


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
    guard = node.create_guard_condition(lambda: calls.append(1))
    guard.trigger()
    wait_until(lambda: len(calls) == after + 1, 'call of a new guard condition')
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


def test_a_task_runs_in_the_thread_that_spins(executor: Any) -> None:
    task = executor.create_task(lambda a, b: (a + b, threading.get_ident()), 1, b=2)
    assert not task.done()
    executor.spin_until_future_complete(task, timeout_sec=20)
    assert task.result() == (3, threading.get_ident())


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
    assert timer.time_since_last_call() >= 0


def test_a_timer_does_not_make_up_for_what_it_missed(node: Any, executor: Any) -> None:
    calls: list[float] = []
    node.create_timer(0.02, lambda: calls.append(time.monotonic()), clock=STEADY)
    time.sleep(0.5)
    begin = time.monotonic()
    while time.monotonic() < begin + 0.2:
        executor.spin_once(timeout_sec=0.01)
    assert len(calls) < 15


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


SPINNING = """
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
rclpy.init()
node = Node('spinning')
node.create_timer(0.01, lambda: None)
node.create_timer(0.02, lambda: print('ready', flush=True))
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException) as end:
    print(type(end).__name__)
print(rclpy.ok())
node.destroy_node()
rclpy.try_shutdown()
"""


@pytest.mark.skipif(not STANDALONE, reason='rclpy does it its own way')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_cleanly(number: int) -> None:
    with process(SPINNING) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == 'ready\n'
        begin = time.monotonic()
        started.send_signal(number)
        status, out, problems = finish(started)
        assert time.monotonic() - begin < 10
    assert (status, problems) == (0, '')
    # Between two waits, spin() just returns.
    said = [line for line in out.split() if line != 'ready']
    assert said in [['False'], ['ExternalShutdownException', 'False']]


@pytest.mark.skipif(not STANDALONE, reason='rclpy does it its own way')
def test_ctrl_c_outside_of_spin_is_a_keyboard_interrupt() -> None:
    code = """
import time
import rclpy
rclpy.init()
try:
    print('ready', flush=True)
    time.sleep(100)
except KeyboardInterrupt:
    print('interrupted', rclpy.ok())
"""
    with process(code) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == 'ready\n'
        started.send_signal(signal.SIGINT)
        assert finish(started) == (0, 'interrupted False\n', '')


def test_functions_of_rclpy_spin_the_default_context() -> None:
    rclpy.init(args=[], domain_id=DOMAIN)
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
