# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
from typing import Any

import pytest
from ros2_standalone.arguments import remove_ros_args
from ros2_standalone.context import Context, alive_contexts, get_default_domain_id
from ros2_standalone.errors import StandaloneError
from ros2_standalone.executors import SingleThreadedExecutor
from ros2_standalone.node import Node
from transport import context, domain, only_standalone

pytestmark = only_standalone


def test_the_domain_is_that_of_the_environment_or_the_call(
    monkeypatch: pytest.MonkeyPatch, other_domain: int
) -> None:
    with context() as inside:
        assert inside.get_domain_id() == domain()
    monkeypatch.delenv('ROS_DOMAIN_ID')
    assert get_default_domain_id() == 0
    for text in ('x', '-1', '233', '1.5'):
        monkeypatch.setenv('ROS_DOMAIN_ID', text)
        with pytest.raises(
            StandaloneError, match=f"ROS_DOMAIN_ID is '{text}': set it to a number"
        ):
            get_default_domain_id()
    other = Context()
    with pytest.raises(RuntimeError, match='lower than zero'):
        other.init([], domain_id=-1)
    other.init([], domain_id=other_domain)
    assert other.get_domain_id() == other_domain
    other.shutdown()


def test_a_context_lives_once() -> None:
    made = Context()
    assert not made.ok()
    with pytest.raises(RuntimeError):
        made.shutdown()
    for ask in (lambda: made.participant, lambda: made.graph, lambda: made.arguments):
        with pytest.raises(RuntimeError, match='initialized'):
            ask()
    made.init([])
    assert made.ok()
    assert made in alive_contexts()
    with pytest.raises(RuntimeError, match='only be called once'):
        made.init([])
    made.shutdown()
    assert not made.ok()
    assert made not in alive_contexts()
    with pytest.raises(RuntimeError):
        made.shutdown()
    made.try_shutdown()
    with pytest.raises(RuntimeError, match='only be called once'):
        made.init([])


def test_bad_arguments_and_a_bad_environment_leave_it_unused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Context()
    with pytest.raises(RuntimeError, match='nonsense'):
        made.init(['--ros-args', '--nonsense'])
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'MOON')
    with pytest.raises(StandaloneError, match='MOON'):
        made.init([])
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    made.init([])
    made.shutdown()


class Listener:
    def __init__(self) -> None:
        self.calls = 0

    def hear(self) -> None:
        self.calls += 1


def test_shutdown_is_told_once() -> None:
    heard: list[str] = []
    listener, forgotten = Listener(), Listener()
    made = Context()
    made.on_shutdown(lambda: heard.append('before init'))
    made.init([])
    made.on_shutdown(listener.hear)
    made.on_shutdown(forgotten.hear)
    del forgotten
    gc.collect()
    made.shutdown()
    made.try_shutdown()
    assert (heard, listener.calls) == (['before init'], 1)
    made.on_shutdown(listener.hear)  # too late: at once
    assert listener.calls == 2
    with pytest.raises(TypeError, match='callable'):
        made.on_shutdown(5)  # type: ignore[arg-type]


def test_the_participant_stays_for_the_last_node() -> None:
    with context() as inside:
        nodes = [Node(name, context=inside) for name in ('one', 'two')]
    assert not inside.ok()
    assert nodes[0].get_node_names() == ['one', 'two']
    nodes[0].destroy_node()
    assert inside.participant.handle > 0
    nodes[1].destroy_node()
    with pytest.raises(RuntimeError, match='not yet destroyed'):
        inside.participant  # noqa: B018


def test_what_is_left_can_be_dropped_with_the_context() -> None:
    with context() as inside:
        node = Node('left', context=inside)
        publisher: Any = next(node.publishers)
        executor = SingleThreadedExecutor(context=inside)
        executor.add_node(node)
    inside.destroy()
    assert publisher.get_subscription_count() == 0
    assert node.get_topic_names_and_types() == []
    node.destroy_node()
    executor.shutdown()


def test_a_program_keeps_its_own_arguments() -> None:
    arguments = ['node', '--model', 'x', '--ros-args', '-r', 'a:=b', '--', 'file']
    assert remove_ros_args(arguments) == ['node', '--model', 'x', 'file']
    with context(arguments) as inside:
        assert inside.arguments.unparsed == ['node', '--model', 'x', 'file']
