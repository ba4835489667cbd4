# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes, publishers and subscriptions; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transport import STANDALONE, context, on_this_machine, spin_until, wait_until

# isort: split

from rcl_interfaces.msg import Log, ParameterEvent
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidTopicNameException,
    NotInitializedException,
)
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Int32, String

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

DOMAIN = 23
RELIABLE = QoSProfile(depth=10)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    on_this_machine(monkeypatch, DOMAIN)


@pytest.fixture
def inside() -> Iterator[Any]:
    with context() as made:
        yield made


@pytest.fixture
def node(inside: Any) -> Iterator[Any]:
    made = Node('tested', context=inside)
    yield made
    made.destroy_node()


@pytest.fixture
def executor(node: Any) -> Iterator[Any]:
    made = SingleThreadedExecutor(context=node.context)
    made.add_node(node)
    yield made
    made.shutdown()


def test_a_node_has_its_names(inside: Any) -> None:
    node = Node('depth', context=inside, namespace='robot/left')
    assert node.get_name() == 'depth'
    assert node.get_namespace() == '/robot/left'
    assert node.get_fully_qualified_name() == '/robot/left/depth'
    assert node.get_logger().name == 'robot.left.depth'
    topics = {
        'image': '/robot/left/image',
        '/image': '/image',
        '~/model': '/robot/left/depth/model',
    }
    assert {topic: node.resolve_topic_name(topic) for topic in topics} == topics
    publisher = node.create_publisher(String, '~/model', 1)
    subscription = node.create_subscription(String, 'model', print, 1)
    assert publisher.topic_name == '/robot/left/depth/model'
    assert subscription.topic_name == '/robot/left/model'
    node.destroy_node()


def test_bad_names_are_refused(inside: Any, node: Any) -> None:
    with pytest.raises(InvalidNodeNameException):
        Node('my-node', context=inside)
    with pytest.raises(InvalidNamespaceException):
        Node('node', context=inside, namespace='my-robot')
    for topic in ('my topic', '', 'a//b', '2nd'):
        with pytest.raises(InvalidTopicNameException):
            node.create_publisher(String, topic, 1)
    from rclpy.context import Context

    with pytest.raises(NotInitializedException):
        Node('node', context=Context())


def test_the_command_line_renames_remaps_and_sets(tmp_path: Path) -> None:
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**:\n  ros__parameters:\n    rate: 2.5\n    name: file\n')
    args = ['--ros-args', '-r', '__node:=renamed', '-r', '__ns:=/robot', '-r', 'image:=/camera']
    args += ['--params-file', str(file), '-p', 'name:=line']
    with context(args) as inside:
        node = Node('tested', context=inside, parameter_overrides=[Parameter('code', value=1)])
        assert node.get_fully_qualified_name() == '/robot/renamed'
        assert node.create_publisher(String, 'image', 1).topic_name == '/camera'
        assert node.resolve_topic_name('image', only_expand=True) == '/robot/image'
        values = {name: item.value for name, item in node._parameter_overrides.items()}
        expected = {'rate': 2.5, 'name': 'line', 'code': 1}
        assert {name: values[name] for name in expected} == expected
        assert node.declare_parameter('name', 'default').value == 'line'
        own = Node(
            'own',
            context=inside,
            use_global_arguments=False,
            cli_args=['--ros-args', '-p', 'name:=own'],
        )
        assert own.get_fully_qualified_name() == '/own'
        assert own.declare_parameter('name', 'default').value == 'own'
        own.destroy_node()
        node.destroy_node()


def test_overrides_can_declare_themselves(inside: Any) -> None:
    overrides = [Parameter('rate', value=3), Parameter('use_sim_time', value=False)]
    node = Node(
        'tested',
        context=inside,
        parameter_overrides=overrides,
        automatically_declare_parameters_from_overrides=True,
    )
    assert node.get_parameter('rate').value == 3
    assert node.get_parameter('use_sim_time').value is False
    node.destroy_node()


def test_every_node_has_use_sim_time_off(node: Any) -> None:
    assert node.get_parameter('use_sim_time').value is False
    assert node.count_subscribers('/clock') == 0


def test_serialised_messages_go_out_and_come_in(node: Any, executor: Any) -> None:
    got: list[Any] = []
    node.create_subscription(String, 'words', got.append, 10)
    node.create_subscription(String, 'words', got.append, 10, raw=True)
    publisher = node.create_publisher(String, 'words', 10)
    wait_until(lambda: publisher.get_subscription_count() == 2)
    publisher.publish(serialize_message(String(data='raw')))
    spin_until(executor, lambda: len(got) == 2)
    words = {type(each): each for each in got}
    assert words[String].data == 'raw'
    assert deserialize_message(words[bytes], String).data == 'raw'
    with pytest.raises(TypeError):
        publisher.publish(Int32())


def test_a_callback_may_ask_for_the_times(node: Any, executor: Any) -> None:
    got: list[Any] = []
    node.create_subscription(String, 'words', lambda message, info: got.append(info), 10)
    publisher = node.create_publisher(String, 'words', 10)
    wait_until(publisher.get_subscription_count)
    publisher.publish(String())
    spin_until(executor, lambda: got)
    assert 0 < got[0]['source_timestamp'] <= got[0]['received_timestamp']


def test_publishing_works_in_any_thread_and_counts_listeners(node: Any, executor: Any) -> None:
    import threading

    got: list[Any] = []
    publisher = node.create_publisher(Int32, 'number', 1000)
    assert publisher.get_subscription_count() == 0
    subscription = node.create_subscription(Int32, 'number', got.append, 1000)
    wait_until(publisher.get_subscription_count)

    def send() -> None:
        for number in range(100):
            publisher.publish(Int32(data=number))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    spin_until(executor, lambda: len(got) == 300)
    for thread in threads:
        thread.join()
    assert node.destroy_subscription(subscription)
    wait_until(lambda: publisher.get_subscription_count() == 0)
    assert not node.destroy_subscription(subscription)


def test_a_latched_message_reaches_who_comes_late(node: Any, executor: Any) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    got: list[Any] = []
    node.create_publisher(String, '~/model', latched).publish(String(data='card'))
    node.create_subscription(String, '~/model', got.append, latched)
    spin_until(executor, lambda: got)
    assert got[0].data == 'card'


def test_incompatible_qos_is_an_event_with_its_policy(node: Any, executor: Any) -> None:
    got: list[Any] = []
    node.create_publisher(
        String, 'words', BEST_EFFORT, event_callbacks=PublisherEventCallbacks(
            incompatible_qos=lambda info: got.append(('publisher', info))
        ),
    )  # fmt: skip
    node.create_subscription(
        String, 'words', print, RELIABLE, event_callbacks=SubscriptionEventCallbacks(
            incompatible_qos=lambda info: got.append(('subscription', info))
        ),
    )  # fmt: skip
    spin_until(executor, lambda: len(got) == 2)
    assert {name for name, _ in got} == {'publisher', 'subscription'}
    for _, info in got:
        assert (info.total_count, info.total_count_change) == (1, 1)
        assert info.last_policy_kind == QoSPolicyKind.RELIABILITY


@pytest.mark.skipif(not STANDALONE, reason='the wording is ours')
def test_incompatible_qos_is_logged_by_default(node: Any, executor: Any, capfd: Any) -> None:
    node.create_publisher(String, 'words', BEST_EFFORT)
    node.create_subscription(String, 'words', print, RELIABLE)
    text: list[str] = []

    def logged() -> bool:
        text.append(capfd.readouterr().err)
        return ''.join(text).count('RELIABILITY') == 2

    spin_until(executor, logged)
    assert "publisher on topic '/words' offers QoS that this subscription" in ''.join(text)
    assert "subscription on topic '/words' asks for QoS that this publisher" in ''.join(text)
    silent = SubscriptionEventCallbacks(use_default_callbacks=False)
    node.create_subscription(String, 'words', print, RELIABLE, event_callbacks=silent)
    while 'subscription on' not in capfd.readouterr().err:  # the publisher's
        executor.spin_once(timeout_sec=0.1)
    executor.spin_once(timeout_sec=0.1)
    assert 'publisher on' not in capfd.readouterr().err


def test_peers_that_come_and_go_are_events(node: Any, executor: Any) -> None:
    got: list[Any] = []
    callbacks = PublisherEventCallbacks()
    if not hasattr(callbacks, 'matched'):
        pytest.skip('Humble does not know of them')
    callbacks.matched = lambda info: got.append((info.current_count, info.current_count_change))
    node.create_publisher(String, 'words', 1, event_callbacks=callbacks)
    subscription = node.create_subscription(String, 'words', print, 1)
    spin_until(executor, lambda: got == [(1, 1)])
    node.destroy_subscription(subscription)
    spin_until(executor, lambda: got == [(1, 1), (0, -1)])


def test_qos_is_overridden_by_parameters() -> None:
    prefix = 'qos_overrides./robot/image.subscription'
    args = ['--ros-args', '-r', '__ns:=/robot', '-p', f'{prefix}.reliability:=best_effort']
    args += ['-p', f'{prefix}.depth:=3']
    with context(args) as inside:
        node = Node('tested', context=inside)
        options = QoSOverridingOptions.with_default_policies()
        node.create_subscription(String, 'image', print, RELIABLE, qos_overriding_options=options)
        wait_until(lambda: node.get_subscriptions_info_by_topic('image'))
        (info,) = node.get_subscriptions_info_by_topic('image')
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        if STANDALONE:
            assert info.qos_profile.depth == 3
        assert node.describe_parameter(f'{prefix}.history').read_only
        change = Parameter(f'{prefix}.depth', value=4)
        assert not node.set_parameters([change])[0].successful
        node.destroy_node()


def test_parameters_are_reached_by_services(node: Any, executor: Any) -> None:
    node.declare_parameter('rate', 2.5)

    def ask(kind: Any, name: str, **fields: Any) -> Any:
        client = node.create_client(kind, f'/tested/{name}')
        assert client.wait_for_service(timeout_sec=20)
        future = client.call_async(kind.Request(**fields))
        spin_until(executor, future.done)
        return future.result()

    assert 'rate' in ask(ListParameters, 'list_parameters').result.names
    change = [Parameter('rate', value=5.0).to_parameter_msg()]
    assert ask(SetParameters, 'set_parameters', parameters=change).results[0].successful
    assert node.get_parameter('rate').value == 5.0
    (value,) = ask(GetParameters, 'get_parameters', names=['rate']).values
    assert value.double_value == 5.0
    quiet = Node('quiet', context=node.context, start_parameter_services=False)
    assert node.count_services('/quiet/get_parameters') == 0
    quiet.destroy_node()


def test_changes_of_parameters_are_published(node: Any, executor: Any) -> None:
    got: list[Any] = []
    node.create_subscription(ParameterEvent, '/parameter_events', got.append, 10)
    (publisher,) = [item for item in node.publishers if item.topic_name == '/parameter_events']
    wait_until(publisher.get_subscription_count)
    node.declare_parameter('rate', 1)
    node.set_parameters([Parameter('rate', value=2)])
    spin_until(executor, lambda: len(got) == 2)
    assert got[0].node == '/tested'
    assert got[0].stamp.sec > 0
    assert [item.name for item in got[0].new_parameters] == ['rate']
    assert got[1].changed_parameters[0].value.integer_value == 2


def test_what_is_logged_is_published(node: Any, executor: Any) -> None:
    got: list[Any] = []
    node.get_logger().info('before anybody listens')
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(Log, '/rosout', got.append, latched)
    node.get_logger().error('after')
    node.get_logger().debug('too little to tell')
    spin_until(executor, lambda: len(got) >= 2)
    assert [(item.name, item.msg) for item in got] == [
        ('tested', 'before anybody listens'),
        ('tested', 'after'),
    ]
    assert (got[1].level, got[1].stamp.sec > 0) == (40, True)
    quiet = Node('quiet', context=node.context, enable_rosout=False)
    wait_until(lambda: node.count_publishers('/rosout') == 1)
    quiet.destroy_node()


@pytest.mark.skipif(not STANDALONE, reason='looks inside')
def test_a_destroyed_node_can_do_nothing(inside: Any, capfd: Any) -> None:
    from rclpy.exceptions import InvalidHandle

    node = Node('tested', context=inside)
    publisher = node.create_publisher(String, 'words', 1)
    node.create_subscription(String, 'words', print, 1)
    node.destroy_node()
    node.destroy_node()
    with pytest.raises(InvalidHandle, match='publisher of /words was destroyed'):
        publisher.publish(String())
    assert publisher.get_subscription_count() == 0
    node.get_logger().info('still on the screen')
    assert 'still on the screen' in capfd.readouterr().err
    watching = Node('watching', context=inside)
    assert watching.get_node_names() == ['watching']
    assert watching.get_topic_names_and_types() == [
        ('/parameter_events', ['rcl_interfaces/msg/ParameterEvent']),
        ('/rosout', ['rcl_interfaces/msg/Log']),
    ]
    late = watching.create_publisher(String, 'words', 1)
    inside.try_shutdown()
    with pytest.raises(RuntimeError, match='after shutdown'):
        late.publish(String())
    watching.get_logger().info('shut down')
    watching.destroy_node()


@pytest.mark.skipif(not STANDALONE, reason='looks inside')
def test_a_forgotten_node_is_destroyed(inside: Any) -> None:
    watching = Node('watching', context=inside)
    node = Node('forgotten', context=inside)
    node.create_timer(1.0, node.get_name)
    executor = SingleThreadedExecutor(context=inside)
    executor.add_node(node)
    executor.spin_once(timeout_sec=0)
    executor.remove_node(node)
    assert 'forgotten' in watching.get_node_names()
    del node
    executor.spin_once(timeout_sec=0)
    gc.collect()
    assert watching.get_node_names() == ['watching']
    executor.shutdown()
    watching.destroy_node()


@pytest.mark.skipif(not STANDALONE, reason='looks inside')
def test_nodes_come_and_go_without_traces() -> None:
    def count(what: str) -> int:
        return len(list(Path('/proc/self', what).iterdir()))

    def work() -> tuple[int, int]:
        for _ in range(5):
            with context() as made:
                node = Node('tested', context=made)
                executor = SingleThreadedExecutor(context=made)
                executor.add_node(node)
                for _ in range(10):
                    publisher = node.create_publisher(String, 'words', 1)
                    subscription = node.create_subscription(String, 'words', print, 1)
                    executor.spin_once(timeout_sec=0)
                    node.destroy_publisher(publisher)
                    node.destroy_subscription(subscription)
                node.destroy_node()
        gc.collect()
        return count('fd'), count('task')

    before = work()
    assert work() == before
