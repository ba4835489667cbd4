# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.event_handler` (Iron and later), `rclpy.qos_event` (Humble): QoS that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class IncompatibleQoSInfo(NamedTuple):
    """Peers that can't be talked to; last_policy_kind is a QoSPolicyKind."""

    total_count: int
    total_count_change: int
    last_policy_kind: int


QoSRequestedIncompatibleQoSInfo = QoSOfferedIncompatibleQoSInfo = IncompatibleQoSInfo


@dataclass
class EventCallbacks:
    """use_default_callbacks: what has no callback is at least logged."""

    incompatible_qos: Callable[[Any], None] | None = None
    use_default_callbacks: bool = True


PublisherEventCallbacks = SubscriptionEventCallbacks = EventCallbacks
