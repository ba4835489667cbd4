# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reports go to /diagnostics by a timer on a steady clock.

The timer of diagnostic_updater itself runs on ROS time, and stops when /clock stops, which is just
when somebody wants to know what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import Updater
from rclpy.clock import Clock, ClockType

from mdepth_ros.ros.reports import Report

_LEVELS = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR)


class Diagnostics:
    """Publishes reports, once per `diagnostic_updater.period` seconds of a steady clock.

    tasks  name of the status -> what makes its report; called by the executor's thread
    """

    def __init__(self, node: Any, tasks: Mapping[str, Callable[[], Report]]) -> None:
        self._updater = Updater(node)
        own = getattr(self._updater, 'timer', None)
        if own is not None:
            own.cancel()
        self.set_device('none')
        for name, task in tasks.items():
            self._updater.add(name, _filler(task))
        period = float(getattr(self._updater, 'period', 1.0))
        self.timer = steady_timer(node, period, self._updater.force_update)

    def set_device(self, name: str) -> None:
        """Name the hardware of the reports."""
        self._updater.setHardwareID(name)


def _filler(task: Callable[[], Report]) -> Callable[[Any], Any]:
    def fill(status: Any) -> Any:
        report = task()
        status.summary(_LEVELS[report.level], report.message)
        for key, value in report.values:
            status.add(key, value)
        return status

    return fill


def steady_timer(node: Any, period: float, callback: Callable[[], None]) -> Any:
    """Timer of a node that runs whatever /clock does; period in seconds."""
    return node.create_timer(period, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
