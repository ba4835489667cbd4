# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The base of our nodes: one that goes on when it gets a message that it cannot use.

Anybody on the network may publish bytes that are no message. The middleware of ROS 2 drops them
(Fast DDS) or gives what it could read of them (Cyclone DDS); ros2_standalone raises where the node
spins. There the node takes the bytes and deserialises them here, which costs nothing. With rclpy
that would be `raw=True` and cost a second copy of each image: 1.5 ms instead of 1.0 ms for 640x192
and 20 ms instead of 11 ms for 1920x1080, medians on Cyclone DDS.

rclpy's own callbacks and those of TF raise for some values that others send, and end the node.
They all come through `create_subscription` and `create_service`, and are guarded there. What our
own callbacks raise is a fault of ours, and still ends the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from mdepth_ros.errors import shown
from mdepth_ros.ros import STANDALONE
from mdepth_ros.sources.stored import first_line

# Modules of callbacks that are not ours: clock, parameter services and TF raise for some values.
LIBRARIES = ('rclpy.', 'tf2_ros.', 'ros2_standalone.')
# Parameters that rclpy itself declares and uses.
OF_RCLPY = ('use_sim_time', 'start_type_description_service')
RECENT = 10.0  # s for which the diagnostics report a loss


@dataclass
class Loss:
    """How many messages of a topic were dropped, why the last was, and when (steady seconds)."""

    count: int
    reason: str
    time: float

    @property
    def is_recent(self) -> bool:
        """Whether the last of them came within the last `RECENT` seconds."""
        return time.monotonic() - self.time < RECENT


class BaseNode(Node):  # type: ignore[misc]  # no types without ROS 2
    """A node that drops, counts and reports what it cannot use.

    `losses`   by topic or service; each is logged when it is new
    `given`    parameter values from files, command line and constructor, by name. The node
               declares none of them by itself
    `warned`   lines that `warn_once` logged
    `failure`  why the node cannot go on, '' while it can; the process then has `exit_status`
    """

    def __init__(self, name: str, **options: Any) -> None:
        # rclpy creates subscriptions and services in its constructor, by the methods below.
        self.losses: dict[str, Loss] = {}
        self.failure, self.exit_status = '', 1
        self.warned: set[str] = set()
        # The public way to all values that were given is to let rclpy declare them. They are
        # undeclared here, so that `Settings` can declare them with description and limits.
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **options)
        declared = self.get_parameters_by_prefix('')
        self.given = {name: one.value for name, one in declared.items() if name not in OF_RCLPY}
        for name in self.given:
            self.undeclare_parameter(name)

    def close(self) -> bool:
        """End what runs beside the executor; False where that takes too long."""
        return True

    def warn_once(self, line: str) -> None:
        """Log a warning when it is new; '' is none."""
        if line and line not in self.warned:
            self.warned.add(line)
            self.get_logger().warning(shown(line))

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., Any],
        qos_profile: Any,
        *,
        raw: bool = False,
        **options: Any,
    ) -> Any:
        """As in rclpy; a message that cannot be used is dropped."""
        handle = callback if raw else self._guarded(topic, callback, True)
        if STANDALONE and not raw:
            handle, raw = self._reader(msg_type, topic, handle), True
        return super().create_subscription(
            msg_type, topic, handle, qos_profile, raw=raw, **options
        )

    def _reader(self, msg_type: Any, topic: str, callback: Callable[..., Any]) -> Any:
        """What deserialises a message for a callback."""
        name = self.resolve_topic_name(topic)

        def read(data: bytes) -> None:
            try:
                message = deserialize_message(data, msg_type)
            except Exception as error:
                self._drop(name, error, of_topic=True)
            else:
                callback(message)

        return read

    def create_service(
        self, srv_type: Any, srv_name: str, callback: Callable[..., Any], **options: Any
    ) -> Any:
        """As in rclpy; a request that one of rclpy's own services raises for is dropped."""
        guarded = self._guarded(srv_name, callback, False)
        return super().create_service(srv_type, srv_name, guarded, **options)

    def _guarded(self, name: str, callback: Callable[..., Any], of_topic: bool) -> Any:
        """The callback itself where it is ours; else one that raises nothing."""
        if not str(getattr(callback, '__module__', '')).startswith(LIBRARIES):
            return callback
        resolve = self.resolve_topic_name if of_topic else self.resolve_service_name
        absolute = resolve(name)

        def guarded(*args: Any) -> Any:
            try:
                return callback(*args)
            except Exception as error:
                if not self.context.ok():
                    raise  # the node is being shut down
                self._drop(absolute, error, of_topic)
                return args[-1]  # of a service: the response as far as it came

        return guarded

    def _drop(self, name: str, error: Exception, of_topic: bool) -> None:
        reason = first_line(error)
        before = self.losses.get(name)
        self.losses[name] = Loss(before.count + 1 if before else 1, reason, time.monotonic())
        if before is None:
            sender = self._senders(name) if of_topic else 'a client'
            self.warn_once(
                f'{name}: a message cannot be used and was dropped ({reason}): correct '
                f'its sender, {sender}; further ones are only counted'
            )

    def _senders(self, topic: str) -> str:
        own = self.get_name(), self.get_namespace()
        found = [
            info.node_name
            for info in self.get_publishers_info_by_topic(topic)
            if (info.node_name, info.node_namespace) != own
        ]
        # rcl gives nodes that it does not know a name in capitals, between underscores.
        named = sorted({name for name in found if not name.startswith('_')})
        return ' or '.join(named) or 'whose node is not known'
