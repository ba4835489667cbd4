# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

from typing import Any

import pytest
from transport import STANDALONE, context, spin_until, wait_until

# isort: split

from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Int32, String

NODE = 'tested'
RELIABLE = QoSProfile(depth=10)


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
