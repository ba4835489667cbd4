# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node that runs: declared from their description, set only where it helps."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.parameter import Parameter as RosParameter

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.parameter import Parameter, Values
from mdepth_ros.ros.parameters import broken_rule


class Settings:
    """The parameters of a node that runs.

    on_change  called with all values when some have changed

    `values` has all of them by name; a change makes a new mapping, so that a thread that holds one
    sees values of one moment.

    Raises MdepthError for a start value that cannot be.
    """

    def __init__(
        self,
        node: Any,
        described: Sequence[Parameter],
        on_change: Callable[[Values], None] | None = None,
    ) -> None:
        self._described = {one.name: one for one in described}
        self._on_change = on_change
        self.values: Values = declare(node, described)
        if reason := broken_rule(self.values):
            raise MdepthError(reason)
        node.add_on_set_parameters_callback(self._check)
        # From Iron on a change is told when it is certain. Before, the last one asked takes it.
        self._told = hasattr(node, 'add_post_set_parameters_callback')
        if self._told:
            node.add_post_set_parameters_callback(self._take)

    def _check(self, changes: Sequence[Any]) -> Any:
        ours = [change for change in changes if change.name in self._described]
        reason = ''
        for change in ours:
            reason = reason or self._described[change.name].reason_against(change.value)
        if ours and not reason:
            reason = broken_rule({**self.values, **{c.name: c.value for c in ours}})
        if not reason and not self._told:
            self._take(changes)
        return SetParametersResult(successful=not reason, reason=reason)

    def _take(self, changes: Sequence[Any]) -> None:
        new = {c.name: c.value for c in changes if c.name in self._described}
        if new:
            self.values = {**self.values, **new}
            if self._on_change is not None:
                self._on_change(self.values)


def declare(node: Any, described: Sequence[Parameter]) -> dict[str, Any]:
    """Declare the parameters; return their values: the defaults, or what YAML and -p say.

    Whole numbers are taken for doubles and numbers for texts (`max_range: 80`, `scale: 2.5`),
    which rclpy would refuse. Raises MdepthError for every other value that cannot be.
    """
    values = {}
    for one in described:
        given = node._parameter_overrides.get(one.name)
        if given is not None:
            value = _fitting(one, given.value)
            node._parameter_overrides[one.name] = RosParameter(one.name, value=value)
        parameter = node.declare_parameter(one.name, one.value, descriptor(one))
        values[one.name] = parameter.value
    return values


def descriptor(one: Parameter) -> Any:
    """rcl_interfaces/ParameterDescriptor of a parameter."""
    made = ParameterDescriptor(name=one.name, description=one.text, read_only=not one.dynamic)
    if not isinstance(one.default, bool):
        made.additional_constraints = one.allowed
    if one.low is not None and one.high is not None:
        if isinstance(one.default, int):
            limits = IntegerRange(from_value=int(one.low), to_value=int(one.high), step=1)
            made.integer_range = [limits]
        else:
            made.floating_point_range = [
                FloatingPointRange(from_value=float(one.low), to_value=float(one.high))
            ]
    return made


def _fitting(one: Parameter, value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(one.default, float) and number:
        value = float(value)
    elif isinstance(one.default, str) and number:
        value = repr(value)
    elif isinstance(one.default, tuple) and value is not None and not isinstance(value, str):
        value = list(value) or one.value
    wanted = list if isinstance(one.default, tuple) else type(one.default)
    right = type(value) is wanted
    if right and wanted is list:
        right = all(isinstance(text, str) for text in value)
    if not right:
        raise MdepthError(f'{one.name} is {value!r}: it is a {one.kind}; see its description')
    if reason := one.reason_against(value):
        raise MdepthError(reason)
    return value


def unknown_keys(
    node: Any, described: Sequence[Parameter], topics: Collection[str] = ()
) -> list[str]:
    """One line for each parameter that was given but that the node does not have.

    topics  absolute names, whose `qos_overrides.<topic>...` exist or may come into being
    """
    lines = []
    for name in node._parameter_overrides:
        if node.has_parameter(name):
            continue
        known = [one.name for one in described]
        if name.startswith('qos_overrides.'):
            topic = name.split('.')[1]
            if topic in topics:
                continue
            known = [name.replace(topic, other, 1) for other in topics]
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = f'did you mean {near[0]!r}?' if near else 'see the table of parameters'
        lines.append(f'unknown parameter {name!r} is not used: {hint}')
    return lines
