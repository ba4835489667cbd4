# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS graph; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

from typing import Any

import pytest
from transport import STANDALONE, context, process, wait_until

# isort: split

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import Trigger

NODE = 'watching'
OTHER = """
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import Trigger
rclpy.init(args=[])
node = Node('camera', namespace='front')
profile = QoSProfile(depth=3, reliability=ReliabilityPolicy.BEST_EFFORT)
image = node.create_publisher(String, 'image', profile)
node.create_subscription(String, 'speed', print, profile)
node.create_service(Trigger, 'reset', lambda request, response: response)
node.create_client(Trigger, '/ask')
second = Node('second')
print('ready', flush=True)
while input() == 'destroy':
    node.destroy_publisher(image)
    second.destroy_node()
    print('ready', flush=True)
node.destroy_node()
rclpy.try_shutdown()
"""


def test_a_node_of_another_process_is_seen_with_all_it_has(node: Any) -> None:
    with process(OTHER) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == 'ready\n'
        names = {('watching', '/'), ('camera', '/front'), ('second', '/')}
        wait_until(lambda: set(node.get_node_names_and_namespaces()) == names, 'nodes')
        wait_until(lambda: node.count_publishers('/front/image') == 1, 'publisher')
        wait_until(
            lambda: node.get_publishers_info_by_topic('/front/image')[0].node_name[0] != '_'
        )
        (info,) = node.get_publishers_info_by_topic('/front/image')
        assert (info.node_name, info.node_namespace) == ('camera', '/front')
        assert info.topic_type == 'std_msgs/msg/String'
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        assert 'df668c740482bbd48fb39d76a70dfd4b' in str(info.topic_type_hash)
        assert len(info.endpoint_gid) in (16, 24)
        assert node.get_subscriptions_info_by_topic('/front/image') == []
        wait_until(lambda: node.count_subscribers('/front/speed') == 1, 'subscription')
        services = dict(node.get_service_names_and_types())
        assert services['/front/reset'] == services['/ask'] == ['std_srvs/srv/Trigger']

        other.stdin.write('destroy\n')
        other.stdin.flush()
        assert other.stdout.readline() == 'ready\n'
        wait_until(lambda: node.count_publishers('/front/image') == 0, 'publisher to go')
        wait_until(lambda: 'second' not in node.get_node_names(), 'node to go')

        other.stdin.write('end\n')
        other.stdin.flush()
        wait_until(lambda: node.get_node_names() == ['watching'], 'all to go')
        assert '/front/reset' not in dict(node.get_service_names_and_types())


def test_topics_and_services_are_told_apart(node: Any) -> None:
    node.create_publisher(String, '~/words', 1)
    node.create_subscription(String, '/heard', print, 1)
    node.create_service(Trigger, '~/reset', lambda request, response: response)
    wait_until(lambda: node.count_publishers('~/words') and node.count_services('~/reset'))
    wait_until(lambda: node.count_subscribers('/heard'))
    topics = dict(node.get_topic_names_and_types())
    assert topics['/watching/words'] == topics['/heard'] == ['std_msgs/msg/String']
    assert not [name for name in topics if 'reset' in name or 'discovery' in name]
    services = dict(node.get_service_names_and_types())
    assert services['/watching/reset'] == ['std_srvs/srv/Trigger']
    assert not [name for name in services if 'words' in name]


def test_a_remapped_topic_is_found_by_its_old_name() -> None:
    with context(['--ros-args', '-r', 'image:=/camera/image']) as inside:
        node = Node('watching', context=inside)
        node.create_publisher(String, 'image', 1)
        wait_until(lambda: len(node.get_publishers_info_by_topic('image')) == 1)
        assert node.count_publishers('image') == 0  # as rclpy says: not remapped
        assert node.count_publishers('/camera/image') == 1
        node.destroy_node()


@pytest.mark.skipif(not STANDALONE, reason='looks inside')
def test_two_nodes_share_a_participant() -> None:
    with context() as inside:
        nodes = [Node(name, context=inside) for name in ('one', 'two')]
        profile = QoSProfile(depth=1)
        infos = []
        for made in nodes:
            made.create_publisher(String, '~/words', profile)
            infos += made.get_publishers_info_by_topic('~/words')
        assert [info.node_name for info in infos] == ['one', 'two']
        assert bytes(infos[0].endpoint_gid)[:12] == bytes(infos[1].endpoint_gid)[:12]
        for made in nodes:
            made.destroy_node()
