# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings as fields of dataclasses: one description, from which reading, checks and docs come."""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from math import inf, isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import TextError, parse_yaml

_ONE = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a text'}
_NONE: Mapping[str, Any] = {}
_MANY = {int: 'whole numbers', float: 'numbers', str: 'texts'}


def setting(default: Any, text: str, low: float = -inf, high: float = inf) -> Any:
    """One field: its default, what it is, and the limits of a number (both included)."""
    return field(default=default, metadata={'text': text, 'low': low, 'high': high})


def check(settings: Any, where: str) -> None:
    """Raise MdepthError for a number outside its limits; NaN and infinity are outside of all."""
    for item in fields(settings):
        value, limits = getattr(settings, item.name), item.metadata
        if isinstance(value, (int, float)) and 'low' in limits:
            low, high = limits['low'], limits['high']
            if not (low <= value <= high and isfinite(value)):
                allowed = f'in {low:g}..{high:g}' if high < inf else f'from {low:g}'
                allowed = 'finite' if low <= value <= high else allowed
                raise MdepthError(f'{where}{item.name} is {value}: it must be {allowed}')


def build(kind: Any, values: Any, where: str = '', chosen: Mapping[str, Any] = _NONE) -> Any:
    """Make the dataclass `kind` of nested plain values, as YAML has them.

    chosen  classes for fields of `kind` of which any subclass may be: field name -> class

    Raises MdepthError for an unknown name or a value of another type.
    """
    if not isinstance(values, dict):
        raise MdepthError(
            f'{where.rstrip(".") or "the configuration"} must be a mapping of names to values'
        )
    hints = {**get_type_hints(kind), **chosen}
    known = {item.name for item in fields(kind)}
    if unknown := sorted(set(map(str, values)) - known):
        raise MdepthError(
            f'unknown setting {where}{unknown[0]}: choose from {", ".join(sorted(known))}'
        )
    built = {}
    for name, value in values.items():
        if is_dataclass(hints[name]):
            built[name] = build(hints[name], value, f'{where}{name}.')
        else:
            built[name] = _convert(hints[name], value, where + name)
    return kind(**built)


def from_text(kind: Any, name: str, text: str, chosen: Mapping[str, Any] = _NONE) -> Any:
    """What an override `name=text` of the dataclass `kind` means, as `build` takes it.

    Texts are taken as they stand, for they are paths and patterns, of which YAML would make
    something else; a list of texts may be written [a, b]. All else is YAML.
    """
    hint = kind
    for place, part in enumerate(name.split('.')):
        hint = get_type_hints(hint).get(part, Any) if is_dataclass(hint) else Any
        hint = hint if place else chosen.get(part, hint)
    texts = get_origin(hint) is tuple and get_args(hint)[0] is str
    if texts and text.startswith('['):
        try:
            values = parse_yaml(text)
        except TextError:
            return text  # a pattern such as [0-9]*.bag
        return values if isinstance(values, list) else text
    if hint is str or texts or not text:
        return text
    return parse_yaml(text)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return build(hint, value, f'{where}.')
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            values = ([value] if value else []) if isinstance(value, str) else value
            if isinstance(values, (list, tuple)):
                return tuple(_convert(arguments[0], item, where) for item in values)
        elif isinstance(value, (list, tuple)) and len(arguments) == len(value):
            return tuple(_convert(k, v, where) for k, v in zip(arguments, value, strict=True))
    elif origin in (Union, types.UnionType):
        if value is None and types.NoneType in arguments:
            return None
        return _convert(arguments[0], value, where)
    elif origin is Literal:
        if value in arguments:
            return value
    elif hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-3 as a string
        except ValueError:
            pass
    elif isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
        return value
    raise MdepthError(f'{where} cannot be {value!r}: it must be {type_name(hint)}')


def type_name(hint: Any) -> str:
    """The type of a setting in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ', '.join(map(str, arguments[:-1])) + f' or {arguments[-1]}'
    if origin is tuple and arguments[-1] is Ellipsis:
        return f'a list of {_MANY.get(arguments[0], "mappings")}'
    if origin is tuple:
        return f'{len(arguments)} {_MANY[arguments[0]]}'
    if origin in (Union, types.UnionType):
        return f'{type_name(arguments[0])} or null'
    return _ONE[hint]


def described(
    kind: Any, where: str = '', chosen: Mapping[str, Any] = _NONE
) -> Iterator[tuple[str, str, Any, str]]:
    """(name, type, default, text) of every setting below `kind`, in order."""
    hints, texts = {**get_type_hints(kind), **chosen}, _docstring_texts(kind)
    for item in fields(kind):
        if is_dataclass(hints[item.name]):
            yield from described(hints[item.name], f'{where}{item.name}.')
        else:
            text = item.metadata.get('text', '') or texts.get(item.name, '')
            yield where + item.name, type_name(hints[item.name]), item.default, text


def markdown_table(kind: Any, chosen: Mapping[str, Any] = _NONE) -> str:
    """Every setting below `kind` as a table for the README."""
    rows = ['| setting | type | default | what it is |', '|---|---|---|---|']
    for name, type_, default, text in described(kind, '', chosen):
        value = (default or "''") if isinstance(default, str) else json.dumps(default)
        rows.append(f'| `{name}` | {type_} | `{value}` | {text} |')
    return '\n'.join(rows)


def _docstring_texts(kind: Any) -> dict[str, str]:
    """Name -> text of the fields that a docstring explains as `name, name   text`."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(kind.__doc__ or '').splitlines():
        if match := re.fullmatch(r'(\w+(?:, \w+)*)  +(\S.*)', line):
            names = match[1].split(', ')
            texts |= dict.fromkeys(names, match[2])
        elif names and (match := re.fullmatch(r'  +(\S.*)', line)):
            texts |= {name: f'{texts[name]} {match[1]}' for name in names}
        else:
            names = []
    return texts
