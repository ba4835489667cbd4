# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.event_handler` (Iron and later), `rclpy.qos_event` (Humble): what the middleware reports.

The transport calls these callbacks; here are only their shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .exceptions import UnsupportedEventTypeError


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


class MatchedInfo(NamedTuple):
    """How many peers a publisher or subscription has now, and has had."""

    total_count: int
    total_count_change: int
    current_count: int
    current_count_change: int


QoSPublisherMatchedInfo = MatchedInfo
QoSSubscriptionMatchedInfo = MatchedInfo

Callback = Callable[[Any], None]


@dataclass
class SubscriptionEventCallbacks:
    """Callbacks of a subscription; use_default_callbacks: incompatible QoS is at least logged."""

    incompatible_qos: Callback | None = None
    matched: Callback | None = None
    use_default_callbacks: bool = True


@dataclass
class PublisherEventCallbacks:
    """Callbacks of a publisher; use_default_callbacks: incompatible QoS is at least logged."""

    incompatible_qos: Callback | None = None
    matched: Callback | None = None
    use_default_callbacks: bool = True


def public(module: str) -> dict[str, Any]:
    """The names of `rclpy.event_handler` and `rclpy.qos_event`."""
    return {
        'QoSRequestedIncompatibleQoSInfo': QoSRequestedIncompatibleQoSInfo,
        'QoSOfferedIncompatibleQoSInfo': QoSOfferedIncompatibleQoSInfo,
        'QoSPublisherMatchedInfo': QoSPublisherMatchedInfo,
        'QoSSubscriptionMatchedInfo': QoSSubscriptionMatchedInfo,
        'SubscriptionEventCallbacks': SubscriptionEventCallbacks,
        'PublisherEventCallbacks': PublisherEventCallbacks,
        'UnsupportedEventTypeError': UnsupportedEventTypeError,
    }
