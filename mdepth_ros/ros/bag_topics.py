# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics between a bag and the graph: their names, message classes and QoS."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import NANO
from mdepth_ros.sources.base import absolute

# A consumer that stalls for a moment loses nothing; memory is used only while it stalls.
DEPTH = 1000


def message_class(kind: str) -> Any:
    """The class of 'pkg/msg/Name', or None where this machine does not have that type."""
    package, _, name = kind.partition('/msg/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name, None)
    except ImportError:
        return None


def split_names(text: str) -> list[str]:
    """Names or patterns with commas between, made absolute: 'odom, /cam/*' -> /odom, /cam/*."""
    return [absolute(name.strip()) for name in text.split(',') if name.strip()]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a topic is one of some names; * and ? stand for any characters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def choose(
    names: Collection[str], wanted: Collection[str] = (), excluded: Collection[str] = ()
) -> list[str]:
    """The names that some patterns choose, in their order; all of them where nothing is wanted.

    Raises MdepthError for a pattern that chooses nothing: a typing error, most likely.
    """
    for pattern in (*wanted, *excluded):
        if not any(fnmatchcase(name, pattern) for name in names):
            near = get_close_matches(pattern, names, n=3) or sorted(names)
            raise MdepthError(f'there is no topic {pattern}: try {" or ".join(near)}')
    return [n for n in names if (not wanted or matches(n, wanted)) and not matches(n, excluded)]


def offer(recorded: Sequence[Qos], messages: int) -> QoSProfile:
    """The profile to publish a recorded topic with: what its publishers offered then.

    Where they differed, the strongest, which every subscriber accepts; reliable and volatile where
    nothing is known. A latched topic keeps every message of the bag (`messages`), because one
    player stands in for several publishers (/tf_static), each of which kept its own last.
    """
    reliabilities = {profile.reliability for profile in recorded}
    latched = any(p.durability is QosDurability.TRANSIENT_LOCAL for p in recorded)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=min(max(messages, 1), DEPTH) if latched else DEPTH,
        reliability=ReliabilityPolicy.BEST_EFFORT
        if reliabilities == {QosReliability.BEST_EFFORT}
        else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def request(offered: Collection[QoSProfile]) -> QoSProfile:
    """The strongest profile with which a subscription hears all of these publishers."""
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in offered)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in offered)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def recorded(profile: QoSProfile) -> Qos:
    """A publisher's profile as the metadata of a bag has it; the numbers are rmw's in both."""

    def time(duration: Any) -> QosTime:
        return QosTime(*divmod(duration.nanoseconds, NANO))

    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        time(profile.deadline),
        time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        time(profile.liveliness_lease_duration),
        avoid_ros_namespace_conventions=profile.avoid_ros_namespace_conventions,
    )
