# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one parameter of a node is, and the forms in which parameters are written for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    default      also gives the type: bool, int, float, str, or a tuple of str
    text         what it does, with its unit
    low, high    limits of a number, both included
    choices      the texts that are allowed
    pattern      regular expression that a text must match as a whole, or every text of a tuple
    constraints  the pattern in words
    dynamic      whether it can be set while the node runs; the others are read-only
    """

    name: str
    default: bool | int | float | str | tuple[str, ...]
    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ''
    constraints: str = ''
    dynamic: bool = False

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
        if self.choices:
            return ', '.join(self.choices)
        return self.constraints or (f'{self.low:g} to {self.high:g}' if self.high else '')

    @property
    def usable(self) -> str:
        """What it may be, with its type, for who gave something else."""
        hint = ' without quotes' if self.kind in ('bool', 'integer', 'double') else ''
        return f'{self.allowed or "true or false"} ({self.kind}{hint})'

    def reason_against(self, value: Any) -> str:
        """Why `value`, which has the right type, cannot be; '' where it can."""
        good = True
        if self.low is not None and self.high is not None:
            good = math.isfinite(value) and self.low <= value <= self.high
        elif self.choices:
            good = value in self.choices
        elif self.pattern:
            texts = [value] if isinstance(value, str) else value
            good = all(re.fullmatch(self.pattern, text) for text in texts)
        return '' if good else f'{self.name} is {value!r}: use {self.allowed}'


def markdown_table(described: Sequence[Parameter]) -> str:
    """A Markdown table, as in the README."""
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
