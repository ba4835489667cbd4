# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time as system
from typing import Any

import numpy as np
import pytest
from ros2_standalone import logging
from ros2_standalone.clock import ROSClock
from ros2_standalone.tf2 import Buffer
from ros2_standalone.time import Duration, Time
from tf_frames import SECOND, at, found, moving, shift, stamped


def test_a_message_may_say_the_time_too() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('odom', 'base', shift(1.0), 1.5), 'test')
    message = buffer.lookup_transform('odom', 'base', at(1.5).to_msg())
    assert found(message)[0, 3] == 1.0
    with pytest.raises(TypeError, match=r'rclpy\.time\.Time, not float'):
        buffer.lookup_transform('odom', 'base', 1.5)


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
        (bad(w=1e308), 'norm of 1'),
        (bad(w=float('inf')), 'norm of inf'),
        (stamped('\x1b[2J', '\x1b[2J', shift(1.0)), r"from '\x1b[2J' to '\x1b[2J' of"),
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


def test_quaternions_that_are_nearly_unit_are_made_so() -> None:
    buffer = Buffer()
    buffer.set_transform(bad(w=1.004), 'test')
    np.testing.assert_allclose(found(buffer.lookup_transform('odom', 'base', Time())), shift(1.0))


def test_leading_slashes_of_old_senders_are_cut() -> None:
    buffer = Buffer()
    buffer.set_transform(stamped('/odom', '/base', shift(1.0), 1.0), 'test')
    assert buffer.can_transform('odom', 'base', Time())


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


class FakeNode:
    """Only a clock."""

    def __init__(self) -> None:
        self.clock = ROSClock()

    def get_clock(self) -> ROSClock:
        return self.clock


def test_a_bag_that_starts_again_clears_what_moves() -> None:
    node = FakeNode()
    buffer = Buffer(node=node)
    node.clock.set_ros_time_is_active(True)

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
