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

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

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
    for item, depth in _walk(value):
        if depth > LARGEST_DEPTH:
            _too_deep()
        if isinstance(item, str):
            _whole(item)
    return value


def parse_yaml(text: str) -> Any:
    """Values of one document of YAML, None where it is empty; raises TextError.

    Depth, digits and length are limited; so is what aliases (*) stand for. Numbers as in JSON.
    """
    if len(text) > LARGEST_YAML:
        raise TextError(f'it is longer than {LARGEST_YAML:,} characters')
    try:
        return _Builder().document(YAML(typ='safe', pure=True).parse(text))
    except TextError:
        raise
    except (YAMLError, ValueError) as error:
        mark = getattr(error, 'problem_mark', None)
        where = f' in line {mark.line + 1}' if mark is not None else ''
        problem = getattr(error, 'problem', None) or str(error).partition('\n')[0]
        raise TextError(f'it is not YAML: {shown(problem)}{where}') from None


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
    """Makes values of the events of one document, without recursion."""

    def __init__(self) -> None:
        self._anchors: dict[str, tuple[Any, int, int]] = {}  # value, nodes in it, its depth
        self._open: list[_Node] = []
        self._nodes = 0

    def document(self, events: Iterator[Any]) -> Any:
        result: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise TextError('it holds two documents: one is read')
            elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                self._begin(event)
            elif isinstance(event, (ScalarEvent, AliasEvent, MappingEndEvent, SequenceEndEvent)):
                value, key = self._value(event)
                if self._open:
                    self._open[-1].take(value, key, event.start_mark.line + 1)
                else:
                    result = value
        return result

    def _begin(self, event: Any) -> None:
        if len(self._open) >= LARGEST_DEPTH:
            _too_deep()
        content: Any = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Node(content, event.anchor, self._nodes))
        self._count(1)

    def _value(self, event: Any) -> tuple[Any, str | None]:
        """The value that an event completes, and its text where it can be a key."""
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise TextError(f'line {event.start_mark.line + 1}: *{event.anchor} is not known')
            value, nodes, height = self._anchors[event.anchor]
            self._count(nodes)
            self._raise(height)
            return value, None
        if isinstance(event, ScalarEvent):
            self._count(1)
            value = _scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1, 0)
            return value, event.value
        node = self._open.pop()
        self._raise(node.height)
        if node.anchor:
            self._anchors[node.anchor] = (node.content, self._nodes - node.first, node.height)
        return node.content, None

    def _raise(self, height: int) -> None:
        if self._open:
            self._open[-1].height = max(self._open[-1].height, height + 1)
        if len(self._open) + height > LARGEST_DEPTH:
            _too_deep()

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > LARGEST_YAML:
            raise TextError('its aliases (*) stand for too much: write out what is meant')


class _Node:
    """A list or mapping that is not complete yet; height is how deep it is."""

    def __init__(self, content: Any, anchor: str | None, first: int) -> None:
        self.content, self.anchor, self.first = content, anchor, first
        self.height = 0
        self._key: str | None = None

    def take(self, value: Any, key: str | None, line: int) -> None:
        if isinstance(self.content, list):
            self.content.append(value)
        elif self._key is not None:
            self.content[self._key] = value
            self._key = None
        elif key is None:
            raise TextError(f'line {line}: a name is not a word')
        elif key in self.content:
            raise TextError(f'line {line}: {shown(key)} stands there twice')
        else:
            self._key = key


def _scalar(event: Any) -> Any:
    text: str = event.value
    _whole(text)
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


def _whole(text: str) -> None:
    """No name of a file and no message holds a zero, or half of a surrogate pair."""
    if NO_TEXT.search(text):
        raise TextError(f'{shown(text[:40])} is not UTF-8 text')


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Every value and name in a value, with its depth, without recursion."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        yield item, depth if isinstance(item, (dict, list)) else 0
        if isinstance(item, dict):
            waiting += [(name, 0) for name in item]
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
