# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters in YAML, read as rcl reads them: `/ns/node: {ros__parameters: {name: value}}`.

Scalars are rcl's, not quite YAML's: yes, no, on and off are bools, 1e3 is a double, 0x10 an
integer, and null is a word like any other. A list holds values of one type; an empty one says
nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

PARAMETERS = 'ros__parameters'
LARGEST_FILE = 500_000  # bytes; reading takes some seconds then
LARGEST_DEPTH = 40  # levels: of namespaces and of parts of the names
TRUE = {'Y', 'y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'}
FALSE = {'N', 'n', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'}
INTEGER = re.compile('[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)')
DOUBLE = re.compile(r'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?')
NOT_FINITE = re.compile(r'[+-]?(\.?(inf|nan)|infinity)', re.IGNORECASE)
NODE_NAME = re.compile(r'/?([A-Za-z_]\w*|\*\*?)(/([A-Za-z_]\w*|\*\*?))*', re.ASCII)
STRING_TAG = 'tag:yaml.org,2002:str'


class ParameterFileError(Exception):
    """Says what is wrong with some YAML, and in which line."""


@dataclass(frozen=True)
class _Mapping:
    """A mapping that knows its lines; keys may come twice, as they may in rcl."""

    items: list[tuple[str, Any, int]]


def parameter_value(text: str) -> Any:
    """Value of a parameter on the command line: one scalar, or a list of them.

    Raises ParameterFileError.
    """
    values = _load(text)
    if len(values) != 1:
        raise ParameterFileError('there is no value' if not values else 'there are two values')
    if isinstance(values[0], _Mapping):
        raise ParameterFileError('the value of a parameter is a scalar or a list')
    return values[0]


def file_parameters(path: str) -> Iterator[tuple[str, str, Any]]:
    """(pattern of node names, name of the parameter, value) of a file, in its order.

    Raises ParameterFileError.
    """
    try:
        with Path(path).open('rb') as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'it is not UTF-8'
        raise ParameterFileError(str(reason)) from error
    if len(content) > LARGEST_FILE:
        raise ParameterFileError(f'it is longer than {LARGEST_FILE:,} bytes')
    for tree in _load(text):
        if not isinstance(tree, _Mapping):
            raise ParameterFileError('it does not start with the name of a node')
        yield from _nodes(tree, '')


def _nodes(mapping: _Mapping, prefix: str) -> Iterator[tuple[str, str, Any]]:
    for key, value, line in mapping.items:
        if not isinstance(value, _Mapping):
            what = f"'{key}' in line {line} is no parameter: '{PARAMETERS}:' is missing above it"
            raise ParameterFileError(what)
        if key != PARAMETERS:
            yield from _nodes(value, f'{prefix}/{key}' if prefix else key)
        elif not prefix:
            what = f"'{PARAMETERS}' in line {line} has no node above it: write '/**:' for all"
            raise ParameterFileError(what)
        elif not NODE_NAME.fullmatch(prefix):
            what = f"'{prefix}' above line {line} is no name of a node: write /namespace/node"
            raise ParameterFileError(what)
        else:
            for name, parameter in _flat(value, ''):
                yield prefix, name, parameter


def _flat(mapping: _Mapping, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value, _ in mapping.items:
        if isinstance(value, _Mapping):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _load(text: str) -> list[Any]:
    """Content of each document in some YAML; none in comments only."""
    try:
        events = iter(list(_not_too_deep(YAML(typ='safe', pure=True).parse(text))))
        return [
            _node(next(events), events)
            for event in events
            if isinstance(event, DocumentStartEvent)
        ]
    except YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        where = f' in line {mark.line + 1}' if mark is not None else ''
        problem = getattr(error, 'problem', None) or 'it is not YAML'
        raise ParameterFileError(f'{problem}{where}') from error


def _not_too_deep(events: Iterator[Event]) -> Iterator[Event]:
    """The events; what is nested without end is refused before it is read to its end."""
    depth = 0
    for event in events:
        depth += isinstance(event, (MappingStartEvent, SequenceStartEvent))
        depth -= isinstance(event, (MappingEndEvent, SequenceEndEvent))
        if depth > LARGEST_DEPTH:
            line = event.start_mark.line + 1
            raise ParameterFileError(f'line {line}: nested deeper than {LARGEST_DEPTH} levels')
        yield event


def _node(event: Event, rest: Iterator[Event], line: int = 1) -> Any:
    """Value that starts with an event; `line` is that of its key."""
    if isinstance(event, ScalarEvent):
        return _scalar(event, line)
    if isinstance(event, SequenceStartEvent):
        return _list(rest, line)
    if isinstance(event, MappingStartEvent):
        items = []
        while not isinstance(key := next(rest), MappingEndEvent):
            if not isinstance(key, ScalarEvent):
                raise ParameterFileError(f'line {line}: a key is not a word')
            line = key.start_mark.line + 1
            items.append((key.value, _node(next(rest), rest, line), line))
        return _Mapping(items)
    assert isinstance(event, AliasEvent)
    raise ParameterFileError(f'line {line}: ROS 2 does not read aliases (*)')


def _list(rest: Iterator[Event], line: int) -> list[Any] | None:
    values = []
    while not isinstance(event := next(rest), SequenceEndEvent):
        if not isinstance(event, ScalarEvent):
            raise ParameterFileError(f'line {line}: a list holds bools, numbers or strings only')
        values.append(_scalar(event, event.start_mark.line + 1))
    if len({type(value) for value in values}) > 1:
        hint = "write 1.0 among doubles, 'y' among strings"
        raise ParameterFileError(f'line {line}: the values of a list have one type: {hint}')
    # An empty list has no type: the parameter is not set.
    return values or None


def _scalar(event: ScalarEvent, line: int) -> Any:
    text: str = event.value
    if event.style in ("'", '"') or event.tag == STRING_TAG:
        return text
    if not text:
        raise ParameterFileError(f'line {line}: there is no value')
    if text in TRUE or text in FALSE:
        return text in TRUE
    if INTEGER.fullmatch(text) and (integer := _integer(text)) is not None:
        return integer
    if DOUBLE.fullmatch(text) and math.isfinite(double := float(text)):
        return double
    if NOT_FINITE.fullmatch(text):
        return float(text.replace('.', ''))
    return text


def _integer(text: str) -> int | None:
    """As in C: 0x10 is 16 and 010 is 8; None for 08, and for what does not fit into 64 bits."""
    digits = text.lstrip('+-')
    try:
        size = int(digits, 8 if digits[0] == '0' and digits.isdigit() else 0)
    except ValueError:
        return None
    value = -size if text[0] == '-' else size
    return value if -(2**63) <= value < 2**63 else None
