# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter `use_sim_time`: whether a node's clock follows /clock."""

from __future__ import annotations

from typing import Any

from .clock import ROSClock
from .messages import message_class
from .parameters import Parameter
from .qos import QoSProfile, ReliabilityPolicy
from .time import Time

USE_SIM_TIME = 'use_sim_time'
CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class TimeSource:
    """Drives the clock of a node by rosgraph_msgs/Clock while `use_sim_time` is true.

    The node has a clock that stands at 0 until the first message.
    """

    def __init__(self, node: Any, clock: ROSClock) -> None:
        self._node = node
        self._clock = clock
        self._subscription: Any = None
        if not node.has_parameter(USE_SIM_TIME):
            node.declare_parameter(USE_SIM_TIME, False)
        self._follow(bool(node.get_parameter(USE_SIM_TIME).value))
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, parameters: list[Parameter]) -> Any:
        for parameter in parameters:
            if parameter.name == USE_SIM_TIME and isinstance(parameter.value, bool):
                self._follow(parameter.value)
        return message_class('rcl_interfaces/msg/SetParametersResult')(successful=True)

    def _follow(self, active: bool) -> None:
        self._clock.set_ros_time_is_active(active)
        if active and self._subscription is None:
            message = message_class('rosgraph_msgs/msg/Clock')
            create = self._node.create_subscription
            self._subscription = create(message, '/clock', self._on_clock, CLOCK_QOS)
        elif not active and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_clock(self, message: Any) -> None:
        self._clock.set_ros_time_override(Time.from_msg(message.clock))
