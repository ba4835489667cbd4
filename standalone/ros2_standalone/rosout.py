# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node logs, on /rosout."""

from __future__ import annotations

import weakref
from typing import Any

from .exceptions import InvalidHandle, RCLError
from .logging import Logger, Record, add_sink, remove_sink
from .messages import message_class
from .qos import DurabilityPolicy, QoSProfile
from .time import Duration, Time

LATCHED = DurabilityPolicy.TRANSIENT_LOCAL
ROSOUT_QOS = QoSProfile(depth=1000, durability=LATCHED, lifespan=Duration(seconds=10))


class Rosout:
    """Publishes what is logged under the name of a node (rcl_interfaces/Log)."""

    def __init__(self, node: Any, logger: Logger) -> None:
        self._name = logger.name
        self._message = message_class('rcl_interfaces/msg/Log')
        self._publisher = node.create_publisher(self._message, '/rosout', ROSOUT_QOS)
        me = weakref.ref(self)
        self._sink = lambda record: _forward(me(), record)
        add_sink(self._sink)

    def publish(self, record: Record) -> None:
        """Send a record, if it is of this node or below it, and the node still can."""
        if record.name != self._name and not record.name.startswith(f'{self._name}.'):
            return
        message = self._message(
            stamp=Time(nanoseconds=record.stamp).to_msg(),
            level=int(record.severity),
            name=record.name,
            msg=record.message,
            file=record.file,
            function=record.function,
            line=record.line,
        )
        try:
            self._publisher.publish(message)
        except (InvalidHandle, RCLError):
            return  # after shutdown, stderr is all there is

    def close(self) -> None:
        """Stop publishing."""
        remove_sink(self._sink)


def _forward(rosout: Rosout | None, record: Record) -> None:
    if rosout is not None:
        rosout.publish(record)
