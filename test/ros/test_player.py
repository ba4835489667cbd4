# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag played on the loopback: bytes, pace, /clock, QoS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import recordings
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosReliability
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import bag_topics
from mdepth_ros.ros import player as player_module
from mdepth_ros.ros.player import Pace, Player, offered_profiles
from mdepth_ros.ros.recording import LATCHED
from mdepth_ros.sources.recording import Recording

# isort: split
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

SECOND = recordings.SECOND
BEST_EFFORT = LATCHED._replace(
    reliability=QosReliability.BEST_EFFORT, durability=QosDurability.VOLATILE
)
RELIABLE = LATCHED._replace(durability=QosDurability.VOLATILE)
UNKNOWN = LATCHED._replace(
    history=QosHistory.UNKNOWN,
    reliability=QosReliability.UNKNOWN,
    durability=QosDurability.UNKNOWN,
)


def wait(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


class Graph:
    """A node that listens, spun by a thread, and a node for the player, in one context."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('player', context=self.context)
        self._listener = rclpy.create_node('listener', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self._listener)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def listen(self, kind: Any, topic: str, qos: Any = 100) -> list[Any]:
        """What arrives on a topic, as bytes, in a list that grows."""
        heard: list[Any] = []
        self._listener.create_subscription(kind, topic, heard.append, qos, raw=True)
        return heard

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._listener.destroy_node()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph(other_domain: int) -> Iterator[Graph]:
    made = Graph(other_domain)
    yield made
    made.close()


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Recording]:
    """Half a second: /tf_static, and a camera at 10 Hz."""
    with Recording(recordings.write_ros2(tmp_path / 'bag', recordings.drive())) as recording:
        yield recording


def player(graph: Graph, recording: Recording, **more: Any) -> Player:
    return Player(
        graph.node, recording, list(recording.topics), offered_profiles(recording), **more
    )


def written(recording: Recording, topic: str) -> list[bytes]:
    return [message.data for message in recording.messages([topic])]


def same(heard: list[bytes], wanted: list[bytes]) -> bool:
    """Equal, but for what DDS may add to make a message a multiple of 4 bytes."""
    return len(heard) == len(wanted) and all(
        data.startswith(w) and len(data) - len(w) < 4
        for data, w in zip(heard, wanted, strict=True)
    )


def test_messages_are_played_as_they_were_recorded(graph: Graph, drive: Recording) -> None:
    images = graph.listen(Image, '/camera/image_raw')
    infos = graph.listen(CameraInfo, '/camera/camera_info')
    playing = player(graph, drive)
    assert playing.wait_for_listeners(['/camera/image_raw', '/camera/camera_info'], 20)
    progress: list[tuple[int, float]] = []
    played = playing.play(lambda done, seconds: progress.append((done, seconds)))
    assert wait(lambda: len(images) == 5 and len(infos) == 5)
    assert same(images, written(drive, '/camera/image_raw'))
    assert same(infos, written(drive, '/camera/camera_info'))
    assert (played.messages, played.per_topic['/camera/image_raw']) == (11, 5)
    assert playing.total == 11
    assert played.seconds == pytest.approx(0.4)
    assert progress[-1] == (11, played.seconds)


@pytest.mark.parametrize('rate', [1.0, 4.0])
def test_the_pace_is_that_of_the_bag(graph: Graph, drive: Recording, rate: float) -> None:
    """Not faster; how much slower depends on the machine that runs this test."""
    playing = player(graph, drive, rate=rate)
    times: list[float] = []
    playing.play(lambda done, seconds: times.append(time.monotonic() - seconds / rate))
    assert max(times) - min(times) < 5
    # Each message is due a fixed time after the first, however long one of them took.
    assert all(when >= times[0] - 0.01 for when in times)


def test_pace() -> None:
    pace = Pace(5 * SECOND, 2.0)
    assert pace.due(25 * SECOND) == pytest.approx(10, abs=1)
    assert pace.due(SECOND) == pytest.approx(-2, abs=1)
    before = time.monotonic()
    start = pace.now()
    time.sleep(0.05)
    passed = (pace.now() - start) / SECOND
    assert 0.1 <= passed <= 2.1 * (time.monotonic() - before)


def test_topics_are_waited_for_by_the_name_they_are_played_with(
    graph: Graph, drive: Recording
) -> None:
    graph.listen(Image, '/front/image')
    playing = player(graph, drive, remaps={'/camera/image_raw': '/front/image'})
    assert playing.wait_for_listeners(['/front/image'], 20)
    assert not playing.wait_for_listeners(['/front/image', '/camera/camera_info'], 0.5)


def test_the_clock_runs_and_never_backward(graph: Graph, drive: Recording) -> None:
    ticks = graph.listen(Clock, '/clock', 1000)
    playing = player(graph, drive, clock=100.0)
    assert wait(lambda: graph.node.count_subscribers('/clock'))
    playing.wait_for_listeners([], 1)  # nobody: time for the two to find each other
    playing.play()

    def stamps() -> list[int]:
        clocks = [deserialize_message(data, Clock).clock for data in ticks]
        return [clock.sec * SECOND + clock.nanosec for clock in clocks]

    assert wait(lambda: stamps()[-1:] == [100 * SECOND + 4 * SECOND // 10])
    assert stamps() == sorted(stamps())
    assert stamps()[0] == 100 * SECOND
    # More than the messages' own: it runs between them too.
    assert len(set(stamps())) > 10


def test_no_clock_unless_it_is_asked_for(graph: Graph, drive: Recording) -> None:
    player(graph, drive)
    assert wait(lambda: graph.node.count_publishers('/camera/image_raw') == 1)
    assert graph.node.count_publishers('/clock') == 0


def test_one_clock_where_the_bag_has_one_too(graph: Graph, tmp_path: Path) -> None:
    tick = recordings.make(
        'rosgraph_msgs/msg/Clock',
        clock=recordings.make('builtin_interfaces/msg/Time', sec=7, nanosec=0),
    )
    messages = [*recordings.drive(2), ('/clock', tick, 100 * SECOND + 1)]
    with Recording(recordings.write_ros2(tmp_path / 'bag', messages)) as recording:
        assert '/clock' in player(graph, recording).play().per_topic
        assert '/clock' not in player(graph, recording, clock=10.0).play().per_topic


def test_a_start_in_the_middle_keeps_what_is_latched(graph: Graph, drive: Recording) -> None:
    images = graph.listen(Image, '/camera/image_raw')
    tree = graph.listen(TFMessage, '/tf_static')
    playing = player(graph, drive, start=0.15)
    assert playing.wait_for_listeners(['/camera/image_raw', '/tf_static'], 20)
    played = playing.play()
    assert wait(lambda: len(images) == 3 and len(tree) == 1)
    assert same(images, written(drive, '/camera/image_raw')[2:])
    assert played.per_topic == {'/tf_static': 1, '/camera/camera_info': 3, '/camera/image_raw': 3}
    assert played.seconds == pytest.approx(0.25)
    with pytest.raises(MdepthError, match='has no messages 100 s after its first'):
        player(graph, drive, start=100.0).play()


def test_who_comes_late_gets_every_static_transform(graph: Graph, tmp_path: Path) -> None:
    """Two nodes had latched one message each; the player stands in for both."""
    edges = [('base', 'a', (0, 0, 0), (0, 0, 0, 1)), ('base', 'b', (0, 0, 0), (0, 0, 0, 1))]
    messages = [
        ('/tf_static', recordings.static_transforms(edge), 100 * SECOND + at)
        for at, edge in enumerate(edges)
    ]
    with Recording(recordings.write_ros2(tmp_path / 'bag', messages)) as recording:
        player(graph, recording).play()
        profile = QoSProfile(
            depth=10,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        tree = graph.listen(TFMessage, '/tf_static', profile)
        assert wait(lambda: len(tree) == 2)
        assert same(tree, written(recording, '/tf_static'))


def test_a_long_wait_is_told_and_how_to_leave_it_out(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_module, 'LONG', 0.2)
    tree, *messages = recordings.drive(2)
    later = [(topic, message, time + 3600 * SECOND) for topic, message, time in messages]
    with Recording(recordings.write_ros2(tmp_path / 'bag', [tree, *later])) as recording:
        told: list[tuple[float, float]] = []
        playing = player(graph, recording, rate=10_000.0)
        assert playing.play(on_wait=lambda *what: told.append(what)).messages == 5
        assert told == [(pytest.approx(0.36, abs=0.1), 3600.0)]
        # That much is left out then, and what is latched is played all the same.
        played = player(graph, recording, start=told[0][1]).play(on_wait=lambda *_: 1 / 0)
        assert played.per_topic['/tf_static'] == 1 and played.messages == 5


def test_what_cannot_be_published_is_counted(graph: Graph, drive: Recording) -> None:
    playing = player(graph, drive)
    outlet = playing._outlets['/camera/image_raw']

    class Refusing:
        def publish(self, data: bytes) -> None:
            raise RuntimeError('no such message\nat all')

        def __getattr__(self, name: str) -> Any:
            return getattr(outlet, name)

    playing._outlets['/camera/image_raw'] = Refusing()
    assert playing.play().messages == 6
    assert drive.losses.lines() == ['5 messages skipped: no such message']
    playing._outlets = {'/camera/image_raw': Refusing()}
    with pytest.raises(MdepthError, match='nothing of it can be played: 5 messages skipped'):
        playing.play()


def test_twice(graph: Graph, drive: Recording) -> None:
    images = graph.listen(Image, '/camera/image_raw')
    playing = player(graph, drive)
    assert playing.wait_for_listeners(['/camera/image_raw'], 20)
    assert playing.play().messages == playing.play().messages == 11
    assert wait(lambda: len(images) == 10)
    assert same(images, 2 * written(drive, '/camera/image_raw'))


def test_other_names(graph: Graph, drive: Recording) -> None:
    images = graph.listen(Image, '/front/image')
    playing = player(graph, drive, remaps={'/camera/image_raw': '/front/image'})
    assert playing.wait_for_listeners(['/camera/image_raw'], 20)
    playing.play()
    assert wait(lambda: len(images) == 5)


def test_nobody_listens(graph: Graph, drive: Recording) -> None:
    playing = player(graph, drive)
    assert not playing.wait_for_listeners([], 0.5)
    graph.listen(Image, '/camera/image_raw')
    assert playing.wait_for_listeners([], 20)
    assert not playing.wait_for_listeners(['/camera/image_raw', '/camera/camera_info'], 0.5)


def test_a_bag_of_ros_1(graph: Graph, tmp_path: Path) -> None:
    messages = recordings.drive(3, store=recordings.ROS1)
    with Recording(recordings.write_ros1(tmp_path / 'drive.bag', messages)) as recording:
        images = graph.listen(Image, '/camera/image_raw')
        playing = player(graph, recording)
        assert playing.wait_for_listeners(['/camera/image_raw'], 20)
        playing.play()
        assert wait(lambda: len(images) == 3)
        message = deserialize_message(images[2], Image)
        assert (message.header.frame_id, message.data[0]) == ('cam', 2)


def test_types_that_are_not_installed_are_left_out(graph: Graph, tmp_path: Path) -> None:
    store = recordings.get_typestore(recordings.Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('float64 rpm', 'wheel_msgs/msg/Rpm'))
    with Writer(tmp_path / 'bag', version=8) as writer:
        wheel = writer.add_connection('/rpm', 'wheel_msgs/msg/Rpm', typestore=store)
        message = store.types['wheel_msgs/msg/Rpm'](rpm=1.0)
        writer.write(wheel, SECOND, store.serialize_cdr(message, 'wheel_msgs/msg/Rpm'))
        image = writer.add_connection('/image', 'sensor_msgs/msg/Image', typestore=store)
        picture = recordings.image(SECOND)
        writer.write(image, SECOND, store.serialize_cdr(picture, 'sensor_msgs/msg/Image'))
    with Recording(tmp_path / 'bag') as recording:
        playing = player(graph, recording)
        assert [topic.name for topic in playing.skipped] == ['/rpm']
        assert playing.play().per_topic == {'/image': 1}
        with pytest.raises(MdepthError, match='none of these topics'):
            Player(graph.node, recording, ['/rpm'], {})


def test_profiles_of_a_bag(tmp_path: Path) -> None:
    store = recordings.ROS2
    with Writer(tmp_path / 'bag', version=8) as writer:
        for topic, offered in (('/a', [BEST_EFFORT]), ('/b', []), ('/x/tf_static', [])):
            connection = writer.add_connection(
                topic, 'std_msgs/msg/String', typestore=store, offered_qos_profiles=offered
            )
            writer.write(connection, 1, b'\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00')
    with Recording(tmp_path / 'bag') as recording:
        found = offered_profiles(recording)
    assert found == {'/a': [BEST_EFFORT], '/b': [], '/x/tf_static': [LATCHED]}


def test_latched_topics_of_ros_1_are_latched(tmp_path: Path) -> None:
    path = tmp_path / 'drive.bag'
    with recordings.Writer1(path) as writer:
        for topic, latching in (('/map', 1), ('/other', None)):
            connection = writer.add_connection(
                topic, 'std_msgs/msg/String', typestore=recordings.ROS1, latching=latching
            )
            writer.write(connection, 1, b'\x00\x00\x00\x00')
    with Recording(path) as recording:
        assert offered_profiles(recording) == {'/map': [LATCHED], '/other': []}


@pytest.mark.parametrize(
    'recorded, reliable, latched, depth',
    [
        ([], True, False, bag_topics.DEPTH),
        ([BEST_EFFORT], False, False, bag_topics.DEPTH),
        ([BEST_EFFORT, RELIABLE], True, False, bag_topics.DEPTH),
        ([UNKNOWN], True, False, bag_topics.DEPTH),
        ([LATCHED], True, True, 3),
        ([RELIABLE, LATCHED], True, True, 3),
    ],
)
def test_what_is_offered(recorded: list[Qos], reliable: bool, latched: bool, depth: int) -> None:
    profile = bag_topics.offer(recorded, 3)
    assert (profile.reliability == ReliabilityPolicy.RELIABLE) is reliable
    assert (profile.durability == DurabilityPolicy.TRANSIENT_LOCAL) is latched
    assert profile.depth == depth


def test_names_and_patterns() -> None:
    names = ['/cam/image', '/cam/info', '/odom']
    choose, split = bag_topics.choose, bag_topics.split_names
    assert choose(names) == names
    assert choose(names, split('odom, /cam/i*')) == names
    assert choose(names, split('/cam/*'), split('*/info')) == ['/cam/image']
    with pytest.raises(MdepthError, match='no topic /cam/imag: try /cam/image'):
        choose(names, split('/cam/imag'))
    with pytest.raises(MdepthError, match='no topic /x: try /cam/image or /cam/info or /odom'):
        choose(names, [], split('x'))
    assert split(' ') == []
