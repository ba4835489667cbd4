# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.parameter`: one parameter, its type, and the message that carries it."""

from __future__ import annotations

from array import array
from enum import IntEnum
from typing import Any

from .messages import message_class

PARAMETER_SEPARATOR_STRING = '.'

SCALARS = {'BOOL': bool, 'INTEGER': int, 'DOUBLE': float, 'STRING': str}
ELEMENTS = {
    'BYTE_ARRAY': bytes,
    'BOOL_ARRAY': bool,
    'INTEGER_ARRAY': int,
    'DOUBLE_ARRAY': float,
    'STRING_ARRAY': str,
}


class ParameterType(IntEnum):
    """Parameter.Type, with the numbers of rcl_interfaces/ParameterType."""

    NOT_SET = 0
    BOOL = 1
    INTEGER = 2
    DOUBLE = 3
    STRING = 4
    BYTE_ARRAY = 5
    BOOL_ARRAY = 6
    INTEGER_ARRAY = 7
    DOUBLE_ARRAY = 8
    STRING_ARRAY = 9

    @classmethod
    def from_parameter_value(cls, parameter_value: Any) -> ParameterType:
        """Type of a value; TypeError for what no parameter holds. An empty list is of bytes."""
        if parameter_value is None:
            return cls.NOT_SET
        for name, kind in SCALARS.items():  # bool comes before int, which it is too
            if isinstance(parameter_value, kind):
                return cls[name]
        if isinstance(parameter_value, (list, tuple, array)):
            for name, kind in ELEMENTS.items():
                if all(isinstance(element, kind) for element in parameter_value):
                    return cls[name]
        raise TypeError(
            f"The given value is not of a type that parameters have: '{parameter_value}'"
        )

    def check(self, parameter_value: Any) -> bool:
        """Whether a value is of this type."""
        if self is ParameterType.NOT_SET:
            return parameter_value is None
        if self.name in SCALARS:
            return isinstance(parameter_value, SCALARS[self.name])
        if not isinstance(parameter_value, (list, tuple, array)):
            return False
        return all(isinstance(element, ELEMENTS[self.name]) for element in parameter_value)

    @property
    def field(self) -> str:
        """The field of rcl_interfaces/ParameterValue that holds a value of this type."""
        return f'{self.name.lower()}_value'


class Parameter:
    """A name, a type and a value that fits it; the type is the value's where it is not given.

    Raises TypeError for a type that is none, ValueError for a value of another type.
    """

    Type = ParameterType

    def __init__(self, name: str, type_: ParameterType | None = None, value: Any = None) -> None:
        if type_ is None:
            type_ = ParameterType.from_parameter_value(value)
        if not isinstance(type_, ParameterType):
            raise TypeError(f"type must be a Parameter.Type, not '{type_!r}'")
        if not type_.check(value):
            raise ValueError(f"Type '{type_!r}' and value '{value}' do not agree")
        self._name = name
        self._type = type_
        self._value = value

    @property
    def name(self) -> str:
        """Name, with its prefixes: 'scale.camera_height'."""
        return self._name

    @property
    def type_(self) -> ParameterType:
        """Type of the value."""
        return self._type

    @property
    def value(self) -> Any:
        """The value; None where it is not set."""
        return self._value

    def __repr__(self) -> str:
        return f'Parameter(name={self._name!r}, value={self._value!r})'

    def get_parameter_value(self) -> Any:
        """rcl_interfaces/ParameterValue of this parameter."""
        fields: dict[str, Any] = {'type': self._type.value}
        if self._type is not ParameterType.NOT_SET:
            fields[self._type.field] = self._value
        return message_class('rcl_interfaces/msg/ParameterValue')(**fields)

    def to_parameter_msg(self) -> Any:
        """rcl_interfaces/Parameter of this parameter."""
        message = message_class('rcl_interfaces/msg/Parameter')
        return message(name=self._name, value=self.get_parameter_value())

    @classmethod
    def from_parameter_msg(cls, param_msg: Any) -> Parameter:
        """Parameter of an rcl_interfaces/Parameter; ValueError for a type that there is not."""
        type_ = ParameterType(param_msg.value.type)
        return cls(param_msg.name, type_, parameter_value_to_python(param_msg.value))


def parameter_value_to_python(parameter_value: Any) -> Any:
    """What an rcl_interfaces/ParameterValue holds; None where it is not set."""
    type_ = ParameterType(parameter_value.type)
    if type_ is ParameterType.NOT_SET:
        return None
    value = getattr(parameter_value, type_.field)
    return list(value) if type_.name in ELEMENTS else value
