# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`tf2_ros`: transforms heard on /tf and /tf_static, and sent there."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .callback_groups import ReentrantCallbackGroup
from .messages import message_class
from .qos import DurabilityPolicy, QoSProfile
from .tf2 import Buffer

TF_TOPIC, TF_STATIC_TOPIC = '/tf', '/tf_static'


class TransformListener:
    """Fills a buffer from /tf and /tf_static.

    With spin_thread the node is spun in a thread of its own, so that lookups may wait.
    """

    def __init__(
        self,
        buffer: Buffer,
        node: Any,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
        tf_topic: str = TF_TOPIC,
        tf_static_topic: str = TF_STATIC_TOPIC,
    ) -> None:
        self.buffer = buffer
        self.node = node
        # A callback that waits for a transform must not keep these from running.
        self.group = ReentrantCallbackGroup()
        message = message_class('tf2_msgs/msg/TFMessage')
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.tf_sub: Any = node.create_subscription(
            message,
            tf_topic,
            self.callback,
            QoSProfile(depth=100) if qos is None else qos,
            callback_group=self.group,
        )
        self.tf_static_sub: Any = node.create_subscription(
            message,
            tf_static_topic,
            self.static_callback,
            latched if static_qos is None else static_qos,
            callback_group=self.group,
        )
        self.executor: Any = None
        if spin_thread:
            self._spin_in_thread()

    def _spin_in_thread(self) -> None:
        from .executors import SingleThreadedExecutor

        self.executor = SingleThreadedExecutor(context=self.node.context)
        self.executor.add_node(self.node)
        self.dedicated_listener_thread = threading.Thread(
            target=_spin, args=(self.executor,), daemon=True
        )
        self.dedicated_listener_thread.start()

    def unregister(self) -> None:
        """Stop listening; again and again does no harm."""
        executor, self.executor = self.executor, None
        if executor is not None:
            executor.shutdown()
            self.dedicated_listener_thread.join()
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


def _spin(executor: Any) -> None:
    from .executors import ExternalShutdownException

    with suppress(ExternalShutdownException):  # the process ends
        executor.spin()


class TransformBroadcaster:
    """Sends transforms that change on /tf."""

    def __init__(self, node: Any, qos: QoSProfile | int | None = None) -> None:
        profile = QoSProfile(depth=100) if qos is None else qos
        self.pub_tf = node.create_publisher(
            message_class('tf2_msgs/msg/TFMessage'), TF_TOPIC, profile
        )

    def sendTransform(self, transform: Any) -> None:  # noqa: N802 (tf2's name)
        """Send a TransformStamped, or several."""
        message = message_class('tf2_msgs/msg/TFMessage')
        self.pub_tf.publish(message(transforms=_as_list(transform)))


class StaticTransformBroadcaster:
    """Sends transforms that hold for all times on /tf_static, also to who joins later."""

    def __init__(self, node: Any, qos: QoSProfile | int | None = None) -> None:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.pub_tf = node.create_publisher(
            message_class('tf2_msgs/msg/TFMessage'),
            TF_STATIC_TOPIC,
            latched if qos is None else qos,
        )
        self._sent: dict[str, Any] = {}

    def sendTransform(self, transform: Any) -> None:  # noqa: N802 (tf2's name)
        """Send a TransformStamped, or several, with all that were sent before.

        Who joins later hears only the last message, so each holds everything.
        """
        for stamped in _as_list(transform):
            self._sent[stamped.child_frame_id] = stamped
        message = message_class('tf2_msgs/msg/TFMessage')
        self.pub_tf.publish(message(transforms=list(self._sent.values())))


def _as_list(transform: Any) -> list[Any]:
    return list(transform) if isinstance(transform, Iterable) else [transform]
