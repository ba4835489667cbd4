# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag played into the graph: the recorded bytes at the recorded pace, with /clock.

Messages are published as they were recorded, not deserialised. Time behaves as in `ros2 bag play`
(rosbag2): the bag's time is mapped to a steady clock once, so that delays do not add up.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import NANO, check_stamp
from mdepth_ros.ros import bag_topics  # before rclpy: makes it importable
from mdepth_ros.sources.base import RawMessage
from mdepth_ros.sources.recording import Recording, Topic
from mdepth_ros.sources.stored import LATCHED, first_line

# isort: split
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy
from rosbags.interfaces import Qos
from rosgraph_msgs.msg import Clock

CLOCK_TOPIC = '/clock'
SETTLED = 0.3  # s without a new subscriber: discovery is over
LONG = 10.0  # s without a message: whoever waits is told
LINGER = 0.5  # s at most that a reliable subscriber has to ask for the last messages again


def offered_profiles(recording: Recording) -> dict[str, list[Qos]]:
    """The QoS profiles that the publishers of each topic offered when a bag was recorded.

    What was latched in ROS 1, and every /tf_static, is latched here.
    """
    profiles = {name: list(found) for name, found in recording.profiles.items()}
    for name, found in profiles.items():
        if name.endswith('/tf_static'):  # old recorders did not say so
            found.append(LATCHED)
    return profiles


@dataclass
class Played:
    """What was played: messages, seconds of the bag's time, and the largest delay in seconds."""

    messages: int = 0
    seconds: float = 0.0
    late: float = 0.0
    per_topic: dict[str, int] = field(default_factory=dict)


class Pace:
    """The bag's time on the steady clock: `origin` (ns of the bag) is now.

    rate  seconds of the bag per second
    """

    def __init__(self, origin: int, rate: float) -> None:
        self._origin, self._rate = origin, rate
        self._start = time.monotonic_ns()

    def elapsed(self) -> float:
        """Seconds since the origin."""
        return (time.monotonic_ns() - self._start) / NANO

    def due(self, stamp: int) -> float:
        """Seconds from now until a time of the bag; negative when it is over."""
        return (stamp - self._origin) / NANO / self._rate - self.elapsed()

    def now(self) -> int:
        """The bag's time now, in ns."""
        return self._origin + round(self.elapsed() * self._rate * NANO)


class Player:
    """Publishes the messages of a bag.

    node       an rclpy node, which needs no spinning
    recording  the open bag
    topics     names to play, of `recording.topics`
    profiles   see `offered_profiles`
    remaps     other names for topics
    rate       seconds of the bag per second
    start      seconds of the bag to leave out; latched messages of that time are played
    clock      how often /clock is published, Hz, besides once before every message; 0: never

    Topics whose type this machine does not have are left out and named in `skipped`.
    """

    def __init__(
        self,
        node: Any,
        recording: Recording,
        topics: Collection[str],
        profiles: Mapping[str, list[Qos]],
        *,
        remaps: Mapping[str, str] | None = None,
        rate: float = 1.0,
        start: float = 0.0,
        clock: float = 0.0,
    ) -> None:
        self._recording = recording
        self._rate, self._start, self._clock_rate = rate, round(start * NANO), clock
        self._clock = node.create_publisher(Clock, CLOCK_TOPIC, 1) if clock else None
        self._first = 0
        self.skipped: list[Topic] = []
        self._outlets: dict[str, Any] = {}
        self._latched: dict[str, deque[RawMessage]] = {}
        for name in topics:
            topic = recording.topics[name]
            kind = bag_topics.message_class(topic.type)
            if name == CLOCK_TOPIC and clock:
                continue  # there is one clock
            if kind is None:
                self.skipped.append(topic)
                continue
            profile = bag_topics.offer(profiles.get(name, []), topic.messages)
            public = (remaps or {}).get(name, name)
            self._outlets[name] = node.create_publisher(kind, public, profile)
            if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
                self._latched[name] = deque(maxlen=profile.depth)
        if not self._outlets:
            raise MdepthError('none of these topics can be played: their types are not installed')

    @property
    def total(self) -> int:
        """Messages of the chosen topics, those before the start included."""
        return sum(self._recording.topics[name].messages for name in self._outlets)

    def wait_for_listeners(self, wanted: Collection[str], seconds: float) -> bool:
        """Wait until somebody listens and nobody else joins; False where nobody came in time.

        wanted   topics, as they are played, that must have a subscriber each; empty: any will do
        seconds  to wait at most; may be infinite
        """
        end = time.monotonic() + seconds
        count, since = 0, 0.0
        while time.monotonic() < end:
            listeners = [
                (p.topic_name, p.get_subscription_count()) for p in self._outlets.values()
            ]
            chosen = [number for topic, number in listeners if topic in wanted]
            heard = all(chosen) if wanted else any(number for _, number in listeners)
            total = sum(number for _, number in listeners)
            now = time.monotonic()
            if not heard or total != count:
                count, since = total, now
            elif now - since > SETTLED:
                return True
            time.sleep(0.02)
        return False

    def play(
        self,
        on_progress: Callable[[int, float], None] | None = None,
        on_wait: Callable[[float, float], None] | None = None,
    ) -> Played:
        """Play the bag once; Ctrl-C (KeyboardInterrupt) ends it between two messages.

        on_progress  called with the messages and the seconds of the bag that are done
        on_wait      called before a wait of more than LONG, with its seconds and those from the
                     first message of the bag to the one that comes then
        """
        played = Played()
        origin, pace = 0, None
        for message in self._messages():
            if pace is None:
                origin, pace = message.time, Pace(message.time, self._rate)
            if on_wait is not None and (wait := pace.due(message.time)) > LONG:
                on_wait(wait, (message.time - self._first) / NANO)
            self._sleep(pace, message.time)
            self._tick(message.time)
            try:
                self._outlets[message.topic].publish(message.data)
            except Exception as error:  # rclpy and its stand-in have errors of their own
                self._recording.skip(message.topic, message.time, first_line(error))
                continue
            played.late = max(played.late, -pace.due(message.time))
            played.messages += 1
            played.seconds = (message.time - origin) / NANO
            played.per_topic[message.topic] = played.per_topic.get(message.topic, 0) + 1
            if on_progress is not None:
                on_progress(played.messages, played.seconds)
        if not played.messages:
            if pace is not None:
                lost = '; '.join(self._recording.losses.lines())
                raise MdepthError(f'{self._recording.path}: nothing of it can be played: {lost}')
            raise MdepthError(
                f'{self._recording.path} has no messages {self._start / NANO:g} s after its first'
            )
        for publisher in self._outlets.values():
            publisher.wait_for_all_acked(Duration(seconds=LINGER))
        return played

    def _messages(self) -> Iterator[RawMessage]:
        """The messages from the start on; first the latched ones of before, at that time."""
        begin: int | None = None
        held = {name: queue.copy() for name, queue in self._latched.items()}
        for message in self._recording.messages(self._outlets):
            if begin is None:
                self._first, begin = message.time, message.time + self._start
            if message.time < begin:
                if message.topic in held:
                    held[message.topic].append(message)
                continue
            for earlier in (m for queue in held.values() for m in queue):
                yield earlier._replace(time=begin)
            held = {}
            yield message

    def _sleep(self, pace: Pace, stamp: int) -> None:
        """Sleep until a time of the bag; /clock goes on meanwhile."""
        period = 1 / self._clock_rate if self._clock_rate else math.inf
        while (left := pace.due(stamp)) > 0:
            tick = period - pace.elapsed() % period
            time.sleep(min(left, tick))
            if tick < left:
                self._tick(min(pace.now(), stamp))

    def _tick(self, stamp: int) -> None:
        if self._clock is not None:
            check_stamp(stamp, 'the time of the bag')
            now = Time(sec=stamp // NANO, nanosec=stamp % NANO)
            self._clock.publish(Clock(clock=now))
