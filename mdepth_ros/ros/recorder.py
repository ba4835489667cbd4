# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics of the graph recorded into a bag, as they appear.

Messages are written as they arrive, not deserialised, at the time of their arrival. A subscription
asks for what all publishers of its topic offer, as rosbag2's recorder does, so that it hears every
one of them.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mdepth_ros.errors import shown
from mdepth_ros.ros import bag_topics  # before rclpy: makes it importable
from mdepth_ros.ros.recording import COMMIT, BagWriter, remains

# isort: split
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from rosbags.interfaces import Qos
from rosbags.rosbag2.storage_mcap import McapWriter

CHECK_PERIOD = 0.2  # s between two checks of the graph
FLUSH = 2.0  # s between two writes: a killed recorder loses so much


class TopicsBag(BagWriter):
    """A bag whose topics are known before their first message, with what publishers offer.

    Unlike other bags it cannot be made again: where the disk is full, or the machine died, what
    there is so far stays in `<folder>.partial`, and is read without its end.
    """

    @property
    def remains(self) -> Path | None:
        """The file that holds what was recorded, where the bag did not become whole."""
        return remains(self._partial)

    def flush(self) -> None:
        """Give the system what came so far, however little: it keeps it if this is killed."""
        with self._complain():
            storage = self._writer.storage
            if isinstance(storage, McapWriter) and storage.chunk.msgs:
                storage.close_chunk()
            self._unflushed = COMMIT + 1
            self._give_away()

    def _discard(self) -> None:
        with suppress(OSError, sqlite3.Error):
            self._writer.abort()
        if self.remains is None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def add_topic(self, topic: str, msgtype: str, offered: Collection[Qos]) -> None:
        """Add a topic; a type that no reader could decode is a KeyError."""
        with self._complain():
            self._connections[topic] = self._writer.add_connection(
                topic, msgtype, typestore=self._types, offered_qos_profiles=list(offered)
            )

    def knows(self, msgtype: str) -> bool:
        """Tell whether the definition of a type is at hand: a bag holds those of its messages."""
        return msgtype in self._types.fielddefs


class Recorder:
    """Subscribes to topics as they appear on the graph, and writes what arrives into a bag.

    node      an rclpy node; somebody else spins it
    bag       the open bag
    wanted    names or patterns (`bag_topics.matches`); empty: all topics, hidden ones left out
    excluded  names or patterns

    Stamps are the node's time: under `use_sim_time` recording begins when /clock runs.
    """

    def __init__(
        self,
        node: Any,
        bag: TopicsBag,
        wanted: Collection[str] = (),
        excluded: Collection[str] = (),
    ) -> None:
        self.counts: dict[str, int] = {}
        self.types: dict[str, str] = {}
        self._node, self._bag = node, bag
        self._wanted, self._excluded = tuple(wanted), tuple(excluded)
        self._refused: set[str] = set()
        self._subscriptions: dict[str, Any] = {}
        self._requests: dict[str, QoSProfile] = {}
        # Steady: a recorder that only looked while /clock runs would miss what comes before it.
        self._timer = node.create_timer(
            CHECK_PERIOD, self.check_graph, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._flushing = node.create_timer(
            FLUSH, bag.flush, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def check_graph(self) -> None:
        """Subscribe to the topics that are new, and to those whose publishers offer less now."""
        if self._now() == 0:
            return  # under use_sim_time, without a /clock so far
        for topic, kinds in self._node.get_topic_names_and_types():
            if not self._chosen(topic):
                continue
            offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
            if not offered or not self._recordable(topic, kinds):
                continue
            wanted = bag_topics.request(offered)
            if topic not in self.types:
                self.types[topic], self.counts[topic] = kinds[0], 0
                self._bag.add_topic(topic, kinds[0], [bag_topics.recorded(p) for p in offered])
                self._subscribe(topic, wanted)
            elif self._weaker(wanted, self._requests[topic]):
                self._node.destroy_subscription(self._subscriptions[topic])
                self._subscribe(topic, wanted)

    def missing(self) -> list[str]:
        """What was wanted and did not appear."""
        return [p for p in self._wanted if not any(bag_topics.matches(t, [p]) for t in self.types)]

    def _chosen(self, topic: str) -> bool:
        hidden = any(part.startswith('_') for part in topic.split('/'))
        wanted = bag_topics.matches(topic, self._wanted) if self._wanted else not hidden
        return wanted and not bag_topics.matches(topic, self._excluded)

    def _recordable(self, topic: str, kinds: list[str]) -> bool:
        if topic in self._refused:
            return False
        why = ''
        if len(kinds) > 1:
            why = f'it has several types: {", ".join(kinds)}'
        elif bag_topics.message_class(kinds[0]) is None or not self._bag.knows(kinds[0]):
            why = f'its type {kinds[0]} is not known here'
        if why:
            self._refused.add(topic)
            self._node.get_logger().warning(shown(f'{topic} is not recorded: {why}'))
        return not why

    @staticmethod
    def _weaker(wanted: QoSProfile, present: QoSProfile) -> bool:
        # rmw's numbers: reliable 1 < best effort 2, transient local 1 < volatile 2.
        return bool(
            int(wanted.reliability) > int(present.reliability)
            or int(wanted.durability) > int(present.durability)
        )

    def _subscribe(self, topic: str, profile: QoSProfile) -> None:
        kind = bag_topics.message_class(self.types[topic])
        write = partial(self._write, topic)
        self._requests[topic] = profile
        self._subscriptions[topic] = self._node.create_subscription(
            kind, topic, write, profile, raw=True
        )

    def _write(self, topic: str, data: bytes) -> None:
        self._bag.write_raw(topic, self.types[topic], data, self._now())
        self.counts[topic] += 1

    def _now(self) -> int:
        # A bag cannot hold times before 1970.
        return max(0, int(self._node.get_clock().now().nanoseconds))
