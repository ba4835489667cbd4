# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tests that talk share: their module names its NODE, if it has one.

The fixtures import transport themselves: without ROS 2 and Cyclone DDS only tests that talk skip.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from own_domain import free_domain
from ros2_standalone.dds import Participant, Reader, Writer
from ros2_standalone.qos import QoSProfile


@pytest.fixture
def inside() -> Iterator[Any]:
    """A context."""
    from transport import context

    with context() as made:
        yield made


@pytest.fixture
def node(inside: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A node with the name that the module gives it."""
    from rclpy.node import Node

    made = Node(request.module.NODE, context=inside)
    yield made
    made.destroy_node()


@pytest.fixture
def executor(node: Any) -> Iterator[Any]:
    """What spins the node."""
    from rclpy.executors import SingleThreadedExecutor

    made = SingleThreadedExecutor(context=node.context)
    made.add_node(node)
    yield made
    made.shutdown()


@pytest.fixture
def pair() -> Iterator[tuple[Participant, Participant]]:
    """Two participants of DDS, without ROS 2."""
    from transport import STANDALONE, domain

    if not STANDALONE:
        pytest.skip('looks inside')
    one, other = Participant(domain()), Participant(domain())
    yield one, other
    one.delete()
    other.delete()


@pytest.fixture
def connect(pair: tuple[Participant, Participant]) -> Callable[..., tuple[Writer, Reader]]:
    """Makes a writer of the one and a reader of the other that have found each other."""
    from transport import wait_until

    def made(profile: QoSProfile, type_name: str = 'std_msgs/msg/String') -> tuple[Writer, Reader]:
        writer = Writer(pair[0], 'rt/topic', type_name, profile)
        reader = Reader(pair[1], 'rt/topic', type_name, profile)
        wait_until(lambda: writer.count_matched() == 1 and reader.matched_handles(), 'match')
        return writer, reader

    return made


@pytest.fixture(autouse=True)
def _own_domain() -> Iterator[None]:
    """What a test starts meets nobody but itself: nothing of this machine, nor of other tests."""
    with free_domain() as domain, pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain))
        patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        patch.delenv('ROS_STATIC_PEERS', raising=False)
        patch.delenv('ROS_LOCALHOST_ONLY', raising=False)
        if os.environ.get('ROS_DISTRO') == 'humble':  # knows only this one
            patch.setenv('ROS_LOCALHOST_ONLY', '1')
        yield


@pytest.fixture
def other_domain() -> Iterator[int]:
    """A second domain, for tests that need two."""
    with free_domain() as domain:
        yield domain
