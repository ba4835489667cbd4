# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from ros2_standalone.tf2 import Buffer
from ros2_standalone.time import Duration, Time
from ros2_standalone.transforms import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf_frames import SECOND, Matrix, at, found, matrix, moving, shift, stamped, turn


def random_rigid(rng: np.random.Generator) -> Matrix:
    q = rng.normal(size=4)
    return matrix(rng.normal(size=3) * 10, q / np.linalg.norm(q))


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
    assert buffer.lookup_transform('base', 'cam', Time()).header.stamp.sec == 0
    # What is above the common ancestor does not count.
    message = buffer.lookup_transform('odom', 'base', Time())
    assert Time.from_msg(message.header.stamp).nanoseconds == 2.5 * SECOND


def test_a_link_above_the_common_ancestor_may_lack_data() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('map', 'odom', shift(0.0), 1.0), 'test')
    buffer.set_transform_static(stamped('odom', 'base', shift(1.0)), 'test')
    buffer.set_transform_static(stamped('odom', 'cam', shift(3.0)), 'test')
    assert found(buffer.lookup_transform('base', 'cam', at(9.0)))[0, 3] == pytest.approx(2.0)


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
