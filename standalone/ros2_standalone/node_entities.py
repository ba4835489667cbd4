# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node makes and destroys: publishers, subscriptions, timers, services, clients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .clock import Clock, ROSClock
from .context import Context
from .events import EventCallbacks
from .logging import Logger
from .names import resolve
from .node_graph import NodeGraph
from .qos import QoSProfile, qos_profile_services_default
from .qos_overrides import QoSOverridingOptions, declare_overrides
from .services import Client, Service
from .timers import Timer
from .topics import Publisher, Subscription
from .waiting import Waitable

Owned = TypeVar('Owned')


class NodeEntities(NodeGraph):
    """Part of Node; the arguments are those of rclpy's. In one thread callback groups say nothing.

    Raises InvalidTopicNameException and InvalidServiceNameException for names that are not valid.
    """

    _context: Context
    _logger: Logger
    _clock: ROSClock
    _owned: list[Any]
    _executor: Callable[[], Any]

    @property
    def executor(self) -> Any:
        """The executor that takes care of it, if any."""
        return self._executor()

    @executor.setter
    def executor(self, executor: Any) -> None:
        current = self._executor()
        if current is executor:
            return
        if current is not None:
            current.remove_node(self)
        self._executor = (lambda: None) if executor is None else weakref.ref(executor)
        if executor is not None:
            executor.add_node(self)

    @property
    def publishers(self) -> Iterator[Publisher]:
        """Its publishers."""
        return (item for item in self._owned if isinstance(item, Publisher))

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """Its subscriptions."""
        return (item for item in self._owned if isinstance(item, Subscription))

    @property
    def timers(self) -> Iterator[Timer]:
        """Its timers."""
        return (item for item in self._owned if isinstance(item, Timer))

    @property
    def waitables(self) -> list[Waitable]:
        """All that calls back, in the order in which an executor lets it."""
        owned = list(self._owned)
        kinds = (Timer, Subscription, Client, Service)
        found = [item for kind in kinds for item in owned if isinstance(item, kind)]
        return found + [each for item in owned for each in getattr(item, 'event_handlers', ())]

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Full name of a topic as the node calls it; only_expand: without remapping."""
        rules = [] if only_expand else self._rules
        return resolve(topic, rules, self._name, self._namespace, 'topic')

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """Full name of a service as the node calls it; only_expand: without remapping."""
        rules = [] if only_expand else self._rules
        return resolve(service, rules, self._name, self._namespace, 'service')

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: Any = None,
        event_callbacks: EventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
    ) -> Publisher:
        """A publisher; qos_profile: a profile, or the depth of the default one."""
        name = self.resolve_topic_name(topic)
        publisher = Publisher(
            self._context,
            msg_type,
            name,
            self._profile('publisher', name, qos_profile, qos_overriding_options),
            event_callbacks=event_callbacks,
            logger=self._logger,
        )
        return self._own(publisher)

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: Any = None,
        event_callbacks: EventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription:
        """A subscription; raw: the callback gets the serialised message (bytes)."""
        name = self.resolve_topic_name(topic)
        subscription = Subscription(
            self._context,
            msg_type,
            name,
            callback,
            self._profile('subscription', name, qos_profile, qos_overriding_options),
            raw=raw,
            event_callbacks=event_callbacks,
            logger=self._logger,
        )
        return self._own(subscription)

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: Any = None,
    ) -> Service:
        """A service that answers with what the callback makes of (request, response)."""
        name = self.resolve_service_name(srv_name)
        service = Service(self._context, srv_type, name, callback, qos_profile, self._logger)
        return self._own(service)

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: Any = None,
    ) -> Client:
        """A client of a service."""
        name = self.resolve_service_name(srv_name)
        return self._own(Client(self._context, srv_type, name, qos_profile))

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any] | None,
        callback_group: Any = None,
        clock: Clock | None = None,
    ) -> Timer:
        """A timer on the node's clock, or on another."""
        period, clock = int(float(timer_period_sec) * 1e9), clock or self._clock
        wake = weakref.WeakMethod(self._wake_executor)
        return self._own(Timer(callback, period, clock, wake=lambda: _call(wake)))

    def destroy_publisher(self, entity: Any, /) -> bool:
        """Delete what a create_... method made; False where it is not this node's."""
        if entity not in self._owned:
            return False
        self._owned = [kept for kept in self._owned if kept is not entity]
        entity.destroy()
        self._changed(entity)
        return True

    destroy_subscription = destroy_client = destroy_service = destroy_timer = destroy_publisher

    def _own(self, item: Owned) -> Owned:
        self._owned = [*self._owned, item]
        self._changed(item)
        return item

    def _changed(self, item: Any) -> None:
        if hasattr(item, 'endpoints'):
            self._graph.announce()
        if self.executor is not None:
            self.executor.changed()

    def _wake_executor(self) -> None:
        if self.executor is not None:
            self.executor.wake()

    def _profile(
        self, kind: str, topic: str, given: QoSProfile | int, options: QoSOverridingOptions | None
    ) -> QoSProfile:
        profile = given if isinstance(given, QoSProfile) else QoSProfile(depth=given)
        if options is None:
            return profile
        return declare_overrides(self, kind, topic, profile, options)


def _call(reference: weakref.WeakMethod[Callable[[], None]]) -> None:
    function = reference()
    if function is not None:
        function()
