# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.event_handler` (Iron and later), `rclpy.qos_event` (Humble): QoS that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class QoSRequestedIncompatibleQoSInfo(NamedTuple):
    """Publishers that a subscription can't hear; last_policy_kind is a QoSPolicyKind."""

    total_count: int
    total_count_change: int
    last_policy_kind: int


class QoSOfferedIncompatibleQoSInfo(NamedTuple):
    """Subscriptions that can't hear a publisher; last_policy_kind is a QoSPolicyKind."""

    total_count: int
    total_count_change: int
    last_policy_kind: int


Callback = Callable[[Any], None]


@dataclass
class SubscriptionEventCallbacks:
    """Callbacks of a subscription; use_default_callbacks: incompatible QoS is at least logged."""

    incompatible_qos: Callback | None = None
    use_default_callbacks: bool = True


@dataclass
class PublisherEventCallbacks:
    """Callbacks of a publisher; use_default_callbacks: incompatible QoS is at least logged."""

    incompatible_qos: Callback | None = None
    use_default_callbacks: bool = True
