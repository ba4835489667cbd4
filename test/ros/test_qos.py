# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""QoS: what is offered and asked for, overridden, and what happens where it does not fit."""

from __future__ import annotations

from typing import Any

import live
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.node import BaseNode
from mdepth_ros.ros.qos import Endpoints, input_qos, latched_qos, output_qos

# isort: split
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy
from std_msgs.msg import String


class Talker(BaseNode):
    """One input and two outputs."""

    def __init__(self, **options: Any) -> None:
        super().__init__('talker', **options)
        self.endpoints = Endpoints(self)
        self.heard: list[Any] = []
        self.output = self.endpoints.publisher(String, 'output')
        self.latched = self.endpoints.publisher(String, '~/latched', latched_qos)
        self.input = self.endpoints.subscription(String, 'input', self.heard.append)


def text(word: str) -> Any:
    return String(data=word)


def test_the_profiles() -> None:
    asked, offered, latched = input_qos(), output_qos(), latched_qos()
    assert asked.history == offered.history == latched.history == HistoryPolicy.KEEP_LAST
    assert asked.reliability == ReliabilityPolicy.BEST_EFFORT and asked.depth == 1
    assert offered.reliability == latched.reliability == ReliabilityPolicy.RELIABLE
    assert asked.durability == offered.durability == DurabilityPolicy.VOLATILE
    assert latched.durability == DurabilityPolicy.TRANSIENT_LOCAL and latched.depth == 1
    # Overrides change a profile in place: nobody may share one.
    assert input_qos() is not input_qos()


@pytest.mark.parametrize('reliable', [True, False])
def test_inputs_and_outputs_fit_both_kinds_of_peer(reliable: bool) -> None:
    with live.live(Talker) as running:
        profile = live.qos(reliable)
        got = running.listen(String, '/output', profile)
        publisher = running.publisher(String, '/input', profile)
        running.connect('/input')
        running.until(running.node.output.get_subscription_count, 'a subscriber')

        def both() -> bool:
            publisher.publish(text('in'))
            running.node.output.publish(text('out'))
            return bool(got and running.node.heard)

        running.until(both, 'messages both ways')
        assert running.node.endpoints.incompatible() == []


def test_a_late_subscriber_gets_what_is_latched() -> None:
    with live.live(Talker) as running:
        for word in ('old', 'new'):
            running.node.latched.publish(text(word))
        got = running.listen(String, '/talker/latched', live.qos(latched=True))
        running.until(lambda: got, 'the latched message')
        assert [message.data for message in got] == ['new']


def test_every_topic_can_be_overridden() -> None:
    values = {
        'qos_overrides./output.publisher.reliability': 'best_effort',
        'qos_overrides./output.publisher.depth': 3,
        'qos_overrides./input.subscription.reliability': 'reliable',
    }
    with live.live(Talker, **values) as running:
        peer, node = running.peer, running.node
        assert node.output.qos_profile.depth == 3
        running.until(lambda: peer.count_publishers('/output'), 'the publisher')
        (info,) = peer.get_publishers_info_by_topic('/output')
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        (info,) = peer.get_subscriptions_info_by_topic('/input')
        assert info.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        assert node.get_parameter('qos_overrides./talker/latched.publisher.depth').value == 1
    assert output_qos().depth == 5


def test_an_override_that_cannot_be_is_one_line() -> None:
    values = {'qos_overrides./input.subscription.reliability': 'relaible'}
    with (
        pytest.raises(MdepthError, match=r'qos_overrides\./input cannot be used'),
        live.live(Talker, **values),
    ):
        pass


def test_an_incompatible_publisher_is_named_with_its_policy_until_it_goes() -> None:
    values = {'qos_overrides./input.subscription.reliability': 'reliable'}
    with live.live(Talker, **values) as running:
        endpoints = running.node.endpoints
        publisher = running.publisher(String, '/input', live.qos(reliable=False))
        running.until(endpoints.incompatible, 'the event')
        (found,) = endpoints.incompatible()
        assert (found.topic, found.policy, found.peers) == ('/input', 'reliability', 1)
        assert str(found) == '/input: incompatible QoS, policy reliability'
        running.peer.destroy_publisher(publisher)
        running.until(lambda: not endpoints.incompatible(), 'the end of it')


def test_an_incompatible_subscriber_is_named_with_its_policy() -> None:
    with live.live(Talker) as running:
        endpoints = running.node.endpoints
        running.listen(String, '/output', live.qos(latched=True))
        running.until(endpoints.incompatible, 'the event')
        (found,) = endpoints.incompatible()
        assert (found.topic, found.policy) == ('/output', 'durability')
