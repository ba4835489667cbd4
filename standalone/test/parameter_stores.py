# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stores of parameters, and the messages that describe parameters."""

from __future__ import annotations

from typing import Any

from ros2_standalone.messages import message_class
from ros2_standalone.parameter_store import ParameterStore
from ros2_standalone.parameters import Parameter


def message(short: str, **fields: Any) -> Any:
    return message_class(f'rcl_interfaces/msg/{short}')(**fields)


def store(**options: Any) -> ParameterStore:
    overrides = options.pop('overrides', {})
    given = {name: Parameter(name, value=value) for name, value in overrides.items()}
    return ParameterStore(given, **options)


def integer_range(low: int, high: int, step: int = 0) -> Any:
    limits = message('IntegerRange', from_value=low, to_value=high, step=step)
    return message('ParameterDescriptor', integer_range=[limits])


def float_range(low: float, high: float, step: float = 0.0) -> Any:
    limits = message('FloatingPointRange', from_value=low, to_value=high, step=step)
    return message('ParameterDescriptor', floating_point_range=[limits])


def set_one(parameters: ParameterStore, name: str, value: Any) -> str:
    """Reason for which a value was refused; '' where it was set."""
    (result,) = parameters.set_parameters([Parameter(name, value=value)])
    assert result.successful == (result.reason == '')
    return str(result.reason)
