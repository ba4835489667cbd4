# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Events of publishers and subscriptions; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

from typing import Any

import pytest
from transport import STANDALONE, spin_until

# isort: split

from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

NODE = 'tested'
RELIABLE = QoSProfile(depth=10)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


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
