# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one parameter of a node is, and the forms in which parameters are written for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    default      also gives the type: bool, int, float, str, or a tuple of str
    text         what it does, with its unit
    low, high    limits of a number, both included; a text with limits may be a number as well
    whole        a number in a text has no fraction
    choices      the texts that are allowed
    pattern      regular expression that a text must match as a whole, or every text of a tuple
    constraints  the pattern in words
    dynamic      whether it can be set while the node runs; the others are read-only
    old_name     its name in the version before
    old_values   texts that the version before took -> what they are now
    """

    name: str
    default: bool | int | float | str | tuple[str, ...]
    text: str
    low: float | None = None
    high: float | None = None
    whole: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ''
    constraints: str = ''
    dynamic: bool = False
    old_name: str = ''
    old_values: Values = field(default_factory=dict)

    @property
    def value(self) -> Any:
        """The default as rclpy takes it."""
        return list(self.default) if isinstance(self.default, tuple) else self.default

    @property
    def kind(self) -> str:
        """Type by its name in ROS: bool, integer, double, string, string array."""
        names = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
        return names.get(type(self.default), 'string array')

    @property
    def allowed(self) -> str:
        """What it may be, in words; '' for a bool."""
        numbers = f'{self.low:g} to {self.high:g}' if self.high else ''
        return ', '.join(filter(None, [*self.choices, self.constraints, numbers]))

    @property
    def usable(self) -> str:
        """What it may be, with its type, for who gave something else."""
        hint = ' without quotes' if self.kind in ('bool', 'integer', 'double') else ''
        return f'{self.allowed or "true or false"} ({self.kind}{hint})'

    def reason_against(self, value: Any) -> str:
        """Why `value`, which has the right type, cannot be; '' where it can."""
        good = value in self.choices if self.choices else True
        if self.low is not None and self.high is not None and not (self.choices and good):
            good = self.low <= self._number(value) <= self.high
        elif self.pattern:
            texts = [value] if isinstance(value, str) else value
            good = all(re.fullmatch(self.pattern, text) for text in texts)
        return '' if good else f'{self.name} is {value!r}: use {self.allowed}'

    def meaning(self, value: Any) -> Any:
        """What the program takes for a good value: None for the word auto beside numbers."""
        if self.choices != ('auto',):
            return value
        number = None if value == 'auto' else self._number(value)
        return int(number) if number is not None and self.whole else number

    def _number(self, value: Any) -> float:
        """The number that a value is; NaN where it is none."""
        try:
            number = float(value)
        except ValueError:
            return math.nan
        return number if not self.whole or number.is_integer() else math.nan


def markdown_table(described: Sequence[Parameter]) -> str:
    """A Markdown table, as in docs/vehicle.md."""
    rows = ['| parameter | default | allowed | at run time | meaning |', '|---|---|---|---|---|']
    for one in described:
        change = 'yes' if one.dynamic else 'no'
        allowed = one.allowed or 'true, false'
        rows.append(
            f'| `{one.name}` | `{_yaml(one)}` | {allowed} ({one.kind}) | {change} | {one.text} |'
        )
    return '\n'.join(rows) + '\n'


def yaml_file(described: Sequence[Parameter]) -> str:
    """A parameter file with every default; `/**` fits every node name and namespace."""
    lines = ['/**:', '  ros__parameters:']
    for one in described:
        allowed = f' ({one.allowed})' if one.allowed else ''
        lines += [f'    # {one.text}{allowed}', f'    {one.name}: {_yaml(one)}']
    return '\n'.join(lines) + '\n'


def help_text(described: Sequence[Parameter]) -> str:
    """Two lines for each parameter, for `--help`."""
    lines = []
    for one in described:
        allowed = f' ({one.allowed})' if one.allowed else ''
        lines += [f'{one.name}:={_yaml(one)}{allowed}', f'    {one.text}']
    return '\n'.join(lines) + '\n'


def _yaml(one: Parameter) -> str:
    if isinstance(one.default, bool):
        return str(one.default).lower()
    if isinstance(one.default, str):
        return f"'{one.default}'"
    return str(one.value)
