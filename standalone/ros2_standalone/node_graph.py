# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node can ask about the ROS graph: nodes, topics, services and who is behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from .discovery import EndpointInfo, Graph, NodeInfo
from .names import Rule, expand, full_name, remap, validate_full_topic_name
from .qos import QoSProfile, qos_profile_unknown

TOPIC = 'rt'
REQUEST, REPLY = ('rq', 'Request', '_Request'), ('rr', 'Reply', '_Response')
UNKNOWN = NodeInfo('_NODE_NAME_UNKNOWN_', '_NODE_NAMESPACE_UNKNOWN_')
NamesAndTypes = list[tuple[str, list[str]]]


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
    """Part of Node: its names, and what it knows of others.

    Names are relative to the node, and not remapped where rclpy does not.
    """

    _graph: Graph
    _rules: list[Rule]
    _name: str
    _namespace: str

    def get_name(self) -> str:
        """Name, after remapping."""
        return self._name

    def get_namespace(self) -> str:
        """Namespace with its leading slash, after remapping."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return full_name(self._name, self._namespace)

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Name and namespace of all nodes."""
        return [(node.name, node.namespace) for node in self._graph.nodes()]

    def get_node_names(self) -> list[str]:
        """Names of all nodes, without their namespaces."""
        return [node.name for node in self._graph.nodes()]

    def get_topic_names_and_types(self) -> NamesAndTypes:
        """All topics with their types."""
        found = [each for each in self._graph.endpoints() if each.topic.startswith(f'{TOPIC}/')]
        return _grouped((each.topic.removeprefix(TOPIC), each.type_name) for each in found)

    def get_service_names_and_types(self) -> NamesAndTypes:
        """All services with their types."""
        found = []
        for each in self._graph.endpoints():
            for prefix, ending, type_ending in (REQUEST, REPLY):
                if each.topic.startswith(f'{prefix}/') and each.topic.endswith(ending):
                    name = each.topic[len(prefix) : -len(ending)]
                    found.append((name, each.type_name.removesuffix(type_ending)))
        return _grouped(found)

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

    def get_publishers_info_by_topic(self, topic_name: str) -> list[TopicEndpointInfo]:
        """The publishers of a topic, after remapping."""
        return self._infos(topic_name, is_writer=True)

    def get_subscriptions_info_by_topic(self, topic_name: str) -> list[TopicEndpointInfo]:
        """The subscriptions of a topic, after remapping."""
        return self._infos(topic_name, is_writer=False)

    def _infos(self, topic: str, is_writer: bool) -> list[TopicEndpointInfo]:
        topic = remap(self._absolute(topic), self._rules, self._name, self._namespace)
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
            for found in self._find(TOPIC + topic, is_writer)
        ]

    def _absolute(self, name: str, is_service: bool = False) -> str:
        name = expand(name, self._name, self._namespace)
        validate_full_topic_name(name, is_service=is_service)
        return name

    def _find(self, dds_topic: str, is_writer: bool) -> list[EndpointInfo]:
        return [
            found
            for found in self._graph.endpoints()
            if found.topic == dds_topic and found.is_writer == is_writer
        ]


def _grouped(pairs: Iterable[tuple[str, str]]) -> NamesAndTypes:
    result: dict[str, set[str]] = {}
    for name, type_name in pairs:
        result.setdefault(name, set()).add(type_name)
    return [(name, sorted(result[name])) for name in sorted(result)]
