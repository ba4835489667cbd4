# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node can ask about the ROS graph: nodes, topics, services and who is behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from .discovery import EndpointInfo, Graph, NodeInfo
from .exceptions import RCLError
from .names import Rule, expand, full_name, remap, validate_full_topic_name
from .qos import QoSProfile, qos_profile_unknown

TOPIC = 'rt'
REQUEST, REPLY = ('rq', 'Request', '_Request'), ('rr', 'Reply', '_Response')
UNKNOWN = NodeInfo('_NODE_NAME_UNKNOWN_', '_NODE_NAMESPACE_UNKNOWN_')
NamesAndTypes = list[tuple[str, list[str]]]


class NodeNameNonExistentError(RCLError):
    """Raised where a node is asked about that nobody knows."""


class TopicEndpointTypeEnum(IntEnum):
    """Which kind of endpoint."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass(frozen=True)
class TopicEndpointInfo:
    """A publisher or subscription anywhere; history and depth are known in its own process only.

    topic_type_hash  'RIHS01_<sha256>', or '' where the other side does not say (Humble)
    endpoint_gid     16 numbers
    """

    node_name: str = ''
    node_namespace: str = ''
    topic_type: str = ''
    topic_type_hash: str = ''
    endpoint_type: TopicEndpointTypeEnum = TopicEndpointTypeEnum.INVALID
    endpoint_gid: list[int] = field(default_factory=list)
    qos_profile: QoSProfile = field(default_factory=lambda: qos_profile_unknown)


class NodeGraph:
    """Part of Node. Names are relative to the node, and not remapped where rclpy does not."""

    _graph: Graph
    _rules: list[Rule]

    def get_name(self) -> str:
        """Name of this node."""
        raise NotImplementedError

    def get_namespace(self) -> str:
        """Namespace of this node."""
        raise NotImplementedError

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Name and namespace of all nodes."""
        return [(node.name, node.namespace) for node in self._graph.nodes()]

    def get_node_names(self) -> list[str]:
        """Names of all nodes, without their namespaces."""
        return [node.name for node in self._graph.nodes()]

    def get_fully_qualified_node_names(self) -> list[str]:
        """Names such as '/ns/node' of all nodes."""
        return [full_name(node.name, node.namespace) for node in self._graph.nodes()]

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """All topics with their types; no_demangle: by their names in DDS."""
        return _topics(self._graph.endpoints(), no_demangle)

    def get_service_names_and_types(self) -> NamesAndTypes:
        """All services with their types."""
        return _services(self._graph.endpoints(), None)

    def get_publisher_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics that a node publishes; NodeNameNonExistentError for an unknown node."""
        found = self._endpoints_of(node_name, node_namespace)
        return _topics((each for each in found if each.is_writer), no_demangle)

    def get_subscriber_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics that a node subscribes to; NodeNameNonExistentError for an unknown node."""
        found = self._endpoints_of(node_name, node_namespace)
        return _topics((each for each in found if not each.is_writer), no_demangle)

    def get_service_names_and_types_by_node(
        self, node_name: str, node_namespace: str
    ) -> NamesAndTypes:
        """Services that a node offers; NodeNameNonExistentError for an unknown node."""
        return _services(self._endpoints_of(node_name, node_namespace), False)

    def get_client_names_and_types_by_node(
        self, node_name: str, node_namespace: str
    ) -> NamesAndTypes:
        """Services that a node asks; NodeNameNonExistentError for an unknown node."""
        return _services(self._endpoints_of(node_name, node_namespace), True)

    def _endpoints_of(self, name: str, namespace: str) -> list[EndpointInfo]:
        wanted = full_name(name, namespace)
        nodes = [n for n in self._graph.nodes() if full_name(n.name, n.namespace) == wanted]
        if not nodes:
            raise NodeNameNonExistentError(f'there is no node {wanted}')
        gids = set().union(*(node.gids for node in nodes))
        return [each for each in self._graph.endpoints() if each.gid in gids]

    def count_publishers(self, topic_name: str) -> int:
        """How many publishers a topic has."""
        return len(self._find(TOPIC + self._absolute(topic_name), is_writer=True))

    def count_subscribers(self, topic_name: str) -> int:
        """How many subscriptions a topic has."""
        return len(self._find(TOPIC + self._absolute(topic_name), is_writer=False))

    def count_services(self, service_name: str) -> int:
        """How many nodes offer a service."""
        request = f'rq{self._absolute(service_name, is_service=True)}Request'
        return len(self._find(request, is_writer=False))

    def count_clients(self, service_name: str) -> int:
        """How many clients a service has."""
        request = f'rq{self._absolute(service_name, is_service=True)}Request'
        return len(self._find(request, is_writer=True))

    def get_publishers_info_by_topic(
        self, topic_name: str, no_mangle: bool = False
    ) -> list[TopicEndpointInfo]:
        """The publishers of a topic, after remapping; no_mangle: by its name in DDS."""
        return self._infos(topic_name, no_mangle, is_writer=True)

    def get_subscriptions_info_by_topic(
        self, topic_name: str, no_mangle: bool = False
    ) -> list[TopicEndpointInfo]:
        """The subscriptions of a topic, after remapping; no_mangle: by its name in DDS."""
        return self._infos(topic_name, no_mangle, is_writer=False)

    def _infos(self, topic: str, no_mangle: bool, is_writer: bool) -> list[TopicEndpointInfo]:
        if not no_mangle:
            name, namespace = self.get_name(), self.get_namespace()
            topic = TOPIC + remap(self._absolute(topic), self._rules, name, namespace)
        owners = {gid: node for node in self._graph.nodes() for gid in node.gids}
        kind = TopicEndpointTypeEnum.PUBLISHER if is_writer else TopicEndpointTypeEnum.SUBSCRIPTION
        return [
            TopicEndpointInfo(
                node_name=owners.get(found.gid, UNKNOWN).name,
                node_namespace=owners.get(found.gid, UNKNOWN).namespace,
                topic_type=found.type_name,
                topic_type_hash=found.type_hash,
                endpoint_type=kind,
                endpoint_gid=list(found.gid),
                qos_profile=found.profile,
            )
            for found in self._find(topic, is_writer)
        ]

    def _absolute(self, name: str, is_service: bool = False) -> str:
        name = expand(name, self.get_name(), self.get_namespace())
        validate_full_topic_name(name, is_service=is_service)
        return name

    def _find(self, dds_topic: str, is_writer: bool) -> list[EndpointInfo]:
        return [
            found
            for found in self._graph.endpoints()
            if found.topic == dds_topic and found.is_writer == is_writer
        ]


def _topics(endpoints: Iterable[EndpointInfo], no_demangle: bool) -> NamesAndTypes:
    if no_demangle:
        return _grouped((each.topic, each.type_name) for each in endpoints)
    prefix = f'{TOPIC}/'
    found = (each for each in endpoints if each.topic.startswith(prefix))
    return _grouped((each.topic[len(TOPIC) :], each.type_name) for each in found)


def _services(endpoints: Iterable[EndpointInfo], asked: bool | None) -> NamesAndTypes:
    """Services that are offered (asked: False), asked (True), or either (None)."""
    found = []
    for each in endpoints:
        for (prefix, ending, type_ending), is_request in ((REQUEST, True), (REPLY, False)):
            if not each.topic.startswith(f'{prefix}/') or not each.topic.endswith(ending):
                continue
            if asked is None or asked == (each.is_writer == is_request):
                name = each.topic[len(prefix) : -len(ending)]
                found.append((name, each.type_name.removesuffix(type_ending)))
    return _grouped(found)


def _grouped(pairs: Iterable[tuple[str, str]]) -> NamesAndTypes:
    result: dict[str, set[str]] = {}
    for name, type_name in pairs:
        result.setdefault(name, set()).add(type_name)
    return [(name, sorted(result[name])) for name in sorted(result)]


def public(module: str) -> dict[str, Any]:
    """The names that `rclpy.topic_endpoint_info` has."""
    return {cls.__name__: cls for cls in (TopicEndpointInfo, TopicEndpointTypeEnum)}
