# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who else is in the ROS domain: endpoints by DDS discovery, nodes by `ros_discovery_info`.

DDS knows writers and readers, not nodes. Each participant tells which of its endpoints belong to
which node (rmw_dds_common/ParticipantEntitiesInfo, with gids of 16 bytes as since Jazzy). What
arrives waits in DDS until somebody asks.
"""

from __future__ import annotations

import ctypes as ct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from . import cyclone
from .cyclone import EndpointSample, ParticipantSample, SampleInfo, check, library
from .dds import Endpoint, Participant, Reader, Writer
from .dds_qos import read_profile, read_user_data
from .messages import message_class
from .qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from .serialization import deserialize_message, serialize_message
from .wire_types import ros_type_name, type_hash

INFO_TOPIC = 'ros_discovery_info'
INFO_TYPE = 'rmw_dds_common/msg/ParticipantEntitiesInfo'
LATCHED = DurabilityPolicy.TRANSIENT_LOCAL


@dataclass(frozen=True)
class EndpointInfo:
    """A writer or reader anywhere in the domain, with the names of DDS."""

    gid: bytes
    topic: str
    type_name: str
    profile: QoSProfile
    type_hash: str
    is_writer: bool


@dataclass
class NodeInfo:
    """A node anywhere in the domain, and the gids of its endpoints."""

    name: str
    namespace: str
    gids: set[bytes] = field(default_factory=set)


@dataclass
class LocalNode:
    """A node of this participant; `endpoints` tells what it has now."""

    name: str
    namespace: str
    endpoints: Callable[[], Iterable[Endpoint]]


class Graph:
    """What one participant knows of the domain, itself included; for use in any thread."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._lock = threading.RLock()
        self._local: list[LocalNode] = []
        self._closed = False
        self._remote: dict[bytes, list[NodeInfo]] = {}
        self._endpoints: dict[bytes, EndpointInfo] = {}
        self._builtin = {
            topic: check(
                library().dds_create_reader(participant.handle, topic, None, None), 'discovery'
            )
            for topic in (cyclone.PARTICIPANTS, cyclone.PUBLICATIONS, cyclone.SUBSCRIPTIONS)
        }
        user_data = f'typehash={type_hash(INFO_TYPE)};'
        everything = QoSProfile(history=HistoryPolicy.KEEP_ALL, durability=LATCHED)
        newest = QoSProfile(depth=1, durability=LATCHED)
        self._reader = Reader(participant, INFO_TOPIC, INFO_TYPE, everything, user_data, True)
        self._writer = Writer(participant, INFO_TOPIC, INFO_TYPE, newest, user_data)

    def add_node(self, node: LocalNode) -> None:
        """Tell the others of a node."""
        with self._lock:
            self._local.append(node)
            self.announce()

    def remove_node(self, node: LocalNode) -> None:
        """Tell the others that a node is gone."""
        with self._lock:
            self._local.remove(node)
            self.announce()

    def announce(self) -> None:
        """Tell the others what the nodes of this participant have now."""
        with self._lock:
            if self._closed:
                return
            nodes = [self._node_message(node) for node in self._local]
            message = message_class(INFO_TYPE)(
                gid=_gid_message(self._participant.guid()), node_entities_info_seq=nodes
            )
            self._writer.write(serialize_message(message))

    def _node_message(self, node: LocalNode) -> Any:
        endpoints = list(node.endpoints())
        return message_class('rmw_dds_common/msg/NodeEntitiesInfo')(
            node_name=node.name,
            node_namespace=node.namespace,
            reader_gid_seq=[_gid_message(each.gid) for each in endpoints if not each.is_writer],
            writer_gid_seq=[_gid_message(each.gid) for each in endpoints if each.is_writer],
        )

    def nodes(self) -> list[NodeInfo]:
        """All nodes, those of this participant first."""
        with self._lock:
            self._update()
            local = [
                NodeInfo(node.name, node.namespace, {each.gid for each in node.endpoints()})
                for node in self._local
            ]
            return local + [node for nodes in self._remote.values() for node in nodes]

    def endpoints(self) -> list[EndpointInfo]:
        """All writers and readers, those of this participant included."""
        with self._lock:
            self._update()
            return list(self._endpoints.values())

    def close(self) -> None:
        """Listen no more, before the participant is deleted."""
        with self._lock:
            self._closed = True

    def _update(self) -> None:
        if self._closed:
            return
        while taken := self._reader.take():
            with suppress(RuntimeError):  # whatever its sender is, its nodes stay unknown
                self._take_nodes(deserialize_message(taken[0], message_class(INFO_TYPE)))
        for topic in (cyclone.PUBLICATIONS, cyclone.SUBSCRIPTIONS):
            for sample, alive in self._take(topic, EndpointSample):
                gid = bytes(sample.key)
                if alive:
                    is_writer = topic == cyclone.PUBLICATIONS
                    self._endpoints[gid] = _endpoint_info(sample, gid, is_writer)
                else:
                    self._endpoints.pop(gid, None)
        for sample, alive in self._take(cyclone.PARTICIPANTS, ParticipantSample):
            if not alive:
                self._remote.pop(bytes(sample.key), None)

    def _take_nodes(self, info: Any) -> None:
        self._remote[bytes(info.gid.data)] = [
            NodeInfo(
                node.node_name,
                node.node_namespace,
                {bytes(gid.data) for gid in (*node.reader_gid_seq, *node.writer_gid_seq)},
            )
            for node in info.node_entities_info_seq
        ]

    def _take(self, topic: int, kind: Any) -> Iterator[tuple[Any, bool]]:
        """News of a built-in topic, each with whether the thing is still there."""
        reader, info = self._builtin[topic], SampleInfo()
        while True:
            buffer = (ct.c_void_p * 1)()
            if library().dds_take(reader, buffer, ct.byref(info), 1, 1) < 1:
                return
            try:
                sample = kind.from_address(buffer[0])
                alive = info.instance_state == SampleInfo.ALIVE
                if not alive or info.valid_data:
                    yield sample, alive
            finally:
                library().dds_return_loan(reader, buffer, 1)


def _gid_message(gid: bytes) -> Any:
    return message_class('rmw_dds_common/msg/Gid')(data=list(gid))


def _endpoint_info(sample: Any, gid: bytes, is_writer: bool) -> EndpointInfo:
    return EndpointInfo(
        gid=gid,
        topic=sample.topic_name.decode(errors='replace'),
        type_name=ros_type_name(sample.type_name.decode(errors='replace')),
        profile=read_profile(sample.qos),
        type_hash=read_user_data(sample.qos).get('typehash', ''),
        is_writer=is_writer,
    )
