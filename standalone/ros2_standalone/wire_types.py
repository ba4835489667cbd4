# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message types as DDS knows them: their names on the wire, their structure and their hash.

What arrives is checked against the structure before it gets to Python. Like rmw_cyclonedds_cpp, it
announces the name of a type and its hash, but no XTypes information: Fast DDS 3 talks only to who
announces the very same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from rosbags.interfaces import Nodetype

from ros2_standalone.errors import StandaloneError

from .definitions import definitions

# The header that rmw_cyclonedds_cpp puts before each request and reply: who asked, and how many
# requests it had sent.
SERVICE_HEADER = (('client_guid', ('uint64', 0)), ('sequence_number', ('int64', 0)))

# Words of dds_opcodes.h: what to do, and with which type.
RETURN, FIELD = 0x00000000, 0x01000000
STRING, BOUNDED_STRING, SEQUENCE, ARRAY, STRUCT, BOUNDED_SEQUENCE = 0x5, 0x6, 0x7, 0x8, 0xA, 0xB
CODES = {
    'bool': 0xE,
    **dict.fromkeys(('byte', 'char', 'int8', 'uint8'), 0x1),
    **dict.fromkeys(('int16', 'uint16'), 0x2),
    **dict.fromkeys(('int32', 'uint32', 'float32'), 0x3),
    **dict.fromkeys(('int64', 'uint64', 'float64'), 0x4),
}


def dds_type_name(name: str) -> str:
    """'sensor_msgs::msg::dds_::Image_' of 'sensor_msgs/msg/Image'."""
    package, kind, short = name.split('/')
    return f'{package}::{kind}::dds_::{short}_'


def ros_type_name(dds_name: str) -> str:
    """'sensor_msgs/msg/Image' of 'sensor_msgs::msg::dds_::Image_'; another name as it is."""
    scope, mark, short = dds_name.partition('::dds_::')
    return f'{scope.replace("::", "/")}/{short.removesuffix("_")}' if mark else dds_name


@cache
def operations(name: str) -> tuple[int, ...]:
    """Program by which Cyclone DDS checks a serialised message (dds/ddsc/dds_opcodes.h).

    Requests and replies have a header before them. Raises StandaloneError for a message whose
    definition is not known, or that Cyclone DDS can't check.
    """
    header: list[tuple[str, Any]] = []
    if name.split('/')[1] == 'srv':
        header = [(field, (Nodetype.BASE, kind)) for field, kind in SERVICE_HEADER]
    return (*_struct(name, header), RETURN)


def _struct(name: str, before: Iterable[tuple[str, Any]] = ()) -> list[int]:
    if name not in definitions().fielddefs:
        raise StandaloneError(f'{name} is not a message type that is known without ROS 2')
    fields = [*before, *definitions().fielddefs[name][1]]
    return [word for field, kind in fields for word in _member(kind, f'{name}.{field}')]


def _member(description: Any, field: str) -> list[int]:
    # All offsets into a structure in memory are 0: there is no such structure.
    kind, args = description
    if kind == Nodetype.NAME:
        return _struct(args)  # XCDR1 writes nested messages field by field
    if kind == Nodetype.BASE:
        code, more = _base(args, field)
        return [FIELD | code << 16, 0, *more]
    (element_kind, element), size = args
    if kind == Nodetype.ARRAY:
        code, length = ARRAY, [size]
    else:
        code, length = (BOUNDED_SEQUENCE, [size]) if size else (SEQUENCE, [])
    if element_kind == Nodetype.BASE:
        subcode, more = _base(element, field)
        padding = [0] if more and kind == Nodetype.ARRAY else []
        return [FIELD | code << 16 | subcode << 8, 0, *length, *padding, *more]
    body = [*_struct(element), RETURN]
    start = 4 + len(length)
    jumps = (start + len(body)) << 16 | start  # to what follows, and to the body
    tail = [jumps, 1] if kind == Nodetype.ARRAY else [1, jumps]
    return [FIELD | code << 16 | STRUCT << 8, 0, *length, *tail, *body]


def _base(kind: tuple[str, int], field: str) -> tuple[int, list[int]]:
    name, bound = kind
    if name == 'string':
        return (BOUNDED_STRING, [bound + 1]) if bound else (STRING, [])
    if name not in CODES:
        raise StandaloneError(f'{field} is a {name}, which can not be sent without ROS 2')
    return CODES[name], []


@cache
def type_hash(name: str) -> str:
    """'RIHS01_<sha256>' of a message type (REP 2016)."""
    return str(definitions().hash_rihs01(name))
