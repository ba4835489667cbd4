# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no message, as anybody on the network may publish them; on either rclpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from transport import STANDALONE, context

# isort: split
import rclpy
from rclpy.qos import QoSProfile


class Sender:
    """A node of its own process, as far as DDS can tell, that publishes whatever it is given."""

    def __init__(self, name: str, inside: Any) -> None:
        self.node = rclpy.create_node(name, context=inside)

    def topic(self, kind: Any, topic: str, qos: Any = None) -> Callable[[bytes], None]:
        """What sends bytes to a topic as messages of a class."""
        with _unchecked():
            publisher = self.node.create_publisher(kind, topic, qos or QoSProfile(depth=10))
        return lambda data: publisher.publish(data)

    def dds(self, topic: str, kind: str) -> Callable[[bytes], None]:
        """What sends bytes to a topic of DDS, without ROS 2 only."""
        from ros2_standalone.dds import Writer
        from ros2_standalone.qos import DurabilityPolicy, QoSProfile

        profile = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        with _unchecked():
            writer = Writer(self.node.context.participant, topic, kind, profile)
        return writer.write


@contextmanager
def sender(name: str) -> Iterator[Sender]:
    """A sender that is gone at the end."""
    with context() as inside:
        made = Sender(name, inside)
        yield made
        made.node.destroy_node()


@contextmanager
def _unchecked() -> Iterator[None]:
    """Cyclone DDS checks what it sends by the structure it is told; here that is one octet.

    rclpy with ROS 2 checks nothing.
    """
    if not STANDALONE:
        yield
        return
    octet = (0x01010000, 0, 0)
    with mock.patch('ros2_standalone.dds.operations', lambda name: octet):
        yield
