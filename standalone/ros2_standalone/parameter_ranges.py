# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges of parameters: rcl_interfaces/IntegerRange and FloatingPointRange."""

from __future__ import annotations

import math
from typing import Any

from .parameters import Parameter

RELATIVE_TOLERANCE = 1e-6  # of floating point steps and ends, as in rclpy


def range_refusal(parameter: Parameter, descriptor: Any) -> str:
    """Why the range of a descriptor does not allow a value; '' where it does.

    Both ends are allowed values; a step of 0 means any value between them.
    """
    if parameter.type_ is Parameter.Type.INTEGER and descriptor.integer_range:
        limits = descriptor.integer_range[0]
    elif parameter.type_ is Parameter.Type.DOUBLE and descriptor.floating_point_range:
        limits = descriptor.floating_point_range[0]
    else:
        return ''
    low, high = sorted((limits.from_value, limits.to_value))
    value, step, name = parameter.value, limits.step, parameter.name
    if _equal(value, low) or _equal(value, high):
        return ''
    if not low < value < high:
        return f"Parameter '{name}' out of range. Min: {low}, max: {high}, value: {value}"
    if step and not _equal(value, low + round((value - low) / step) * step):
        steps = f'Min: {low}, max: {high}, step: {step}, value: {value}'
        return f"Parameter '{name}' is not a whole number of steps above its minimum. {steps}"
    return ''


def _equal(value: float, other: float) -> bool:
    if isinstance(value, int) and isinstance(other, int):
        return value == other
    return math.isclose(value, other, rel_tol=RELATIVE_TOLERANCE)
