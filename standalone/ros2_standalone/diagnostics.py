# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N802 (these are the names that diagnostic_updater gave them)
"""`diagnostic_updater`: tasks that say how a node fares, once per period on /diagnostics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .messages import message_class

DiagnosticStatus: Any = message_class('diagnostic_msgs/msg/DiagnosticStatus')
TOPIC = '/diagnostics'
PERIOD = 'diagnostic_updater.period'
USE_FQN = 'diagnostic_updater.use_fqn'


class DiagnosticStatusWrapper(DiagnosticStatus):  # type: ignore[misc]
    """A DiagnosticStatus that is easier to fill; levels are DiagnosticStatus.OK, WARN, ..."""

    def summary(self, *args: Any) -> None:
        """Set level and message: of another status, or summary(level, message)."""
        self.level, self.message = _level_and_message(args)

    def add(self, key: str, val: str) -> None:
        """Add a value by its name; both are text."""
        self.values.append(message_class('diagnostic_msgs/msg/KeyValue')(key=key, value=val))


def _level_and_message(args: tuple[Any, ...]) -> tuple[bytes, str]:
    if len(args) == 1:
        return args[0].level, args[0].message
    level, message = args
    return level, str(message)


class DiagnosticTask:
    """Something with a name that fills a status; `run` gets a status and returns it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getName(self) -> str:
        """Name of the task, which names its status too."""
        return self.name

    def run(self, stat: Any) -> Any:
        """Fill a DiagnosticStatusWrapper, and return it."""
        return stat


class FunctionDiagnosticTask(DiagnosticTask):
    """A task that is a function: DiagnosticStatusWrapper -> the same, filled."""

    def __init__(self, name: str, fn: Callable[[Any], Any]) -> None:
        super().__init__(name)
        self.fn = fn

    def run(self, stat: Any) -> Any:
        """Call the function."""
        return self.fn(stat)


class Updater:
    """Runs tasks once per period and publishes what they say, with the node's name in front.

    The parameters diagnostic_updater.period (s) and diagnostic_updater.use_fqn (the full name of
    the node) are declared on the node. Its timer follows the node's clock: without /clock under
    use_sim_time it stands still, force_update() does not.
    """

    def __init__(self, node: Any, period: float = 1.0) -> None:
        self.node = node
        self.publisher = node.create_publisher(
            message_class('diagnostic_msgs/msg/DiagnosticArray'), TOPIC, 1
        )
        self.hwid = ''
        self.tasks: list[DiagnosticTask] = []
        self.lock = threading.RLock()
        self._warned = False
        self.period: float = _parameter(node, PERIOD, float(period))
        full = _parameter(node, USE_FQN, False)
        self.node_name = node.get_fully_qualified_name() if full else node.get_name()
        self.timer = node.create_timer(self.period, self.update)

    def setHardwareID(self, hwid: str) -> None:
        """Say which device it is that fares so; 'none' where there is none."""
        self.hwid = hwid

    def add(self, *args: Any) -> None:
        """Add a DiagnosticTask, or add(name, function); it is published as starting up."""
        task = args[0] if len(args) == 1 else FunctionDiagnosticTask(*args)
        with self.lock:
            self.tasks.append(task)
        self._publish([self._status(task, DiagnosticStatus.OK, 'Node starting up')])

    def update(self) -> None:
        """Run all tasks and publish; the timer calls this."""
        with self.lock:
            statuses = [
                task.run(self._status(task, DiagnosticStatus.ERROR, 'No message was set'))
                for task in self.tasks
            ]
        bad = [status for status in statuses if status.level != DiagnosticStatus.OK]
        if not bad and not self.hwid and not self._warned:
            self._warned = True
            self.node.get_logger().warning(
                "Diagnostics have no hardware id: call setHardwareID(), with 'none' for no device"
            )
        self._publish(statuses)

    def force_update(self) -> None:
        """Update now, not at the end of the period."""
        self.update()

    def _status(self, task: DiagnosticTask, level: bytes, message: str) -> DiagnosticStatusWrapper:
        status = DiagnosticStatusWrapper(name=task.getName(), hardware_id=self.hwid)
        status.summary(level, message)
        return status

    def _publish(self, statuses: list[Any]) -> None:
        for status in statuses:
            status.name = f'{self.node_name}: {status.name}'
        message = message_class('diagnostic_msgs/msg/DiagnosticArray')(status=statuses)
        message.header.stamp = self.node.get_clock().now().to_msg()
        self.publisher.publish(message)


def _parameter(node: Any, name: str, default: Any) -> Any:
    if node.has_parameter(name):
        return node.get_parameter(name).value
    return node.declare_parameter(name, default).value
