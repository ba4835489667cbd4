# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message classes that look like rclpy's generated ones, made from rosbags' ROS 2 definitions."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
from rosbags.typesys.base import normalize_fieldname
from rosbags.typesys.store import Typestore

from .definitions import definitions, new_store
from .fields import Field, make_field

# What rosbags' definitions leave out: the defaults that .msg files of the served packages give.
DEFAULTS: dict[str, dict[str, Any]] = {
    'geometry_msgs/msg/Quaternion': {'w': 1.0},
    'sensor_msgs/msg/NavSatStatus': {'status': -2},
}
NO_FIELD = 'structure_needs_at_least_one_member'  # what an empty message holds on the wire


class Message:
    """Base of the message classes: keyword constructor, checked fields, equality."""

    __slots__ = ()
    __msgtype__: ClassVar[str]
    __fields__: ClassVar[dict[str, Field]]

    def __init__(self, **values: Any) -> None:
        for name, field in self.__fields__.items():
            if name in values:
                setattr(self, name, values.pop(name))
            else:
                object.__setattr__(self, f'_{name}', field.default())
        if values:
            raise AssertionError(f'{type(self).__name__} has no field {", ".join(values)}')

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Field names and their types, as in rclpy."""
        return {name: field.text for name, field in cls.__fields__.items()}

    @classmethod
    def _is_plain(cls) -> bool:
        """Whether rosbags can serialise an instance as it is."""
        return all(field.to_wire is None for field in cls.__fields__.values())

    @classmethod
    def _from_wire(cls, *values: Any) -> Any:
        """Message of the values that rosbags deserialised, in order and not checked again."""
        message = object.__new__(cls)
        for (name, field), value in zip(cls.__fields__.items(), values, strict=False):
            kept = value if field.from_wire is None else field.from_wire(value)
            object.__setattr__(message, f'_{name}', kept)
        return message

    def _to_wire(self) -> Any:
        """What rosbags can serialise; large arrays are views of this message's."""
        if self._is_plain():
            return self
        values = {}
        for name, field in self.__fields__.items():
            value = getattr(self, name)
            values[name] = value if field.to_wire is None else field.to_wire(value)
        return definitions().types[self.__msgtype__](**values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in self.__fields__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        pairs = []
        for name in self.__fields__:
            value = getattr(self, name)
            shown = value.tolist() if hasattr(value, 'tolist') else value
            pairs.append(f'{name}={shown!r}')
        return f'{self.__module__}.{type(self).__name__}({", ".join(pairs)})'


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


@cache
def wire_types() -> Typestore:
    """The same definitions, whose deserialiser makes message classes of this module."""
    store = new_store()
    store.types = _Builders()
    return store


class _Builders(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        self[name] = message_class(name)._from_wire
        return self[name]


@cache
def message_class(name: str) -> Any:
    """The class of a message type such as 'sensor_msgs/msg/Image'."""
    constants, descriptions = definitions().fielddefs[name]
    defaults = DEFAULTS.get(name, {})
    fields = {
        normalize_fieldname(field): make_field(description, message_class, defaults.get(field))
        for field, description in descriptions
        if field != NO_FIELD
    }
    package, kind, short = name.split('/')
    body: dict[str, Any] = {
        '__doc__': f'{name}, as rclpy has it.',
        '__module__': f'{package}.{kind}',
        '__slots__': tuple(f'_{field}' for field in fields),
        '__msgtype__': name,
        '__fields__': fields,
        **{field: _property(field, spec) for field, spec in fields.items()},
        **{
            key: bytes([int(value)]) if kind == 'byte' else value for key, kind, value in constants
        },
    }
    if not fields:
        body[NO_FIELD] = 0
    return type(short, (Message,), body)


def _property(name: str, field: Field) -> property:
    slot, check = f'_{name}', field.check

    def get(self: Message) -> Any:
        return getattr(self, slot)

    def put(self: Message, value: Any) -> None:
        object.__setattr__(self, slot, check(name, value))

    return property(get, put)


def public(module: str) -> dict[str, Any]:
    """The message classes of a module such as 'sensor_msgs.msg', by name."""
    prefix = module.replace('.', '/') + '/'
    names = [name for name in definitions().fielddefs if name.startswith(prefix)]
    return {name[len(prefix) :]: message_class(name) for name in names}
