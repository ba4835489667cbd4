# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time as system
from collections.abc import Iterator
from typing import Any

import pytest
from ros2_standalone import diagnostic_tasks
from ros2_standalone.clock import ROSClock
from ros2_standalone.diagnostic_tasks import (
    FrequencyStatus,
    FrequencyStatusParam,
    TimeStampStatus,
)
from ros2_standalone.diagnostics import (
    CompositeDiagnosticTask,
    DiagnosticStatus,
    DiagnosticStatusWrapper,
    FunctionDiagnosticTask,
    Updater,
    public,
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
    other.clearSummary()
    assert (other.level, other.message) == (OK, '')
    assert isinstance(status, DiagnosticStatus)


@pytest.mark.parametrize(
    ('first', 'second', 'merged'),
    [
        ((OK, 'a'), (OK, 'b'), (OK, 'a; b')),
        ((OK, 'a'), (WARN, 'b'), (WARN, 'b')),
        ((WARN, 'a'), (OK, 'b'), (WARN, 'a')),
        ((WARN, 'a'), (ERROR, 'b'), (ERROR, 'a; b')),
        ((ERROR, 'a'), (WARN, 'b'), (ERROR, 'a; b')),
        ((OK, ''), (OK, 'b'), (OK, 'b')),
    ],
)
def test_summaries_merge(first: Any, second: Any, merged: Any) -> None:
    one, other = DiagnosticStatusWrapper(), DiagnosticStatusWrapper()
    one.summary(*first)
    other.summary(*second)
    one.mergeSummary(other)
    assert (one.level, one.message) == merged


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
    node.clock._set_ros_time_is_active(True)
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


def test_tasks_are_removed_and_told_all_the_same() -> None:
    node = FakeNode()
    updater = Updater(node)
    for task in (FunctionDiagnosticTask('a', fine), FunctionDiagnosticTask('b', fine)):
        updater.add(task)
    assert updater.removeByName('a') and not updater.removeByName('a')
    updater.broadcast(WARN, 'going down')
    assert node.last == [('camera: b', WARN, 'going down')]


def test_the_period_and_the_name_are_parameters() -> None:
    node = FakeNode()
    assert Updater(node, 2.5).period == 2.5 and node.timers == [2.5]
    second = Updater(node)  # another one takes what is declared
    assert second.period == 2.5
    node = FakeNode(**{'diagnostic_updater.period': 0.5, 'diagnostic_updater.use_fqn': True})
    updater = Updater(node)
    updater.period = 4.0
    assert node.timers == [4.0]
    updater.add('Device', fine)
    updater.force_update()
    assert node.last == [('/ns/camera: Device', OK, 'fine')]


def test_a_missing_hardware_id_is_told_once_when_all_is_well() -> None:
    node = FakeNode()
    updater = Updater(node)
    updater.add('bad', broken)
    updater.update()
    assert node.warnings == []
    updater.removeByName('bad')
    updater.add('good', fine)
    for _ in range(3):
        updater.update()
    assert len(node.warnings) == 1 and 'setHardwareID' in node.warnings[0]
    updater.verbose = True
    updater.add('bad', broken)
    updater.update()
    assert node.warnings[1:] == ['bad: broken']


def test_a_task_may_add_a_task() -> None:
    node = FakeNode()
    updater = Updater(node)

    def adding(stat: Any) -> Any:
        updater.add('child', fine)
        return fine(stat)

    updater.add('parent', adding)
    updater.update()
    assert ('camera: parent', OK, 'fine') in node.last


def test_composites_say_the_worst() -> None:
    composite = CompositeDiagnosticTask('both')
    for name, function in (('a', fine), ('b', broken), ('c', fine)):
        composite.addTask(FunctionDiagnosticTask(name, function))
    status = composite.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (ERROR, 'broken')
    assert len(status.values) == 2


class Clocks:
    """time, of which the tests say how late it is."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    fake = Clocks()
    monkeypatch.setattr(diagnostic_tasks, 'time', fake)
    return fake


def said(task: Any) -> tuple[bytes, dict[str, str]]:
    status = task.run(DiagnosticStatusWrapper())
    return status.level, {value.key: value.value for value in status.values}


def test_frequencies(clocks: Clocks) -> None:
    bounds = {'min': 9.0, 'max': 11.0}
    task = FrequencyStatus(FrequencyStatusParam(bounds, tolerance=0.1, window_size=2))

    def second(events: int) -> tuple[bytes, dict[str, str]]:
        for _ in range(events):
            task.tick()
        clocks.now += 1.0
        return said(task)

    level, values = second(10)
    assert level == OK and values['Actual frequency (Hz)'] == '10.000'
    assert (values['Minimum acceptable frequency (Hz)'], values['Events in window']) == (
        '8.100',
        '10',
    )
    assert second(2)[1]['Actual frequency (Hz)'] == '6.000'  # of the last two seconds
    assert second(2)[0] == WARN
    assert second(30)[0] == WARN
    bounds['max'] = 1000.0
    assert second(30)[0] == OK
    second(0)
    level, values = second(0)
    assert level == ERROR and values['Events since startup'] == '74'
    task.clear()
    assert second(10)[1]['Events since startup'] == '10'


def test_time_stamps(clocks: Clocks) -> None:
    task = TimeStampStatus()
    assert said(task)[0] == WARN
    for stamp in (999.0, Time(seconds=998)):
        task.tick(stamp)
    level, values = said(task)
    assert level == OK
    assert values['Earliest timestamp delay (s)'] == '1.000'
    assert values['Latest timestamp delay (s)'] == '2.000'
    for stamp in (994.0, 1001.5, 0.0):
        task.tick(999.0)
        task.tick(stamp)
        assert said(task)[0] == ERROR
    assert said(task)[0] == WARN


def test_public_names() -> None:
    assert {'Updater', 'DiagnosticStatusWrapper', 'FrequencyStatus'} <= set(
        public('diagnostic_updater')
    )


@pytest.fixture
def node() -> Iterator[Any]:
    pytest.importorskip('cyclonedds')
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
