# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from transport import STANDALONE, context, spin_until, wait_until

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
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

NODE = 'tested'


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
