# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings as fields of dataclasses, read by msgspec: one description for checks and docs."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields, is_dataclass
from math import inf, isfinite
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.texts import TextError, parse_yaml

T = TypeVar('T')
_ONE = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a text'}
_NONE: Mapping[str, Any] = {}
_MANY = {int: 'whole numbers', float: 'numbers', str: 'texts'}


def setting(default: Any, text: str, low: float = -inf, high: float = inf) -> Any:
    """One field: its default, what it is, and the limits of a number (both included)."""
    return field(default=default, metadata={'text': text, 'low': low, 'high': high})


def build(kind: type[T], values: object, where: str = '', chosen: Mapping[str, Any] = _NONE) -> T:
    """Make the dataclass `kind` of nested plain values, as YAML has them; msgspec converts each.

    chosen  classes for fields of `kind` of which any subclass may be: field name -> class

    Raises MdepthError for an unknown name, and a value of another type or outside of its limits.
    What a class has in `renamed`, old names and their new ones, may still be in files.
    """
    if not isinstance(values, dict):
        raise MdepthError(
            f'{where.rstrip(".") or "the configuration"} must be a mapping of names to values'
        )
    renamed = getattr(kind, 'renamed', _NONE)
    values = {renamed.get(name, name): value for name, value in values.items()}
    hints = {**get_type_hints(kind), **chosen}
    known: dict[str, Any] = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    for name in map(str, values):
        if name not in known:
            raise MdepthError(_unknown(where, name, list(known)))
    return kind(
        **{name: _converted(hints[name], known[name], v, where) for name, v in values.items()}
    )


def _converted(hint: Any, item: Field[Any], value: object, where: str) -> Any:
    """One value; a text may be a number, for YAML reads 1e-3 as one, or a list of itself."""
    if is_dataclass(hint):
        return build(hint, value, f'{where}{item.name}.')  # type: ignore[arg-type]
    inner = get_args(hint)
    if inner and is_dataclass(inner[0]) and isinstance(value, (list, tuple)):
        return tuple(build(inner[0], one, f'{where}{item.name}.') for one in value)  # type: ignore[arg-type]
    given = value
    if isinstance(value, str) and _is_list_of_texts(hint):
        given = [value] if value else []
    try:
        made = msgspec.convert(given, hint, strict=float not in (hint, *get_args(hint)))
    except msgspec.ValidationError:
        pass
    else:
        low, high = item.metadata.get('low', -inf), item.metadata.get('high', inf)
        if not isinstance(made, (int, float)) or (isfinite(made) and low <= made <= high):
            return made
    wanted = type_name(hint, **item.metadata)
    raise MdepthError(f'{where}{item.name}: {wanted}, not {shown(repr(value))}')


def _unknown(where: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f'did you mean {where}{near[0]}?' if near else f'choose from {", ".join(sorted(known))}'
    return f'unknown setting {where}{shown(name)}: {hint}'


def from_text(kind: Any, name: str, text: str, chosen: Mapping[str, Any] = _NONE) -> Any:
    """What an override `name=text` of the dataclass `kind` means, as `build` takes it.

    Texts are taken as they stand, for they are paths and patterns, of which YAML would make
    something else; a list of texts may be written [a, b]. All else is YAML.
    """
    hint = kind
    for place, part in enumerate(name.split('.')):
        hint = get_type_hints(hint).get(part, Any) if is_dataclass(hint) else Any
        hint = hint if place else chosen.get(part, hint)
    texts = _is_list_of_texts(hint)
    if texts and text.startswith('['):
        try:
            values = parse_yaml(text)
        except TextError:
            return text  # a pattern such as [0-9]*.bag
        return values if isinstance(values, list) else text
    if hint is str or texts or not text:
        return text
    return parse_yaml(text)


def _is_list_of_texts(hint: Any) -> bool:
    return get_origin(hint) is tuple and get_args(hint)[0] is str


def type_name(hint: Any, low: float = -inf, high: float = inf, **_: Any) -> str:
    """The type of a setting in words, with its limits where it has some."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ', '.join(map(str, arguments[:-1])) + f' or {arguments[-1]}'
    if origin is tuple and arguments[-1] is Ellipsis:
        return f'a list of {_MANY.get(arguments[0], "mappings")}'
    if origin is tuple:
        return f'{len(arguments)} {_MANY[arguments[0]]}'
    if origin in (Union, types.UnionType):
        return f'{type_name(arguments[0], low, high)} or null'
    limits = f' from {low:g}' * (low > -inf) + f' to {high:g}' * (high < inf)
    return _ONE[hint] + limits


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
