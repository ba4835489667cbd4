# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics recorded on the loopback: bytes, QoS, what appears late; and what remains of a crash."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import bag_topics
from mdepth_ros.ros.recorder import Recorder, TopicsBag
from mdepth_ros.sources.recording import Recording

# isort: split
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

NANO = 10**9


def profile(reliable: bool = True, latched: bool = False) -> Any:
    return QoSProfile(
        depth=10,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class Graph:
    """Nodes of one context, spun together by `until`."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Any] = []
        self.talker = self.node('talker')

    def node(self, name: str, **more: Any) -> Any:
        node = rclpy.create_node(name, context=self.context, **more)
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def publisher(self, topic: str, **qos: bool) -> Any:
        return self.talker.create_publisher(String, topic, profile(**qos))

    def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
        return bool(condition())

    def close(self) -> None:
        for node in self.nodes:
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph(other_domain: int) -> Iterator[Graph]:
    made = Graph(other_domain)
    yield made
    made.close()


def say(graph: Graph, publisher: Any, text: str, recorder: Recorder, listeners: int = 1) -> None:
    """Publish to a recorder that listens already."""
    assert graph.until(lambda: publisher.get_subscription_count() == listeners)
    before = recorder.counts.get(publisher.topic_name, 0)
    publisher.publish(String(data=text))
    assert graph.until(lambda: recorder.counts.get(publisher.topic_name, 0) > before)


def texts(folder: Path, topic: str) -> list[bytes]:
    with Recording(folder) as recording:
        return [message.data for message in recording.messages([topic])]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_messages_are_written_as_they_came(graph: Graph, tmp_path: Path, storage: str) -> None:
    odom = graph.publisher('/odom')
    before = time.time_ns()
    with TopicsBag(tmp_path / 'bag', storage) as bag:
        recorder = Recorder(graph.node('recorder'), bag, ['/odom', '/late'])
        say(graph, odom, 'one', recorder)
        late = graph.publisher('/late')
        say(graph, late, 'two', recorder)
        say(graph, odom, 'another', recorder)
    assert recorder.counts == {'/odom': 2, '/late': 1}
    assert recorder.missing() == []
    # On the wire 4 bytes are the smallest unit: texts of such lengths are not filled up.
    wanted = [serialize_message(String(data=text)) for text in ('one', 'another')]
    assert texts(tmp_path / 'bag', '/odom') == wanted
    with Recording(tmp_path / 'bag') as recording:
        stamps = [message.time for message in recording.messages(['/odom', '/late'])]
    assert before <= stamps[0] <= stamps[1] <= stamps[2] <= time.time_ns()


def test_all_but_what_is_hidden_or_excluded(graph: Graph, tmp_path: Path) -> None:
    publishers = [graph.publisher(name) for name in ('/a', '/_hidden', '/b', '/x/_y/z')]
    with TopicsBag(tmp_path / 'bag') as bag:
        recorder = Recorder(graph.node('recorder'), bag, [], ['/b', '/rosout', '/parameter*'])
        say(graph, publishers[0], 'text', recorder)
    assert list(recorder.counts) == ['/a']


def test_a_topic_without_a_publisher_is_awaited(graph: Graph, tmp_path: Path) -> None:
    graph.talker.create_subscription(String, '/odom', lambda message: None, 1)
    with TopicsBag(tmp_path / 'bag') as bag:
        recorder = Recorder(graph.node('recorder'), bag, ['/odom'])
        graph.until(lambda: False, 0.5)
        assert recorder.missing() == ['/odom']
        # Two listen then: the talker itself, and the recorder.
        say(graph, graph.publisher('/odom'), 'text', recorder, listeners=2)


def test_what_was_latched_before_is_recorded(graph: Graph, tmp_path: Path) -> None:
    card = graph.publisher('/model', latched=True)
    card.publish(String(data='card'))
    with TopicsBag(tmp_path / 'bag') as bag:
        recorder = Recorder(graph.node('recorder'), bag, ['/model'])
        assert graph.until(lambda: recorder.counts.get('/model'))
    with Reader(tmp_path / 'bag') as reader:
        (offered,) = reader.connections[0].ext.offered_qos_profiles
    assert offered.durability is QosDurability.TRANSIENT_LOCAL
    assert offered.reliability is QosReliability.RELIABLE


def test_a_best_effort_publisher_that_joins_is_heard_too(graph: Graph, tmp_path: Path) -> None:
    reliable = graph.publisher('/image')
    with TopicsBag(tmp_path / 'bag') as bag:
        recorder = Recorder(graph.node('recorder'), bag, ['/image'])
        say(graph, reliable, 'one', recorder)
        unreliable = graph.publisher('/image', reliable=False)
        say(graph, unreliable, 'two', recorder)
        say(graph, reliable, 'three', recorder)
    assert recorder.counts == {'/image': 3}


def test_under_sim_time_recording_begins_with_the_clock(graph: Graph, tmp_path: Path) -> None:
    sim_time = [Parameter('use_sim_time', value=True)]
    card = graph.publisher('/model', latched=True)
    card.publish(String(data='card'))
    clock = graph.talker.create_publisher(Clock, '/clock', 1)
    with TopicsBag(tmp_path / 'bag') as bag:
        node = graph.node('recorder', parameter_overrides=sim_time)
        recorder = Recorder(node, bag, ['/model'])
        graph.until(lambda: False, 0.6)
        assert recorder.counts == {}
        tick = Clock()
        tick.clock.sec = 42

        def recorded() -> Any:
            clock.publish(tick)
            return recorder.counts.get('/model')

        assert graph.until(recorded)
    with Recording(tmp_path / 'bag') as recording:
        (message,) = recording.messages(['/model'])
    assert message.time == 42 * NANO


@pytest.mark.parametrize(
    'offered, reliable, latched',
    [
        ([profile()], True, False),
        ([profile(reliable=False)], False, False),
        ([profile(), profile(reliable=False)], False, False),
        ([profile(latched=True)], True, True),
        ([profile(latched=True), profile()], True, False),
    ],
)
def test_what_is_asked_for(offered: list[Any], reliable: bool, latched: bool) -> None:
    wanted = bag_topics.request(offered)
    assert (wanted.reliability == ReliabilityPolicy.RELIABLE) is reliable
    assert (wanted.durability == DurabilityPolicy.TRANSIENT_LOCAL) is latched


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_disk_that_is_full_keeps_what_was_recorded(tmp_path: Path, storage: str) -> None:
    """The kernel refuses: no more than 2.5 MB per file, for a moment."""
    data = serialize_message(String(data='x' * 10_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(MdepthError, match='was not written'):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, limits[1]))
        try:
            with TopicsBag(tmp_path / 'bag', storage) as bag:
                bag.add_topic('/text', 'std_msgs/msg/String', [])
                for stamp in range(500):
                    bag.write_raw('/text', 'std_msgs/msg/String', data, stamp)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / 'bag').exists()
    assert bag.remains is not None
    # Two megabytes were on the disk, and what fitted of the third.
    assert len(texts(bag.remains, '/text')) >= 200
    with pytest.raises(MdepthError, match=r'move .* away, or add --overwrite'):
        TopicsBag(tmp_path / 'bag')
    with TopicsBag(tmp_path / 'bag', overwrite=True) as again:
        again.write_raw('/text', 'std_msgs/msg/String', data, 1)
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_nothing_remains_of_an_empty_bag(tmp_path: Path) -> None:
    with pytest.raises(KeyError), TopicsBag(tmp_path / 'bag') as bag:
        raise KeyError
    assert bag.remains is None
    assert list(tmp_path.iterdir()) == []
