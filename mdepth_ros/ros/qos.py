# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""QoS of every topic: chosen here, changed by parameters; an incompatible peer is logged.

Inputs ask for best effort and keep the last message only: they fit every publisher, and an old
image is of no use. Outputs offer reliable and volatile: they fit every subscriber but one that
wants messages from before it subscribed (REP-2003; ROS 2 documentation, QoS compatibilities).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from rclpy.exceptions import ParameterException
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from mdepth_ros.errors import MdepthError, shown

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

Profile = Callable[[], Any]
OVERRIDES = 'qos_overrides.'
OVERRIDABLE = ('reliability', 'history', 'depth')


def _profile(reliability: str, durability: str, depth: int) -> Profile:
    """What makes a profile: each endpoint has its own, which parameters may change."""
    return lambda: QoSProfile(
        reliability=ReliabilityPolicy[reliability],
        durability=DurabilityPolicy[durability],
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
    )


# For images and what belongs to them.
input_qos = _profile('BEST_EFFORT', 'VOLATILE', 1)
# For small messages of which every one counts.
series_qos = _profile('BEST_EFFORT', 'VOLATILE', 50)
# For what the node publishes.
output_qos = _profile('RELIABLE', 'VOLATILE', 5)
# As tf2's broadcaster offers it.
tf_qos = _profile('RELIABLE', 'VOLATILE', 100)
# Late subscribers get the last message.
latched_qos = _profile('RELIABLE', 'TRANSIENT_LOCAL', 1)


class Incompatible(NamedTuple):
    """A topic with a peer that asks for another QoS than there is."""

    topic: str
    policy: str
    peers: int  # so far

    def __str__(self) -> str:
        return f'{self.topic}: incompatible QoS, policy {self.policy}'


class Endpoints:
    """Makes the publishers and subscriptions of a node.

    Each has the parameters `qos_overrides.<topic>.<publisher|subscription>.<policy>` for history,
    depth and reliability. A peer with incompatible QoS is logged, and listed by `incompatible`.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._incompatible: dict[Any, Incompatible] = {}  # by publisher or subscription

    def publisher(self, kind: Any, topic: str, profile: Profile = output_qos) -> Any:
        """Publisher of messages of a class; raises MdepthError for an override that is wrong."""

        def create(**options: Any) -> Any:
            return self._node.create_publisher(kind, topic, profile(), **options)

        return self._create(create, PublisherEventCallbacks, topic)

    def subscription(
        self, kind: Any, topic: str, callback: Callable[[Any], None], profile: Profile = input_qos
    ) -> Any:
        """Subscription to messages of a class; raises as `publisher` does."""

        def create(**options: Any) -> Any:
            return self._node.create_subscription(kind, topic, callback, profile(), **options)

        return self._create(create, SubscriptionEventCallbacks, topic)

    def unsubscribe(self, subscription: Any) -> None:
        """Destroy a subscription."""
        self._incompatible.pop(subscription, None)
        self._node.destroy_subscription(subscription)

    def warn_of_others(self, topic: str, places: Collection[str]) -> None:
        """Say which overrides have no effect, once: those of an input's other possible topics."""
        given = [name for name in self._node.given if name.startswith(OVERRIDES)]
        if any(name.split('.')[1] == topic for name in given):
            return
        for name in given:
            other = name.split('.')[1]
            if other in places and other != topic:
                instead = name.replace(other, topic, 1)
                self._node.warn_once(
                    f'{name} has no effect, because {topic} is listened to: set {instead}'
                )

    def _create(self, create: Any, callbacks: Any, name: str) -> Any:
        topic = self._node.resolve_topic_name(name)
        publishes = callbacks is PublisherEventCallbacks
        made: list[Any] = []

        def remember(event: Any) -> None:
            policy = QoSPolicyKind(int(event.last_policy_kind)).name.lower()
            found = Incompatible(topic, policy, int(event.total_count))
            self._incompatible[made[0]] = found
            self._warn(found, publishes)

        options = {'qos_overriding_options': QoSOverridingOptions.with_default_policies()}
        try:
            try:
                made.append(
                    create(event_callbacks=callbacks(incompatible_qos=remember), **options)
                )
            except UnsupportedEventTypeError:  # middleware to which every QoS is compatible
                made.append(create(**options))
        except (RuntimeError, ParameterException, ValueError) as error:
            # rclpy says RuntimeError for `reliability: relaible`.
            raise MdepthError(f'qos_overrides.{topic} cannot be used: {error}') from error
        return made[0]

    def _warn(self, found: Incompatible, publishes: bool) -> None:
        peer, ours = ('subscriber', 'publisher') if publishes else ('publisher', 'subscription')
        remedy = f'change it at the {peer}'
        if found.policy in OVERRIDABLE:
            remedy += f', or set qos_overrides.{found.topic}.{ours}.{found.policy}'
        self._node.get_logger().warning(shown(f'{found}, of a {peer}: no messages pass; {remedy}'))

    def incompatible(self) -> list[Incompatible]:
        """Topics that have a peer with incompatible QoS now."""
        return [
            found
            for endpoint, found in self._incompatible.items()
            if self._still(found.topic, endpoint.qos_profile, hasattr(endpoint, 'publish'))
        ]

    def _still(self, topic: str, ours: Any, publishes: bool) -> bool:
        peers = (
            self._node.get_subscriptions_info_by_topic(topic)
            if publishes
            else self._node.get_publishers_info_by_topic(topic)
        )
        for peer in peers:
            offered, asked = (ours, peer.qos_profile) if publishes else (peer.qos_profile, ours)
            if qos_check_compatible(offered, asked)[0] == QoSCompatibility.ERROR:
                return True
        return False
