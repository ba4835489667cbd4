# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the served types hold: rosbags' messages of ROS 2, and the services it does not know."""

from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

# The .srv files of the served packages: request, then response.
SERVICES: dict[str, tuple[str, str]] = {
    'std_srvs/srv/Empty': ('', ''),
    'std_srvs/srv/SetBool': ('bool data', 'bool success\nstring message'),
    'std_srvs/srv/Trigger': ('', 'bool success\nstring message'),
    'rcl_interfaces/srv/DescribeParameters': (
        'string[] names',
        'rcl_interfaces/ParameterDescriptor[] descriptors',
    ),
    'rcl_interfaces/srv/GetParameters': (
        'string[] names',
        'rcl_interfaces/ParameterValue[] values',
    ),
    'rcl_interfaces/srv/GetParameterTypes': ('string[] names', 'uint8[] types'),
    'rcl_interfaces/srv/ListParameters': (
        'uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth',
        'rcl_interfaces/ListParametersResult result',
    ),
    'rcl_interfaces/srv/SetParameters': (
        'rcl_interfaces/Parameter[] parameters',
        'rcl_interfaces/SetParametersResult[] results',
    ),
    'rcl_interfaces/srv/SetParametersAtomically': (
        'rcl_interfaces/Parameter[] parameters',
        'rcl_interfaces/SetParametersResult result',
    ),
}


def new_store() -> Typestore:
    """A store of its own; the served packages are the same in all distributions from Humble on."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for service, texts in SERVICES.items():
        for part, text in zip(('Request', 'Response'), texts, strict=True):
            (definition,) = get_types_from_msg(text, 'service/msg/Part').values()
            store.register({f'{service}_{part}': definition})
    for name, (constants, fields) in store.fielddefs.items():
        # A char of a .msg file is a uint8, which counts for the hash of the type.
        store.fielddefs[name] = (constants, [(key, _plain(kind)) for key, kind in fields])
    return store


def _plain(description: Any) -> Any:
    kind, args = description
    if kind == Nodetype.BASE:
        return (kind, ('uint8', 0)) if args[0] == 'char' else description
    return description if kind == Nodetype.NAME else (kind, (_plain(args[0]), args[1]))


@cache
def definitions() -> Typestore:
    """The store that everybody reads."""
    return new_store()
