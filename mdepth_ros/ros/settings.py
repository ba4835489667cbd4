# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a running node: declared from their description, checked when they are set."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
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
from mdepth_ros.ros.qos import OVERRIDABLE, OVERRIDES

OLD = 'parameters in the form of the last version, which only this version still accepts'


class Settings:
    """The parameters of a node that runs.

    node       a `BaseNode`
    on_change  called with all values when some have changed

    `values` has all of them by name, as `Parameter.meaning` gives them; a change makes a new
    mapping, so that a thread that holds one sees values of one moment.

    Raises MdepthError for a start value that cannot be.
    """

    def __init__(
        self,
        node: Any,
        described: Sequence[Parameter],
        on_change: Callable[[Values], None] | None = None,
    ) -> None:
        self._node, self._on_change = node, on_change
        self._described = {one.name: one for one in described}
        self.values: Values = self._declare()
        if reason := broken_rule(self.values):
            raise MdepthError(reason)
        if _converts(node):
            node.add_pre_set_parameters_callback(self._near)
        node.add_on_set_parameters_callback(self._check)
        # From Iron on a change is told when it is certain. Before, the last one asked takes it.
        self._told = hasattr(node, 'add_post_set_parameters_callback')
        if self._told:
            node.add_post_set_parameters_callback(self._take)

    def _declare(self) -> dict[str, Any]:
        """Declare the parameters; their values.

        Start values of a near type are converted (`max_range: 80`, `scale: 2.5`), which rclpy
        would refuse.
        """
        given, values, old = self._node.given, {}, []
        for one in self._described.values():
            start, name = one.value, one.name if one.name in given else one.old_name
            if name in given:
                start = fitting(one, given[name])
                if name != one.name:
                    old.append(f'{name} (now {one.name})')
                elif is_old(one, given[name]):
                    old.append(f'{name}: {given[name]} (now {start})')
            described_as = descriptor(one)
            described_as.dynamic_typing = not _converts(self._node)
            self._node.declare_parameter(one.name, start, described_as, ignore_override=True)
            values[one.name] = one.meaning(start)
        if old:
            self._node.warn_once(f'{OLD}: {", ".join(old)}')
        return values

    def _near(self, changes: Sequence[Any]) -> list[Any]:
        """The changes, those of our own parameters in the type that the parameter has."""
        near = []
        for change in changes:
            one, value = self._described.get(change.name), change.value
            if one is not None and value is not None:
                word = str(value).lower()
                if isinstance(value, bool) and one.kind == 'string' and one.reason_against(word):
                    value = word  # `scale off`: our own reason says more than one about types
                if isinstance(value, str) and one.kind in ('double', 'integer'):
                    with suppress(ValueError):
                        value = float(value)  # YAML takes 1e2 for a text
                new = typed(one, value)
                if is_old(one, value):
                    self._node.warn_once(f'{OLD}: {one.name}: {value} (now {new})')
                change = RosParameter(one.name, value=new)
            near.append(change)
        return near

    def _check(self, changes: Sequence[Any]) -> Any:
        reason = ''
        try:
            new = self._new(changes)
        except MdepthError as error:
            reason = str(error)
        else:
            reason = broken_rule({**self.values, **new}) if new else ''
        if not reason and not self._told:
            self._take(changes)
        return SetParametersResult(successful=not reason, reason=reason)

    def _take(self, changes: Sequence[Any]) -> None:
        if new := self._new(changes):
            self.values = {**self.values, **new}
            if self._on_change is not None:
                self._on_change(self.values)

    def _new(self, changes: Sequence[Any]) -> dict[str, Any]:
        """The values of our own parameters; raises MdepthError for one that cannot be."""
        ours = [(self._described[c.name], c) for c in changes if c.name in self._described]
        return {one.name: one.meaning(fitting(one, c.value)) for one, c in ours}


def _converts(node: Any) -> bool:
    """Tell whether values can be converted before their type is checked: not in Humble.

    There the parameters take any type, and what does not fit is refused by `Settings`.
    """
    return hasattr(node, 'add_pre_set_parameters_callback')


def descriptor(one: Parameter) -> Any:
    """rcl_interfaces/ParameterDescriptor of a parameter."""
    made = ParameterDescriptor(name=one.name, description=one.text, read_only=not one.dynamic)
    if not isinstance(one.default, bool):
        made.additional_constraints = one.allowed
    if one.low is not None and one.high is not None:
        if one.kind == 'integer':
            limits = IntegerRange(from_value=int(one.low), to_value=int(one.high), step=1)
            made.integer_range = [limits]
        elif one.kind == 'double':
            limits = FloatingPointRange(from_value=float(one.low), to_value=float(one.high))
            made.floating_point_range = [limits]
    return made


def typed(one: Parameter, value: Any) -> Any:
    """A value in the type of the parameter where it has one that is near; else as it is.

    YAML and `ros2 param set` decide the type by the looks of a value: 80 is an integer and 3.9 a
    double, also where a double or a text is meant.
    """
    kind = type(one.default)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if kind is float or (kind is int and float(value).is_integer()):
            return kind(value)
        if kind is str:
            value = repr(value)
    elif kind is tuple and value is not None and not isinstance(value, (str, bool)):
        return list(value) or one.value
    return one.old_values.get(value, value) if isinstance(value, str) else value


def is_old(one: Parameter, value: Any) -> bool:
    """Whether a value is written as in the version before."""
    return str(value) in one.old_values


def fitting(one: Parameter, value: Any) -> Any:
    """A value in the type of the parameter; see `typed`. Raises MdepthError where it cannot be."""
    value = typed(one, value)
    kind = list if isinstance(one.default, tuple) else type(one.default)
    right = type(value) is kind
    if right and kind is list:
        right = all(isinstance(text, str) for text in value)
    if not right:
        raise MdepthError(f'{one.name} is {_shown(value)}: use {one.usable}')
    if reason := one.reason_against(value):
        raise MdepthError(reason)
    return value


def _shown(value: Any) -> str:
    """A value with its type: whoever wrote `off` or `'80'` sees what YAML made of it."""
    if isinstance(value, bool):
        return f'{str(value).lower()} (a bool)'
    return f'{value!r} (a text)' if isinstance(value, str) else repr(value)


def unknown_keys(
    node: Any, described: Sequence[Parameter], topics: Collection[str] = ()
) -> list[str]:
    """One line for each parameter that was given but that the node does not have.

    topics  absolute names of what the node may listen to: the overrides of their QoS may yet come
            into being. Those of all that is there already are parameters
    """
    known = [one.name for one in described]
    old = [one.old_name for one in described]
    later = [f'{OVERRIDES}{t}.subscription.{policy}' for t in topics for policy in OVERRIDABLE]
    declared = [*node.get_parameters_by_prefix(OVERRIDES.rstrip('.'))]
    qos = [*later, *(OVERRIDES + name for name in declared)]
    lines = []
    for name in node.given:
        if name in (*later, *old) or node.has_parameter(name):
            continue
        near = difflib.get_close_matches(name, qos if name.startswith(OVERRIDES) else known, 1)
        hint = f'did you mean {near[0]!r}?' if near else 'see the table of parameters'
        lines.append(f'unknown parameter {name!r} is not used: {hint}')
    return lines
