# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.publisher` and `rclpy.subscription`."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

from .context import Context
from .cyclone import INFINITY
from .dds import Endpoint, Reader, Writer
from .dds_qos import policy_kind
from .events import EventCallbacks, IncompatibleQoSInfo
from .exceptions import InvalidHandle, RCLError
from .qos import QoSProfile
from .serialization import deserialize_message, serialize_message
from .time import Duration
from .waiting import Waitable
from .wire_types import type_hash


def dds_topic(name: str, profile: QoSProfile) -> str:
    """Name of a topic in DDS."""
    return name if profile.avoid_ros_namespace_conventions else f'rt{name}'


class EndpointEvents(Waitable):
    """Tells a callback of peers whose QoS does not fit."""

    def __init__(
        self, endpoint: Endpoint, callbacks: EventCallbacks | None, warn: Callable[[Any], None]
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        callbacks = callbacks or EventCallbacks()
        default = warn if callbacks.use_default_callbacks else None
        self._callback = callbacks.incompatible_qos or default
        endpoint.watch_incompatible_qos()

    @property
    def handles(self) -> tuple[int, ...]:
        """The endpoint itself, which wakes for its statuses."""
        return (self._endpoint.handle,)

    def execute(self) -> bool:
        """Call back for what has changed."""
        if self._destroyed:
            return False
        status = self._endpoint.take_incompatible_qos()
        if not status.total_count_change or self._callback is None:
            return False
        policy = policy_kind(status.last_policy_id)
        counts = status.total_count, status.total_count_change
        self._callback(IncompatibleQoSInfo(*counts, policy))
        return True


class Publisher:
    """Sends the messages of one topic; from any thread."""

    def __init__(
        self,
        context: Context,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile,
        *,
        event_callbacks: EventCallbacks | None = None,
        logger: Any = None,
    ) -> None:
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self._context = context
        self._logger = logger
        self._destroyed = False
        name = msg_type.__msgtype__
        user_data = f'typehash={type_hash(name)};'
        dds_name = dds_topic(topic, qos_profile)
        self._writer = Writer(context.participant, dds_name, name, qos_profile, user_data)
        self.event_handlers = [EndpointEvents(self._writer, event_callbacks, self._warn)]

    @property
    def topic_name(self) -> str:
        """Full name of the topic, after remapping."""
        return self.topic

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its DDS writer."""
        return (self._writer,)

    def publish(self, msg: Any) -> None:
        """Send a message, or one that is serialised already (bytes).

        Raises TypeError for another type, InvalidHandle after destroy(), RCLError after shutdown.
        """
        if isinstance(msg, self.msg_type):
            data = serialize_message(msg)
        elif isinstance(msg, (bytes, bytearray, memoryview)):
            data = bytes(msg)
        else:
            raise TypeError(f'Expected {self.msg_type}, got {type(msg)}')
        self._check()
        self._writer.write(data)

    def get_subscription_count(self) -> int:
        """How many subscriptions it has now; 0 when it is no longer usable."""
        return max(self._writer.count_matched(), 0)

    def wait_for_all_acked(self, timeout: Duration | None = None) -> bool:
        """Wait until all reliable subscriptions have everything; False where time ran out."""
        self._check()
        nanoseconds = INFINITY if timeout is None else timeout.nanoseconds
        return self._writer.wait_for_acks(nanoseconds)

    def _check(self) -> None:
        if self._destroyed:
            raise InvalidHandle(f'the publisher of {self.topic} was destroyed')
        if not self._context.ok():
            raise RCLError(f'the publisher of {self.topic} can not be used after shutdown')

    def _warn(self, info: Any) -> None:
        self._logger.warning(
            f"A subscription on topic '{self.topic}' asks for QoS that this publisher does not "
            f'offer. No messages will be sent to it. Last incompatible policy: '
            f'{info.last_policy_kind.name}'
        )

    def destroy(self) -> None:
        """Send no more; Node.destroy_publisher() also forgets it."""
        if not self._destroyed:
            self._destroyed = True
            for handler in self.event_handlers:
                handler.destroy()
            self._writer.delete()


class Subscription(Waitable):
    """Calls back with the messages of one topic."""

    def __init__(
        self,
        context: Context,
        msg_type: Any,
        topic: str,
        callback: Callable[..., Any],
        qos_profile: QoSProfile,
        *,
        raw: bool = False,
        event_callbacks: EventCallbacks | None = None,
        logger: Any = None,
    ) -> None:
        super().__init__()
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self.raw = raw
        self.callback = callback
        self._with_info = _wants_info(callback)
        self._logger = logger
        name = msg_type.__msgtype__
        user_data = f'typehash={type_hash(name)};'
        dds_name = dds_topic(topic, qos_profile)
        self._reader = Reader(context.participant, dds_name, name, qos_profile, user_data)
        self.event_handlers = [EndpointEvents(self._reader, event_callbacks, self._warn)]

    @property
    def topic_name(self) -> str:
        """Full name of the topic, after remapping."""
        return self.topic

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its DDS reader."""
        return (self._reader,)

    @property
    def handles(self) -> tuple[int, ...]:
        """The condition that messages wait."""
        return (self._reader.condition,)

    def get_publisher_count(self) -> int:
        """How many publishers it has now; 0 when it is no longer usable."""
        return 0 if self._destroyed else len(self._reader.matched_handles())

    def take(self) -> Callable[[], Any] | None:
        """Take the oldest message that waits, for the callback."""
        taken = None if self._destroyed else self._reader.take()
        if taken is None:
            return None
        data, info = taken
        message = data if self.raw else deserialize_message(data, self.msg_type)
        if not self._with_info:
            return lambda: self.callback(message)
        times = {
            'source_timestamp': info.source_timestamp,
            'received_timestamp': time.time_ns(),
        }
        return lambda: self.callback(message, times)

    def _warn(self, info: Any) -> None:
        self._logger.warning(
            f"A publisher on topic '{self.topic}' offers QoS that this subscription can not use. "
            f'No messages will be received from it. Last incompatible policy: '
            f'{info.last_policy_kind.name}'
        )

    def destroy(self) -> None:
        """Receive no more; Node.destroy_subscription() also forgets it."""
        if not self._destroyed:
            for handler in self.event_handlers:
                handler.destroy()
            self._reader.delete()
        super().destroy()


def _wants_info(callback: Callable[..., Any]) -> bool:
    """Whether a callback takes (message, info), not (message)."""
    signature = inspect.signature(callback)
    for arguments in (1, 2):
        try:
            signature.bind(*[None] * arguments)
            return arguments == 2
        except TypeError:
            continue
    raise RuntimeError('a subscription calls back with a message, or a message and its info')
