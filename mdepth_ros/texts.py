# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON and YAML of others, within limits.

YAML is its core schema, built from events: there are no tags, no dates and no merge keys, so that
nothing but mappings of texts, lists, texts, numbers, bools and None can come out. As in YAML 1.1,
yes, no, on and off are bools.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML, events
from ruamel.yaml.error import YAMLError

from mdepth_ros.errors import shown
from mdepth_ros.limits import LARGEST_DEPTH, LARGEST_DIGITS, LARGEST_TEXT, LARGEST_YAML

BOOLS = {'true': True, 'yes': True, 'on': True, 'false': False, 'no': False, 'off': False}
INTEGER = re.compile(r'[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+')
FLOAT = re.compile(r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?')
NOT_FINITE = re.compile(r'[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)')
NO_TEXT = re.compile('[\0\ud800-\udfff]')
STRING_TAG = 'tag:yaml.org,2002:str'


class TextError(ValueError):
    """What is wrong with some text, in one line."""


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Read a file of UTF-8, or of UTF-16 that begins with a byte-order mark.

    Raises OSError, or TextError where it is longer or of another kind.
    """
    with path.open('rb') as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise TextError(f'it is longer than {largest:,} bytes')
    try:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode('utf-16' if wide else 'utf-8-sig')
    except UnicodeDecodeError:
        raise TextError('it is not UTF-8 text') from None


def read_json(path: Path) -> Any:
    """Read a JSON file; raises OSError or TextError."""
    return parse_json(read_text(path))


def read_yaml(path: Path) -> Any:
    """Read a YAML file; raises OSError or TextError."""
    return parse_yaml(read_text(path, LARGEST_YAML))


def parse_json(text: str) -> Any:
    """Values of JSON; raises TextError.

    Depth, digits and length are limited. Numbers may be infinite or NaN: who uses them looks.
    """
    if len(text) > LARGEST_TEXT:
        raise TextError(f'it is longer than {LARGEST_TEXT:,} characters')
    try:
        value = json.loads(text, parse_int=_integer)
    except RecursionError:
        _too_deep()
    except TextError:
        raise
    except ValueError as error:
        raise TextError(f'it is not JSON: {shown(error)}') from None
    return _checked(value, LARGEST_TEXT)


def parse_yaml(text: str) -> Any:
    """Values of one document of YAML, None where it is empty; raises TextError.

    Depth, digits and length are limited; so is what aliases (*) stand for. Numbers as in JSON.
    """
    if len(text) > LARGEST_YAML:
        raise TextError(f'it is longer than {LARGEST_YAML:,} characters')
    try:
        value = _Builder(YAML(typ='safe', pure=True).parse(text)).document()
    except RecursionError:
        _too_deep()
    except TextError:
        raise
    except (YAMLError, ValueError) as error:
        mark = getattr(error, 'problem_mark', None)
        where = f' in line {mark.line + 1}' if mark is not None else ''
        problem = getattr(error, 'problem', None) or str(error).partition('\n')[0]
        raise TextError(f'it is not YAML: {shown(problem)}{where}') from None
    return _checked(value, LARGEST_YAML)


def dump_yaml(values: dict[str, Any]) -> str:
    """A mapping as YAML: a line for each name, mappings further in, all else as JSON writes it."""
    return ''.join(f'{line}\n' for line in _lines(values, ''))


def _lines(values: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield f'{indent}{name}:'
            yield from _lines(value, indent + '  ')
        else:
            yield f'{indent}{name}: {json.dumps(value, ensure_ascii=False)}'


class _Builder:
    """Makes values of the events of one document."""

    def __init__(self, found: Iterator[Any]) -> None:
        self._events = found
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        values: list[Any] = []
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                if values:
                    raise TextError('it holds two documents: one is read')
                values.append(self._value(next(self._events)))
        return values[0] if values else None

    def _value(self, event: Any) -> Any:
        """The value that begins with an event."""
        if isinstance(event, events.AliasEvent):
            if event.anchor not in self._anchors:
                raise TextError(f'line {event.start_mark.line + 1}: *{event.anchor} is not known')
            return self._anchors[event.anchor]
        if isinstance(event, events.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, events.SequenceStartEvent):
            value = [self._value(one) for one in self._until(events.SequenceEndEvent)]
        else:
            value = self._mapping()
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in self._until(events.MappingEndEvent):
            line = f'line {event.start_mark.line + 1}'
            if not isinstance(event, events.ScalarEvent):
                raise TextError(f'{line}: a name is not a word')
            name = event.value  # a text, also 1 or yes
            if event.anchor:
                self._anchors[event.anchor] = _scalar(event)
            if name in values:
                raise TextError(f'{line}: {shown(name)} stands there twice')
            values[name] = self._value(next(self._events))
        return values

    def _until(self, end: type) -> Iterator[Any]:
        """The first event of each value in a list or mapping."""
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style is not None or event.tag == STRING_TAG:
        return text
    if text in ('', '~', 'null', 'Null', 'NULL'):
        return None
    if text.lower() in BOOLS and text in (text.lower(), text.title(), text.upper()):
        return BOOLS[text.lower()]
    if INTEGER.fullmatch(text):
        return _integer(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if NOT_FINITE.fullmatch(text):
        return float(text.replace('.', ''))
    return text


def _integer(text: str) -> int:
    if len(text) > LARGEST_DIGITS:
        raise TextError(f'a number of {len(text)} digits is too large')
    return int(text, 0 if text[:2] in ('0x', '0o') else 10)


def _too_deep() -> NoReturn:
    raise TextError(f'it is nested deeper than {LARGEST_DEPTH} levels')


def _checked(value: Any, most: int) -> Any:
    """The value itself, of at most so many values and names, and not too deep.

    No name of a file and no message holds a zero, or half of a surrogate pair.
    """
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        most -= 1
        if most < 0:
            raise TextError('its aliases (*) stand for too much: write out what is meant')
        if isinstance(item, str) and NO_TEXT.search(item):
            raise TextError(f'{shown(item[:40])} is not UTF-8 text')
        if isinstance(item, (dict, list)):
            if depth > LARGEST_DEPTH:
                _too_deep()
            names = list(item) if isinstance(item, dict) else []
            inside = item.values() if isinstance(item, dict) else item
            waiting += [(inner, depth + 1) for inner in (*names, *inside)]
    return value
