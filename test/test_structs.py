# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plain values as dataclasses: strict, with one line for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.structs import convert
from mdepth_ros.texts import TextError


@dataclass(frozen=True)
class Inner:
    pair: tuple[int, float]
    name: str | None = None

    def __post_init__(self) -> None:
        if self.pair[0] == 13:
            raise MdepthError('13 is no number for a pair')


@dataclass(frozen=True)
class Outer:
    inner: Inner
    table: dict[str, float] = field(default_factory=dict)


def test_values_become_what_the_fields_say() -> None:
    assert convert({'inner': {'pair': [1, 2]}}, Outer, 'it') == Outer(Inner((1, 2.0)))
    values = {'inner': {'pair': [1, 2], 'name': None}, 'table': {'a': 1}}
    assert convert(values, Outer, 'it', complete=True).table == {'a': 1.0}


@pytest.mark.parametrize(
    ('values', 'line'),
    [
        ([], 'it: Expected object, got array'),
        ({}, 'it: Object missing required field inner'),
        ({'inner': {}}, 'it.inner: Object missing required field pair'),
        ({'inner': {'pair': [1, '2']}}, 'it.inner.pair[1]: Expected float, got str'),
        ({'inner': {'pair': [True, 2]}}, 'it.inner.pair[0]: Expected int, got bool'),
        ({'inner': {'pair': [1, 2], 'Pair': 1}}, 'it.inner has the unknown entry Pair: choose'),
        (
            {'inner': {'pair': [1, 2]}, '\x1b': 1},
            r'it has the unknown entry \x1b: choose from inn',
        ),
        ({'inner': {'pair': [1, 2]}, 'table': {'a': '1'}}, 'it.table[...]: Expected float'),
    ],
)
def test_what_is_wrong_is_one_line(values: Any, line: str) -> None:
    with pytest.raises(TextError) as caught:
        convert(values, Outer, 'it')
    assert str(caught.value).startswith(line)


def test_complete_asks_for_the_entries_with_a_default_too() -> None:
    with pytest.raises(TextError, match=r'^it lacks table$'):
        convert({'inner': {'pair': [1, 2], 'name': 'a'}}, Outer, 'it', complete=True)
    with pytest.raises(TextError, match=r'^it\.inner lacks name$'):
        convert({'inner': {'pair': [1, 2]}, 'table': {}}, Outer, 'it', complete=True)


def test_what_a_class_says_of_its_values_is_not_changed() -> None:
    with pytest.raises(MdepthError, match=r'^13 is no number for a pair$'):
        convert({'inner': {'pair': [13, 2]}}, Outer, 'it')
