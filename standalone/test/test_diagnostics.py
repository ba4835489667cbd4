# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time as system
from collections.abc import Iterator
from typing import Any

import pytest
from ros2_standalone.clock import ROSClock
from ros2_standalone.diagnostics import (
    DiagnosticStatus,
    DiagnosticStatusWrapper,
    FunctionDiagnosticTask,
    Updater,
)
from ros2_standalone.logging import Logger
from ros2_standalone.parameter_store import ParameterStore
from ros2_standalone.parameters import Parameter
from ros2_standalone.serialization import deserialize_message, serialize_message
from ros2_standalone.time import Time

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class FakeNode(ParameterStore):
    """What an updater wants of a node."""

    def __init__(self, **overrides: Any) -> None:
        super().__init__({name: Parameter(name, value=value) for name, value in overrides.items()})
        self.published: list[Any] = []
        self.timers: list[float] = []
        self.warnings: list[str] = []
        self.clock = ROSClock()

    def get_name(self) -> str:
        return 'camera'

    def get_fully_qualified_name(self) -> str:
        return '/ns/camera'

    def get_clock(self) -> ROSClock:
        return self.clock

    def get_logger(self) -> Any:
        return self

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def create_publisher(self, msg_type: Any, topic: str, qos: int) -> Any:
        assert (msg_type.__name__, topic) == ('DiagnosticArray', '/diagnostics')
        return self

    def publish(self, message: Any) -> None:
        # Through the wire, so that a status that can't be sent is found here.
        self.published.append(deserialize_message(serialize_message(message), type(message)))

    def create_timer(self, period: float, callback: Any) -> float:
        self.timers.append(period)
        return period

    def destroy_timer(self, timer: float) -> None:
        self.timers.remove(timer)

    @property
    def last(self) -> list[tuple[str, bytes, str]]:
        return [(each.name, each.level, each.message) for each in self.published[-1].status]


def fine(stat: Any) -> Any:
    stat.summary(OK, 'fine')
    stat.add('rate', '10')
    return stat


def broken(stat: Any) -> Any:
    stat.summary(ERROR, 'broken')
    return stat


def test_summaries() -> None:
    status = DiagnosticStatusWrapper()
    status.summary(WARN, 3)
    assert (status.level, status.message) == (WARN, '3')
    other = DiagnosticStatusWrapper()
    other.summary(status)
    assert (other.level, other.message) == (WARN, '3')
    assert isinstance(status, DiagnosticStatus)


def test_values_are_text() -> None:
    status = DiagnosticStatusWrapper()
    status.add('key', 'value')
    assert [(value.key, value.value) for value in status.values] == [('key', 'value')]
    with pytest.raises(AssertionError, match='value'):
        status.add('key', 3)  # type: ignore[arg-type]


def test_an_updater_publishes_what_its_tasks_say() -> None:
    node = FakeNode()
    updater = Updater(node)
    updater.setHardwareID('cam0')
    updater.add('Device', fine)
    assert node.last == [('camera: Device', OK, 'Node starting up')]
    updater.add(FunctionDiagnosticTask('Model', broken))
    updater.add('Silent', lambda stat: stat)
    node.clock.set_ros_time_is_active(True)
    node.clock.set_ros_time_override(Time(seconds=5))
    updater.update()
    assert node.last == [
        ('camera: Device', OK, 'fine'),
        ('camera: Model', ERROR, 'broken'),
        ('camera: Silent', ERROR, 'No message was set'),
    ]
    message = node.published[-1]
    assert message.header.stamp.sec == 5
    assert {status.hardware_id for status in message.status} == {'cam0'}
    assert message.status[0].values[0].value == '10'
    assert node.warnings == []


def test_the_period_and_the_name_are_parameters() -> None:
    node = FakeNode()
    assert Updater(node, 2.5).period == 2.5 and node.timers == [2.5]
    second = Updater(node)  # another one takes what is declared
    assert second.period == 2.5
    node = FakeNode(**{'diagnostic_updater.period': 0.5, 'diagnostic_updater.use_fqn': True})
    updater = Updater(node)
    assert node.timers == [0.5]
    updater.add('Device', fine)
    updater.force_update()
    assert node.last == [('/ns/camera: Device', OK, 'fine')]


def test_a_missing_hardware_id_is_told_once_when_all_is_well() -> None:
    well = False
    node = FakeNode()
    updater = Updater(node)
    updater.add('good', lambda stat: (fine if well else broken)(stat))
    updater.update()
    assert node.warnings == []
    well = True
    for _ in range(3):
        updater.update()
    assert len(node.warnings) == 1 and 'setHardwareID' in node.warnings[0]


def test_a_task_may_add_a_task() -> None:
    node = FakeNode()
    updater = Updater(node)

    def adding(stat: Any) -> Any:
        updater.add('child', fine)
        return fine(stat)

    updater.add('parent', adding)
    updater.update()
    assert ('camera: parent', OK, 'fine') in node.last


@pytest.fixture
def node() -> Iterator[Any]:
    if not pytest.importorskip('transport').STANDALONE:
        pytest.skip('looks inside')
    from ros2_standalone.context import Context
    from ros2_standalone.node import Node

    context = Context()
    context.init(args=[])
    node = Node('camera', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_on_a_real_node(node: Any) -> None:
    from ros2_standalone.executors import SingleThreadedExecutor
    from ros2_standalone.messages import message_class

    received: list[Any] = []
    array = message_class('diagnostic_msgs/msg/DiagnosticArray')
    node.create_subscription(array, '/diagnostics', received.append, 10)
    updater = Updater(node, 0.05)
    updater.setHardwareID('none')
    updater.add('Device', fine)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end = system.monotonic() + 30
    while not any(message.status[0].message == 'fine' for message in received):
        assert system.monotonic() < end, 'nothing is published'
        executor.spin_once(timeout_sec=0.05)
    assert received[-1].status[0].name == 'camera: Device'
    assert isinstance(node.get_logger(), Logger)
    assert node.has_parameter('diagnostic_updater.period')
    executor.shutdown()
