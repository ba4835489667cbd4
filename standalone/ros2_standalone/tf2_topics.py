# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`tf2_ros`: transforms heard on /tf and /tf_static, and sent there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .messages import message_class
from .qos import DurabilityPolicy, QoSProfile
from .tf2 import Buffer

TF_TOPIC, TF_STATIC_TOPIC = '/tf', '/tf_static'
LATCHED = DurabilityPolicy.TRANSIENT_LOCAL


class TransformListener:
    """Fills a buffer from /tf and /tf_static, while the node is spun."""

    def __init__(
        self,
        buffer: Buffer,
        node: Any,
        *,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
        tf_topic: str = TF_TOPIC,
        tf_static_topic: str = TF_STATIC_TOPIC,
    ) -> None:
        self.buffer = buffer
        self.node = node
        message = message_class('tf2_msgs/msg/TFMessage')
        plain, latched = QoSProfile(depth=100), QoSProfile(depth=100, durability=LATCHED)
        self.tf_sub: Any = node.create_subscription(
            message, tf_topic, self.callback, plain if qos is None else qos
        )
        self.tf_static_sub: Any = node.create_subscription(
            message,
            tf_static_topic,
            self.static_callback,
            latched if static_qos is None else static_qos,
        )

    def unregister(self) -> None:
        """Stop listening; again and again does no harm."""
        for subscription in filter(None, (self.tf_sub, self.tf_static_sub)):
            self.node.destroy_subscription(subscription)
        self.tf_sub = self.tf_static_sub = None

    def callback(self, data: Any) -> None:
        """Take a TFMessage of /tf."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, 'default_authority')

    def static_callback(self, data: Any) -> None:
        """Take a TFMessage of /tf_static."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, 'default_authority')


class TransformBroadcaster:
    """Sends transforms that change on /tf."""

    def __init__(self, node: Any, qos: QoSProfile | int | None = None) -> None:
        self.pub_tf = _publisher(node, TF_TOPIC, QoSProfile(depth=100) if qos is None else qos)

    def sendTransform(self, transform: Any) -> None:  # noqa: N802 (tf2's name)
        """Send a TransformStamped, or several."""
        self.pub_tf.publish(self.pub_tf.msg_type(transforms=_as_list(transform)))


class StaticTransformBroadcaster:
    """Sends transforms that hold for all times on /tf_static, also to who joins later."""

    def __init__(self, node: Any, qos: QoSProfile | int | None = None) -> None:
        latched = QoSProfile(depth=1, durability=LATCHED)
        self.pub_tf = _publisher(node, TF_STATIC_TOPIC, latched if qos is None else qos)
        self._sent: dict[str, Any] = {}

    def sendTransform(self, transform: Any) -> None:  # noqa: N802 (tf2's name)
        """Send a TransformStamped, or several, with all that were sent before.

        Who joins later hears only the last message, so each holds everything.
        """
        self._sent |= {stamped.child_frame_id: stamped for stamped in _as_list(transform)}
        self.pub_tf.publish(self.pub_tf.msg_type(transforms=list(self._sent.values())))


def _publisher(node: Any, topic: str, qos: QoSProfile | int) -> Any:
    return node.create_publisher(message_class('tf2_msgs/msg/TFMessage'), topic, qos)


def _as_list(transform: Any) -> list[Any]:
    return list(transform) if isinstance(transform, Iterable) else [transform]
