# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time as system
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mdepth_ros.standalone import logging
from mdepth_ros.standalone.clock import ROSClock
from mdepth_ros.standalone.messages import message_class
from mdepth_ros.standalone.tf2 import Buffer, public
from mdepth_ros.standalone.tf2_topics import (
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformListener,
)
from mdepth_ros.standalone.time import Duration, Time
from mdepth_ros.standalone.transforms import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)

SECOND = 10**9
Matrix = Any


def random_rigid(rng: np.random.Generator) -> Matrix:
    q = rng.normal(size=4)
    return matrix(rng.normal(size=3) * 10, q / np.linalg.norm(q))


def matrix(t: Any, q: Any) -> Matrix:
    """4x4 of a translation and a quaternion (x, y, z, w), by the formula of textbooks."""
    x, y, z, w = q
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, t
    return T


def quaternion(R: Matrix) -> Any:
    """Quaternion of a rotation, as the eigenvector of Bar-Itzhack's matrix."""
    K = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], 0, 0, 0],
            [R[1, 0] + R[0, 1], R[1, 1] - R[0, 0] - R[2, 2], 0, 0],
            [R[2, 0] + R[0, 2], R[2, 1] + R[1, 2], R[2, 2] - R[0, 0] - R[1, 1], 0],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], np.trace(R)],
        ]
    )
    return np.linalg.eigh(K / 3)[1][:, -1]


def stamped(parent: str, child: str, T: Matrix, seconds: float = 0.0) -> Any:
    message = message_class('geometry_msgs/msg/TransformStamped')(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=round(seconds * SECOND)).to_msg()
    t, q = T[:3, 3].tolist(), quaternion(T[:3, :3]).tolist()
    (message.transform.translation.x, message.transform.translation.y) = t[:2]
    message.transform.translation.z = t[2]
    rotation = message.transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = q
    return message


def found(message: Any) -> Matrix:
    t, q = message.transform.translation, message.transform.rotation
    return matrix((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * SECOND))


def shift(x: float) -> Matrix:
    return matrix((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def turn(angle: float) -> Matrix:
    return matrix((0.0, 0.0, 0.0), (0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2)))


#         map
#     odom    lidar_map
#     base    lidar
#  cam   imu
# optical
TREE = {
    'odom': 'map',
    'base': 'odom',
    'cam': 'base',
    'imu': 'base',
    'optical': 'cam',
    'lidar_map': 'map',
    'lidar': 'lidar_map',
}


@pytest.mark.parametrize('seed', range(3))
def test_any_two_frames_of_a_tree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    buffer = Buffer()
    poses = {'map': np.eye(4)}  # T_map_frame
    for child, parent in TREE.items():
        T = random_rigid(rng)
        poses[child] = poses[parent] @ T
        put = buffer.set_transform_static if seed % 2 else buffer.set_transform
        put(stamped(parent, child, T, seconds=7.0), 'test')
    for target, T_map_target in poses.items():
        for source, T_map_source in poses.items():
            message = buffer.lookup_transform(target, source, Time())
            expected = np.linalg.inv(T_map_target) @ T_map_source
            np.testing.assert_allclose(found(message), expected, atol=1e-9)
            assert (message.header.frame_id, message.child_frame_id) == (target, source)
            if target != source:
                assert message.header.stamp.sec == (0 if seed % 2 else 7)
            assert buffer.can_transform(target, source, at(7.0))


def test_between_two_samples_it_turns_and_moves_evenly() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('odom', 'base', shift(1.0) @ turn(0.2), 10.0), 'test')
    buffer.set_transform(stamped('odom', 'base', shift(3.0) @ turn(1.8), 12.0), 'test')
    for ratio in (0.0, 0.25, 0.5, 0.9, 1.0):
        message = buffer.lookup_transform('odom', 'base', at(10.0 + 2.0 * ratio))
        expected = shift(1.0 + 2.0 * ratio) @ turn(0.2 + 1.6 * ratio)
        np.testing.assert_allclose(found(message), expected, atol=1e-9)
        assert (
            Time.from_msg(message.header.stamp).nanoseconds == at(10.0 + 2.0 * ratio).nanoseconds
        )


@pytest.mark.parametrize('seed', range(5))
def test_interpolation_goes_the_short_way_at_even_speed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = random_rigid(rng), random_rigid(rng)
    buffer = Buffer()
    buffer.set_transform(stamped('a', 'b', one, 1.0), 'test')
    second = stamped('a', 'b', two, 2.0)
    # The same rotation as a quaternion of the other sign.
    for name in 'xyzw':
        setattr(second.transform.rotation, name, -getattr(second.transform.rotation, name))
    buffer.set_transform(second, 'test')
    steps = [found(buffer.lookup_transform('a', 'b', at(1.0 + k / 4))) for k in range(5)]

    def angle(A: Matrix, B: Matrix) -> float:
        cosine = (np.trace(A[:3, :3].T @ B[:3, :3]) - 1) / 2
        return float(np.arccos(np.clip(cosine, -1, 1)))

    whole = angle(one, two)
    for before, after in pairwise(steps):
        assert angle(before, after) == pytest.approx(whole / 4, abs=1e-6)


def test_samples_out_of_order_and_twice() -> None:
    buffer = Buffer()
    for second in (3.0, 1.0, 2.0, 2.0):
        buffer.set_transform(stamped('odom', 'base', shift(second * 10), second), 'test')
    assert found(buffer.lookup_transform('odom', 'base', at(1.5)))[0, 3] == pytest.approx(15.0)
    assert found(buffer.lookup_transform('odom', 'base', at(2.5)))[0, 3] == pytest.approx(25.0)
    buffer.set_transform(stamped('odom', 'base', shift(99.0), 2.0), 'test')
    assert found(buffer.lookup_transform('odom', 'base', at(2.0)))[0, 3] == 99.0


def test_the_newest_is_the_newest_that_all_links_have() -> None:
    buffer = Buffer()
    for second in (1.0, 2.0, 3.0):
        buffer.set_transform(stamped('map', 'odom', shift(0.0), second), 'test')
    for second in (0.5, 2.5):
        buffer.set_transform(stamped('odom', 'base', shift(second), second), 'test')
    buffer.set_transform_static(stamped('base', 'cam', shift(100.0), 50.0), 'test')
    message = buffer.lookup_transform('map', 'cam', Time())
    assert Time.from_msg(message.header.stamp).nanoseconds == 2.5 * SECOND
    assert found(message)[0, 3] == pytest.approx(102.5)
    assert buffer.get_latest_common_time('map', 'cam') == at(2.5)
    assert buffer.get_latest_common_time('base', 'cam') == Time()
    # What is above the common ancestor does not count.
    assert buffer.get_latest_common_time('odom', 'base') == at(2.5)


def test_a_link_above_the_common_ancestor_may_lack_data() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('map', 'odom', shift(0.0), 1.0), 'test')
    buffer.set_transform_static(stamped('odom', 'base', shift(1.0)), 'test')
    buffer.set_transform_static(stamped('odom', 'cam', shift(3.0)), 'test')
    assert found(buffer.lookup_transform('base', 'cam', at(9.0)))[0, 3] == pytest.approx(2.0)


def test_a_message_may_say_the_time_too() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('odom', 'base', shift(1.0), 1.5), 'test')
    message = buffer.lookup_transform('odom', 'base', at(1.5).to_msg())
    assert found(message)[0, 3] == 1.0
    with pytest.raises(TypeError, match=r'rclpy\.time\.Time, not float'):
        buffer.lookup_transform('odom', 'base', 1.5)


def moving() -> Buffer:
    buffer = Buffer()
    for second in (10.0, 12.0):
        buffer.set_transform(stamped('odom', 'base', shift(second), second), 'test')
    buffer.set_transform_static(stamped('base', 'cam', shift(1.0)), 'test')
    buffer.set_transform_static(stamped('world', 'tree', shift(1.0)), 'test')
    return buffer


@pytest.mark.parametrize(
    ('target', 'source', 'seconds', 'error', 'says'),
    [
        ('odom', 'cam', 13.0, ExtrapolationException, ['future', '13.0', '12.0']),
        ('cam', 'odom', 9.5, ExtrapolationException, ['past', '9.5', '10.0']),
        ('odom', 'nose', 0.0, LookupException, ["no frame 'nose'"]),
        ('nose', 'odom', 0.0, LookupException, ["no frame 'nose'"]),
        ('odom', 'tree', 0.0, ConnectivityException, ['different trees']),
        ('odom', 'tree', 11.0, ConnectivityException, ['different trees']),
        ('odom', '/cam', 0.0, InvalidArgumentException, ['slash']),
        ('', 'cam', 0.0, InvalidArgumentException, ['empty']),
    ],
)
def test_what_cannot_be_looked_up_names_both_frames_in_one_line(
    target: str, source: str, seconds: float, error: type[Exception], says: list[str]
) -> None:
    buffer = moving()
    with pytest.raises(error) as caught:
        buffer.lookup_transform(target, source, at(seconds))
    assert isinstance(caught.value, TransformException)
    for words in (*says, f"'{target}'", f"'{source}'"):
        assert words in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not buffer.can_transform(target, source, at(seconds))
    answer = buffer.can_transform(target, source, at(seconds), return_debug_tuple=True)
    assert answer == (False, str(caught.value))


def test_a_frame_is_itself() -> None:
    message = moving().lookup_transform('anything', 'anything', at(5.0))
    np.testing.assert_array_equal(found(message), np.eye(4))
    assert message.header.stamp.sec == 5
    assert moving().lookup_transform('base', 'base', Time()).header.stamp.sec == 12


def test_loops_are_found() -> None:
    buffer = Buffer()
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a')):
        buffer.set_transform_static(stamped(parent, child, shift(1.0)), 'test')
    buffer.set_transform_static(stamped('x', 'y', shift(1.0)), 'test')
    for stamp in (0.0, 1.0):
        with pytest.raises(LookupException, match='its own ancestor'):
            buffer.lookup_transform('x', 'b', at(stamp))


def test_a_frame_may_get_another_parent() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('a', 'child', shift(1.0), 1.0), 'test')
    buffer.set_transform(stamped('b', 'child', shift(2.0), 2.0), 'test')
    assert found(buffer.lookup_transform('a', 'child', at(1.5)))[0, 3] == 1.0
    assert found(buffer.lookup_transform('b', 'child', Time()))[0, 3] == 2.0
    buffer.set_transform_static(stamped('a', 'child', shift(3.0)), 'test')
    assert found(buffer.lookup_transform('a', 'child', at(99.0)))[0, 3] == 3.0
    buffer.set_transform(stamped('a', 'child', shift(4.0), 5.0), 'test')
    assert not buffer.can_transform('a', 'child', at(99.0))


def test_old_samples_are_dropped_and_refused() -> None:
    buffer = Buffer(Duration(seconds=2))
    for second in range(10):
        buffer.set_transform(stamped('odom', 'base', shift(second), second), 'test')
    assert buffer.can_transform('odom', 'base', at(6.0))
    with pytest.raises(ExtrapolationException, match=r'past.*6\.0'):
        buffer.lookup_transform('odom', 'base', at(5.9))
    buffer.set_transform(stamped('odom', 'base', shift(0.0), 1.0), 'test')
    assert not buffer.can_transform('odom', 'base', at(5.0))
    assert Buffer()._tree._cache == 10 * SECOND


def test_a_link_that_is_rarely_sent_is_still_interpolated() -> None:
    buffer = Buffer(Duration(seconds=2))
    for second in (1.0, 9.0):
        buffer.set_transform(stamped('odom', 'base', shift(second), second), 'test')
    assert found(buffer.lookup_transform('odom', 'base', at(5.0)))[0, 3] == pytest.approx(5.0)


def bad(**changes: float) -> Any:
    message = stamped('odom', 'base', shift(1.0), 1.0)
    for name, value in changes.items():
        part = message.transform.translation if name == 'tx' else message.transform.rotation
        setattr(part, name[-1], value)
    return message


@pytest.mark.parametrize(
    ('message', 'says'),
    [
        (bad(tx=float('nan')), 'NaN'),
        (bad(w=float('nan')), 'NaN'),
        (bad(w=0.0), 'norm of 0.0000'),
        (bad(w=1.1), 'norm of 1.1000'),
        (stamped('base', 'base', shift(1.0)), 'the same'),
        (stamped('', 'base', shift(1.0)), 'no name'),
        (stamped('odom', '', shift(1.0)), 'no name'),
    ],
)
def test_nonsense_is_logged_and_ignored(message: Any, says: str) -> None:
    records: list[logging.Record] = []
    logging.add_sink(records.append)
    buffer = Buffer()
    try:
        buffer.set_transform(message, 'somebody')
    finally:
        logging.remove_sink(records.append)
    assert says in records[0].message and "'somebody'" in records[0].message
    assert not buffer.can_transform('odom', 'base', Time())
    assert buffer.all_frames_as_yaml() == '[]'


def test_quaternions_that_are_nearly_unit_are_made_so() -> None:
    buffer = Buffer()
    buffer.set_transform(bad(w=1.004), 'test')
    np.testing.assert_allclose(found(buffer.lookup_transform('odom', 'base', Time())), shift(1.0))


def test_leading_slashes_of_old_senders_are_cut() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('/odom', '/base', shift(1.0), 1.0), 'test')
    assert buffer.can_transform('odom', 'base', Time())


def test_the_tree_as_text() -> None:
    buffer = moving()
    assert 'Frame cam exists with parent base.' in buffer.all_frames_as_string()
    text = buffer.all_frames_as_yaml()
    assert "base:\n  parent: 'odom'\n  broadcaster: 'test'\n  rate: 1.000\n" in text
    assert buffer._frameExists('odom') and not buffer._frameExists('nose')
    assert buffer._getFrameStrings() == ['odom', 'base', 'cam', 'world', 'tree']


def test_a_lookup_may_wait() -> None:
    buffer = moving()
    start = system.monotonic()
    assert not buffer.can_transform('odom', 'base', at(13.0), Duration(seconds=0.05))
    assert system.monotonic() - start >= 0.05
    late = stamped('odom', 'base', shift(14.0), 14.0)
    timer = threading.Timer(0.05, buffer.set_transform, (late, 'test'))
    timer.start()
    message = buffer.lookup_transform('odom', 'base', at(13.0), Duration(seconds=30))
    assert found(message)[0, 3] == pytest.approx(13.0)
    timer.join()


def test_public_names() -> None:
    names = public('tf2_ros')
    assert names['Buffer'] is Buffer and names['TransformListener'] is TransformListener
    for error in ('Lookup', 'Connectivity', 'Extrapolation', 'InvalidArgument', 'Timeout'):
        assert issubclass(names[f'{error}Exception'], names['TransformException'])


class FakeNode:
    """Only a clock."""

    def __init__(self) -> None:
        self.clock = ROSClock()

    def get_clock(self) -> ROSClock:
        return self.clock


def test_a_bag_that_starts_again_clears_what_moves() -> None:
    node = FakeNode()
    buffer = Buffer(node=node)
    node.clock._set_ros_time_is_active(True)

    def fill() -> None:
        buffer.set_transform(stamped('odom', 'base', shift(1.0), 100.0), 'test')
        buffer.set_transform_static(stamped('base', 'cam', shift(1.0)), 'test')

    node.clock.set_ros_time_override(Time(seconds=100))
    fill()
    node.clock.set_ros_time_override(Time(nanoseconds=int(99.5 * SECOND)))
    assert buffer.can_transform('odom', 'cam', Time())
    node.clock.set_ros_time_override(Time(seconds=3))
    assert not buffer.can_transform('odom', 'cam', Time())
    assert buffer.can_transform('base', 'cam', Time())
    # Older than what was forgotten, and welcome.
    buffer.set_transform(stamped('odom', 'base', shift(2.0), 3.0), 'test')
    assert found(buffer.lookup_transform('odom', 'cam', Time()))[0, 3] == pytest.approx(3.0)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any, Any]]:
    """Two nodes, and what spins both."""
    pytest.importorskip('cyclonedds')
    from mdepth_ros.standalone.context import Context
    from mdepth_ros.standalone.executors import SingleThreadedExecutor
    from mdepth_ros.standalone.node import Node

    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.delenv('ROS_LOCALHOST_ONLY', raising=False)
    context = Context()
    context.init(args=[], domain_id=42)
    executor = SingleThreadedExecutor(context=context)
    pair = [Node(name, context=context) for name in ('sender', 'listener')]
    for node in pair:
        executor.add_node(node)
    yield pair[0], pair[1], executor
    executor.shutdown()
    for node in pair:
        node.destroy_node()
    context.try_shutdown()


def spin_until(executor: Any, done: Any) -> None:
    end = system.monotonic() + 30
    while not done():
        assert system.monotonic() < end, 'it does not happen'
        executor.spin_once(timeout_sec=0.05)


def test_broadcasters_reach_a_listener_that_comes_late(nodes: tuple[Any, Any, Any]) -> None:
    sender, receiver, executor = nodes
    static, dynamic = StaticTransformBroadcaster(sender), TransformBroadcaster(sender)
    static.sendTransform(stamped('base', 'cam', shift(9.0)))
    static.sendTransform([stamped('cam', 'optical', shift(2.0))])
    static.sendTransform(stamped('base', 'cam', shift(1.0)))
    buffer = Buffer(node=receiver)
    listener = TransformListener(buffer, receiver)
    spin_until(executor, lambda: buffer.can_transform('base', 'optical', Time()))
    spin_until(executor, lambda: dynamic.pub_tf.get_subscription_count() == 1)
    dynamic.sendTransform([stamped('odom', 'base', shift(4.0), second) for second in (1.0, 2.0)])
    spin_until(executor, lambda: buffer.can_transform('odom', 'optical', at(2.0)))
    message = buffer.lookup_transform('odom', 'optical', at(1.5))
    assert found(message)[0, 3] == pytest.approx(7.0)
    assert receiver.count_subscribers('/tf') == receiver.count_subscribers('/tf_static') == 1
    listener.unregister()
    listener.unregister()
    assert receiver.count_subscribers('/tf') == receiver.count_subscribers('/tf_static') == 0


def test_a_listener_with_a_thread_lets_lookups_wait(nodes: tuple[Any, Any, Any]) -> None:
    sender, receiver, _ = nodes
    buffer = Buffer(node=receiver)
    listener = TransformListener(buffer, receiver, spin_thread=True)
    StaticTransformBroadcaster(sender).sendTransform(stamped('base', 'cam', shift(1.0)))
    message = buffer.lookup_transform('base', 'cam', Time(), Duration(seconds=30))
    assert found(message)[0, 3] == 1.0
    listener.unregister()
    assert not listener.dedicated_listener_thread.is_alive()
