# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.node`: a node, with its publishers, subscriptions, timers, services and parameters."""

from __future__ import annotations

import weakref
from typing import Any

from .arguments import parse
from .clock import ROSClock
from .context import Context, get_default_context
from .dds import Endpoint
from .discovery import LocalNode
from .exceptions import NotInitializedException
from .logging import Logger, get_logger
from .messages import message_class
from .names import remap_node, validate_namespace, validate_node_name
from .node_entities import NodeEntities
from .parameter_services import parameter_service_handlers
from .parameter_store import ParameterStore
from .parameters import Parameter
from .qos import qos_profile_parameter_events, qos_profile_parameters
from .rosout import Rosout
from .time_source import TimeSource


class Node(NodeEntities, ParameterStore):
    """A node in the ROS graph; the arguments and methods are those of rclpy's.

    Raises NotInitializedException before init() and after shutdown(), InvalidNodeNameException,
    InvalidNamespaceException, and for `cli_args` what Context.init() raises.
    """

    _destroyed = True

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: list[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: list[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        self._context = get_default_context() if context is None else context
        if not self._context.ok():
            raise NotInitializedException('cannot create node')
        arguments = [self._context.arguments] if use_global_arguments else []
        local = parse(['--ros-args', *cli_args]) if cli_args else None
        self._rules = [rule for each in (local, *arguments) if each for rule in each.remaps]
        self._name, self._namespace = remap_node(node_name, namespace or '', self._rules)
        validate_node_name(self._name)
        validate_namespace(self._namespace)
        overrides: dict[str, Parameter] = {}
        for each in (*arguments, local):  # the node's own win
            if each is not None:
                overrides.update(each.overrides(self._name, self._namespace))
        overrides.update({parameter.name: parameter for parameter in parameter_overrides or []})
        ParameterStore.__init__(
            self,
            overrides,
            allow_undeclared_parameters=allow_undeclared_parameters,
            on_event=self._tell_parameter_event,
        )
        self._graph = self._context.graph
        self._owned: list[Any] = []
        self._executor = lambda: None
        self._clock = ROSClock()
        self._logger = get_logger(self.get_fully_qualified_name()[1:].replace('/', '.'))
        self._destroyed = False
        self._context.use()
        me = weakref.ref(self)  # who forgets a node shall not find it in the graph for ever
        self._local_node = LocalNode(self._name, self._namespace, lambda: _endpoints(me()))
        self._graph.add_node(self._local_node)
        self._rosout = Rosout(self, self._logger) if enable_rosout else None
        event = message_class('rcl_interfaces/msg/ParameterEvent')
        qos = qos_profile_parameter_events
        self._parameter_events = self.create_publisher(event, '/parameter_events', qos)
        if automatically_declare_parameters_from_overrides:
            descriptor = message_class('rcl_interfaces/msg/ParameterDescriptor')
            given = [(item.name, item.value, descriptor()) for item in overrides.values()]
            self.declare_parameters('', given, ignore_override=True)
        self._time_source = TimeSource(self, self._clock)
        if start_parameter_services:
            for name, (srv_type, handler) in parameter_service_handlers(self).items():
                qos = qos_profile_parameters
                self.create_service(srv_type, f'~/{name}', handler, qos_profile=qos)

    def get_logger(self) -> Logger:
        """The node's logger."""
        return self._logger

    def get_clock(self) -> ROSClock:
        """The node's clock, on ROS time."""
        return self._clock

    @property
    def context(self) -> Context:
        """The context that it lives in."""
        return self._context

    def destroy_node(self) -> None:
        """Delete all that it has, and leave the graph; again does no harm."""
        if self._destroyed:
            return
        self._destroyed = True
        if self._rosout is not None:
            self._rosout.close()
        if self.executor is not None:
            self.executor.remove_node(self)
        for item in self._owned:
            item.destroy()
        self._owned = []
        self._graph.remove_node(self._local_node)
        self._context.leave()

    def __del__(self) -> None:
        self.destroy_node()

    def _tell_parameter_event(self, event: Any) -> None:
        if self._parameter_events.get_subscription_count():
            event.stamp = self._clock.now().to_msg()
            event.node = self.get_fully_qualified_name()
            self._parameter_events.publish(event)


def _endpoints(node: Node | None) -> list[Endpoint]:
    owned = [] if node is None else node._owned
    return [each for item in owned for each in getattr(item, 'endpoints', ())]
