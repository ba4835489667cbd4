# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An executor whose node lives on when it gets what cannot be used.

Anybody on the network may publish bytes that are no message, by mistake or not. rclpy raises that
where the node spins, and never takes from that topic again. Here the message is dropped, counted,
and said. What our own callbacks raise is a fault of ours, and still ends the node.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.executors import SingleThreadedExecutor

from mdepth_ros.errors import shown

# Whose callbacks are not ours: clock, parameter services and TF refuse some values by raising.
FOREIGN = ('rclpy.', 'tf2_ros.', 'ros2_standalone.')
BREATH = 0.001  # s after a failure: a message that stayed where it was must not take a whole core
RECENT = 10.0  # s for which a loss is news


@dataclass
class Loss:
    """How many messages of a topic were dropped, why the last was, and when (steady seconds)."""

    count: int
    reason: str
    time: float

    @property
    def is_recent(self) -> bool:
        """Whether the last of them came just now."""
        return time.monotonic() - self.time < RECENT


class Dropped:
    """What a node could not use: `losses` by topic or service, each said when it is new."""

    def __init__(self, node: Any) -> None:
        self.losses: dict[str, Loss] = {}
        self._node = node

    def add(self, name: str, error: Exception, of_topic: bool) -> None:
        """Count a message of a topic or a service."""
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip('.')
        before = self.losses.get(name)
        self.losses[name] = Loss(before.count + 1 if before else 1, reason, time.monotonic())
        if before is None:
            sender = self._publishers(name) if of_topic else 'a client'
            self._node.get_logger().warning(
                shown(
                    f'{name}: a message cannot be used and was dropped ({reason}): correct '
                    f'its sender, {sender}; more of them are only counted'
                )
            )

    def _publishers(self, topic: str) -> str:
        own = self._node.get_name(), self._node.get_namespace()
        found = [
            info.node_name
            for info in self._node.get_publishers_info_by_topic(topic)
            if (info.node_name, info.node_namespace) != own
        ]
        # rcl names those that it does not know in capitals, between underscores.
        named = sorted({name for name in found if not name.startswith('_')})
        return ' or '.join(named) or 'whose node is not known'


class NodeExecutor(SingleThreadedExecutor):  # type: ignore[misc]  # no types without ROS 2
    """Spins one node.

    It overrides what rclpy calls, from Humble on, to take a message before the callback gets it.
    """

    def __init__(self, node: Any, dropped: Dropped | None = None) -> None:
        super().__init__(context=node.context)
        self._dropped = dropped or Dropped(node)
        self.add_node(node)

    def _take_subscription(self, entity: Any) -> Any:
        return self._tolerant(super()._take_subscription, entity)

    def _take_service(self, entity: Any) -> Any:
        return self._tolerant(super()._take_service, entity)

    def _take_client(self, entity: Any) -> Any:
        return self._tolerant(super()._take_client, entity)

    def _tolerant(self, take: Callable[[Any], Any], entity: Any) -> Any:
        callback = getattr(entity, 'callback', None)
        if getattr(callback, '__module__', '').startswith(FOREIGN):
            entity.callback = self._guarded(entity, callback)
        try:
            return take(entity)
        except Exception as error:
            self._drop(entity, error)
            return None

    def _guarded(self, entity: Any, callback: Any) -> Any:
        @functools.wraps(callback)
        def guarded(*args: Any) -> Any:
            try:
                return callback(*args)
            except Exception as error:
                self._drop(entity, error)
                return args[-1]  # of a service: the response as far as it came

        guarded.__module__ = __name__
        return guarded

    def _drop(self, entity: Any, error: Exception) -> None:
        if not self.context.ok():
            raise error  # it is the end of the node that it tells of
        of_topic = hasattr(entity, 'topic_name')
        # Humble's services have no absolute name.
        name = entity.topic_name if of_topic else getattr(entity, 'service_name', entity.srv_name)
        self._dropped.add(name, error, of_topic)
        time.sleep(BREATH)
