# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""QoS profiles of ROS 2 as QoS of DDS and back, with the choices that rmw_cyclonedds_cpp makes."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .cyclone import INFINITY, library
from .exceptions import RCLError
from .qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from .time import Duration, Infinite

KEEP_LAST, KEEP_ALL = 0, 1
UNLIMITED = -1
IGNORE_PARTICIPANT = 1

RELIABILITY = {0: ReliabilityPolicy.BEST_EFFORT, 1: ReliabilityPolicy.RELIABLE}
# DDS has two more, for a durability service that ROS 2 does not know.
DURABILITY = {0: DurabilityPolicy.VOLATILE, 1: DurabilityPolicy.TRANSIENT_LOCAL}
LIVELINESS = {0: LivelinessPolicy.AUTOMATIC, 2: LivelinessPolicy.MANUAL_BY_TOPIC}
# dds_qos_policy_id_t, as an incompatible-QoS status names it.
POLICIES = {
    2: QoSPolicyKind.DURABILITY,
    4: QoSPolicyKind.DEADLINE,
    8: QoSPolicyKind.LIVELINESS,
    11: QoSPolicyKind.RELIABILITY,
    13: QoSPolicyKind.HISTORY,
    21: QoSPolicyKind.LIFESPAN,
}


def policy_kind(policy_id: int) -> QoSPolicyKind:
    """The ROS 2 name of a DDS policy; INVALID for one that ROS 2 does not know."""
    return POLICIES.get(policy_id, QoSPolicyKind.INVALID)


@contextmanager
def user_data_qos(user_data: str) -> Iterator[int]:
    """A dds_qos_t that holds user data and nothing else."""
    dds, text = library(), user_data.encode()
    qos = dds.dds_create_qos()
    try:
        dds.dds_qset_userdata(qos, text, len(text))
        yield qos
    finally:
        dds.dds_delete_qos(qos)


@contextmanager
def endpoint_qos(profile: QoSProfile, user_data: str, ignore_local: bool) -> Iterator[int]:
    """The dds_qos_t of a writer or reader.

    Raises RCLError for a policy that is UNKNOWN.
    """
    with user_data_qos(user_data) as qos:
        _fill(qos, profile)
        if ignore_local:
            library().dds_qset_ignorelocal(qos, IGNORE_PARTICIPANT)
        yield qos


def _fill(qos: int, profile: QoSProfile) -> None:
    dds = library()
    for name in ('history', 'reliability', 'durability', 'liveliness'):
        if getattr(profile, name).name == 'UNKNOWN':
            raise RCLError(f'a QoS profile with an unknown {name} can only be read')
    dds.dds_qset_writer_data_lifecycle(qos, False)
    everything = profile.history == HistoryPolicy.KEEP_ALL
    history = (KEEP_ALL, UNLIMITED) if everything else (KEEP_LAST, max(profile.depth, 1))
    dds.dds_qset_history(qos, *history)
    if profile.reliability == ReliabilityPolicy.BEST_EFFORT:
        dds.dds_qset_reliability(qos, 0, 0)
    else:
        dds.dds_qset_reliability(qos, 1, INFINITY)
    if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        dds.dds_qset_durability(qos, 1)
        # Cyclone DDS keeps what late joiners get by this policy, not by the history.
        dds.dds_qset_durability_service(qos, 0, *history, UNLIMITED, UNLIMITED, UNLIMITED)
    else:
        dds.dds_qset_durability(qos, 0)
    if profile.lifespan.nanoseconds:
        dds.dds_qset_lifespan(qos, profile.lifespan.nanoseconds)
    if profile.deadline.nanoseconds:
        dds.dds_qset_deadline(qos, profile.deadline.nanoseconds)
    manual = profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC
    lease = profile.liveliness_lease_duration.nanoseconds or INFINITY
    dds.dds_qset_liveliness(qos, 2 if manual else 0, lease)


def read_profile(qos: int) -> QoSProfile:
    """The ROS 2 profile of a dds_qos_t, such as discovery gives; UNKNOWN for what it leaves out.

    History and depth of an endpoint in another process never are on the wire.
    """
    history, depth = _get(qos, 'history', ct.c_int, ct.c_int32) or (None, 0)
    reliability = _get(qos, 'reliability', ct.c_int, ct.c_int64)
    durability = _get(qos, 'durability', ct.c_int)
    liveliness = _get(qos, 'liveliness', ct.c_int, ct.c_int64) or (None, INFINITY)
    return QoSProfile(
        history=HistoryPolicy.UNKNOWN if history is None else HistoryPolicy(history + 1),
        depth=depth if history == KEEP_LAST else 0,
        reliability=_policy(RELIABILITY, reliability, ReliabilityPolicy.UNKNOWN),
        durability=_policy(DURABILITY, durability, DurabilityPolicy.UNKNOWN),
        liveliness=_policy(LIVELINESS, liveliness, LivelinessPolicy.UNKNOWN),
        liveliness_lease_duration=Duration(nanoseconds=liveliness[1]),
        lifespan=_period(_get(qos, 'lifespan', ct.c_int64)),
        deadline=_period(_get(qos, 'deadline', ct.c_int64)),
    )


def _get(qos: int, name: str, *types: Any) -> tuple[Any, ...] | None:
    values = [kind() for kind in types]
    found = getattr(library(), f'dds_qget_{name}')(qos, *map(ct.byref, values))
    return tuple(value.value for value in values) if found else None


def _policy(names: dict[int, Any], values: tuple[Any, ...] | None, unknown: Any) -> Any:
    return names.get(values[0], unknown) if values else unknown


def _period(values: tuple[Any, ...] | None) -> Duration:
    return Duration(nanoseconds=values[0]) if values else Infinite


def read_user_data(qos: int) -> dict[str, str]:
    """The pairs of 'key=value;...' in the user data; what has another form is left out."""
    dds = library()
    data, size = ct.c_void_p(), ct.c_size_t()
    if not dds.dds_qget_userdata(qos, ct.byref(data), ct.byref(size)) or not data.value:
        return {}
    text = ct.string_at(data.value, size.value).decode(errors='replace')
    dds.dds_free(data)
    pairs = (item.split('=', 1) for item in text.split(';'))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
