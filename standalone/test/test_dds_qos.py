# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from ros2_standalone.dds import Reader, Writer
from ros2_standalone.dds_qos import policy_kind
from ros2_standalone.discovery import Graph
from ros2_standalone.exceptions import RCLError
from ros2_standalone.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from ros2_standalone.time import Duration
from transport import wait_until

STRING = 'std_msgs/msg/String'

PROFILES = [
    QoSProfile(depth=7),
    QoSProfile(
        depth=3,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        deadline=Duration(seconds=2),
        lifespan=Duration(seconds=5),
    ),
    QoSProfile(
        history=HistoryPolicy.KEEP_ALL,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
        liveliness_lease_duration=Duration(seconds=3),
    ),
]


@pytest.mark.parametrize('profile', PROFILES)
def test_a_profile_is_seen_by_others(pair: Any, profile: QoSProfile) -> None:
    Writer(pair[0], 'rt/topic', STRING, profile)
    graph = Graph(pair[1])

    def found() -> list[Any]:
        return [each for each in graph.endpoints() if each.topic == 'rt/topic']

    wait_until(found)
    seen = found()[0].profile
    assert (seen.reliability, seen.durability) == (profile.reliability, profile.durability)
    for name in ('deadline', 'lifespan', 'liveliness_lease_duration'):
        infinite = Duration(nanoseconds=2**63 - 1)
        assert getattr(seen, name) in (getattr(profile, name), infinite)
        assert (getattr(seen, name) == infinite) == (getattr(profile, name) == Duration())
    manual = LivelinessPolicy.MANUAL_BY_TOPIC
    assert (seen.liveliness == manual) == (profile.liveliness == manual)
    if profile.history == HistoryPolicy.KEEP_LAST:
        assert seen.depth == profile.depth


def test_an_unknown_policy_is_refused(pair: Any) -> None:
    unknown = QoSProfile(depth=1, reliability=ReliabilityPolicy.UNKNOWN)
    with pytest.raises(RCLError, match='unknown reliability'):
        Writer(pair[0], 'rt/topic', STRING, unknown)


def test_incompatible_qos_is_told_with_its_policy(pair: Any) -> None:
    weak = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    writer = Writer(pair[0], 'rt/topic', STRING, weak)
    reader = Reader(pair[1], 'rt/topic', STRING, QoSProfile(depth=1))
    for endpoint in (writer, reader):
        wait_until(lambda: endpoint.take_incompatible_qos().total_count)  # noqa: B023
        status = endpoint.take_incompatible_qos()
        assert (status.total_count, status.total_count_change) == (1, 0)
        assert policy_kind(status.last_policy_id) == QoSPolicyKind.RELIABILITY
    assert policy_kind(10) == QoSPolicyKind.INVALID  # DDS has more policies than ROS
