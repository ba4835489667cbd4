# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The vehicle's speed, from whichever kind of message somebody publishes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.ros.conversions import speed_of, stamp_to_nanoseconds
from mdepth_ros.ros.image_topic import resolved
from mdepth_ros.ros.qos import Endpoints, series_qos

UNDERSTOOD = {
    'nav_msgs/msg/Odometry': Odometry,
    'geometry_msgs/msg/TwistStamped': TwistStamped,
}
NAME = 'speed'
MOST = 2000  # speeds that wait for an image at most

Series = tuple[tuple[int, float], ...]


class SpeedTopic:
    """Listens to `speed`, relative and remappable, in the type that is published there.

    The executor's thread calls `choose` and fills it; each camera asks, in the thread of the
    networks, for what came since it asked before.
    """

    def __init__(self, node: Any, endpoints: Endpoints) -> None:
        self.topic, _ = resolved(node, NAME)
        self._node, self._endpoints = node, endpoints
        self._kind = ''
        self._subscription: Any = None
        self._lock = threading.Lock()
        self._recent: deque[tuple[int, float]] = deque(maxlen=MOST)
        self._count = 0
        self.refused, self.problem = 0, ''  # speeds that cannot be, and the last of them

    @property
    def count(self) -> int:
        """Speeds that came in all."""
        return self._count

    def choose(self, wanted: bool) -> None:
        """Listen where it is wanted and somebody publishes; a publisher may still change."""
        infos = self._node.get_publishers_info_by_topic(self.topic)
        published = [info.topic_type for info in infos]
        found = [kind for kind in UNDERSTOOD if kind in published]
        kind = (self._kind if self._kind in found or not found else found[0]) if wanted else ''
        if kind == self._kind:
            return
        if self._subscription is not None:
            self._endpoints.unsubscribe(self._subscription)
            self._subscription = None
        self._kind = kind
        if kind:
            self._subscription = self._endpoints.subscription(
                UNDERSTOOD[kind], self.topic, self._on_message, series_qos
            )

    def reader(self) -> Callable[[], Series]:
        """What gives the (stamp in ns, m/s) that came since it was called before."""
        given = self._count

        def read() -> Series:
            nonlocal given
            with self._lock:
                new = min(self._count - given, len(self._recent))
                given = self._count
                return tuple(self._recent)[len(self._recent) - new :]

        return read

    def _on_message(self, message: Any) -> None:
        try:
            told = stamp_to_nanoseconds(message.header.stamp), speed_of(message)
        except MdepthError as error:
            self.refused += 1
            if not self.problem:
                self._node.get_logger().warning(shown(f'{self.topic}: {error}: it is left out'))
            self.problem = str(error)
            return
        with self._lock:
            self._recent.append(told)
            self._count += 1
