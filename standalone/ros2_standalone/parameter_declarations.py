# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node says of a parameter when it declares it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .exceptions import InvalidParameterException
from .messages import message_class
from .parameters import Parameter


def declaration(
    prefix: str, entry: Sequence[Any], overrides: Mapping[str, Parameter]
) -> tuple[Parameter, Any]:
    """Parameter and ParameterDescriptor of (name, default value or type, descriptor).

    Raises InvalidParameterException, TypeError and ValueError for what makes no sense.
    """
    if not 1 <= len(entry) <= 3:
        raise TypeError(f'A declaration has a name, a value and a descriptor, not {entry}')
    name, value, given = (*entry, None, None)[:3]
    if not isinstance(name, str):
        raise TypeError(f'The name of a parameter is a str, not {name!r}')
    if not name:
        raise InvalidParameterException(name)
    name = prefix + name
    descriptor_class = message_class('rcl_interfaces/msg/ParameterDescriptor')
    if given is not None and not isinstance(given, descriptor_class):
        raise TypeError(f'{name}: {given!r} is not a ParameterDescriptor')
    descriptor = copy.copy(given) if given is not None else descriptor_class()
    descriptor.name = name
    if len(entry) == 1:
        warnings.warn(
            f"parameter '{name}': declare it with a value, a type or a descriptor with "
            'dynamic_typing; by its name only is deprecated',
            stacklevel=5,
        )
        descriptor.dynamic_typing = True
    if isinstance(value, Parameter.Type):
        if value is Parameter.Type.NOT_SET or descriptor.dynamic_typing:
            raise ValueError(f"parameter '{name}': a type does not go with dynamic typing")
        descriptor.type = value.value
        value = None
    elif not descriptor.dynamic_typing:
        descriptor.type = Parameter.Type.from_parameter_value(value).value
        if value is None:
            raise ValueError(f"parameter '{name}' has neither a default value nor a type")
    if name in overrides:
        value = overrides[name].value
    return Parameter(name, value=value), descriptor
