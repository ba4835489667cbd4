# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all storage formats of recordings hand out, and how it becomes a ROS 2 message.

Messages of ROS 1 become CDR: those that this project reads have the same fields in the same order
in both, so nothing behind this file knows the difference.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from rosbags import interfaces as bags
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_YAML
from mdepth_ros.sources.unpack import ZSTD_MAGIC, unpack

READ = ('cdr', 'ros1')
"""The encodings of messages that are read."""

_UNSET = bags.QosTime(0, 0)
LATCHED = Qos(
    bags.QosHistory.KEEP_LAST, 1, bags.QosReliability.RELIABLE, bags.QosDurability.TRANSIENT_LOCAL,
    _UNSET, _UNSET, bags.QosLiveliness.AUTOMATIC, _UNSET, avoid_ros_namespace_conventions=False,
)  # fmt: skip
"""What a latched topic offers: a subscriber that comes late gets the last message (tf2, nav2)."""


class Channel(NamedTuple):
    """Messages of one topic, type and encoding: name as stored, number, QoS of the publishers."""

    topic: str
    type: str
    encoding: str
    messages: int
    profiles: tuple[Qos, ...]


class Stored(NamedTuple):
    """One message as it is stored: its channel, time in ns, bytes."""

    channel: Channel
    time: int
    data: bytes


def to_cdr(data: bytes, channel: Channel) -> bytes:
    """The bytes of a message as plain CDR; raises MdepthError where that is not possible.

    Compression per message is not announced by an MCAP file on its own; CDR begins with a zero
    byte, so that the two cannot be mistaken.
    """
    if channel.encoding != 'ros1':
        return unpack('zstd', data) if data[:4] == ZSTD_MAGIC else data
    if channel.type not in _types().types:
        raise MdepthError(f'{channel.type} of ROS 1 is a type that ROS 2 does not have')
    try:
        return bytes(_types().ros1_to_cdr(data, channel.type))
    except Exception as error:  # damaged bytes
        raise MdepthError(first_line(error)) from None


def plain_type(name: str) -> str:
    """Return 'pkg/msg/Name' for that, for the old 'pkg/Name' and for the names of DDS."""
    parts = name.replace('::', '/').split('/')
    if 'dds_' in parts:
        parts = [part for part in parts if part != 'dds_']
        parts[-1] = parts[-1].removesuffix('_')
    return '/'.join(parts if len(parts) != 2 else (parts[0], 'msg', parts[1]))


def read_profiles(offered: str) -> tuple[Qos, ...]:
    """The QoS profiles of a topic as rosbag2 stores them; none where they cannot be read."""
    try:
        return tuple(parse_qos(offered)) if 0 < len(offered) < LARGEST_YAML else ()
    except Exception:  # YAML that others wrote
        return ()


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip('.')


@functools.cache
def _types() -> Typestore:
    # What this project reads is the same in every distribution.
    return get_typestore(Stores.ROS2_HUMBLE)
