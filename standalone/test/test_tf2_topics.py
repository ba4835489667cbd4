# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ros2_standalone.tf2 import Buffer
from ros2_standalone.tf2_topics import (
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformListener,
)
from ros2_standalone.time import Time
from tf_frames import at, found, shift, stamped
from transport import only_standalone, spin_until

pytestmark = only_standalone


@pytest.fixture
def nodes() -> Iterator[tuple[Any, Any, Any]]:
    """Two nodes, and what spins both."""
    from ros2_standalone.context import Context
    from ros2_standalone.executors import SingleThreadedExecutor
    from ros2_standalone.node import Node

    context = Context()
    context.init(args=[])
    executor = SingleThreadedExecutor(context=context)
    pair = [Node(name, context=context) for name in ('sender', 'listener')]
    for node in pair:
        executor.add_node(node)
    yield pair[0], pair[1], executor
    executor.shutdown()
    for node in pair:
        node.destroy_node()
    context.try_shutdown()


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
