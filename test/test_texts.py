# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON and YAML of others become plain values, or one line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mdepth_ros.errors import shown
from mdepth_ros.limits import LARGEST_DEPTH, LARGEST_YAML
from mdepth_ros.texts import TextError, dump_yaml, parse_json, parse_yaml, read_json, read_yaml

LAUGHTER = 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n' + ''.join(
    f'a{i}: &a{i} [{",".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 12)
)
CHAIN = 'a0: &a0 [x]\n' + ''.join(f'a{i}: &a{i} [*a{i - 1}]\n' for i in range(1, 100))


@pytest.mark.parametrize(
    'text',
    [
        'a: 1\nb: [1.5, -2, 1e-3, .5, "x", x y, true, null, ~]\nc: {d: e, "f": []}\n',
        'image_width: 24\ncamera_matrix: {rows: 3, data: [20.0, 0., 11.5]}\n',
        '- a\n- b: 1\n  c: 2\n-\n  - d\n',
        'a: |\n  two\n  lines\nb: >\n  one\n  line\n',
        'a: &x [1, 2]\nb: *x\n',
        '"ü": 中文\n',
        '',
    ],
)
def test_yaml_is_as_another_reader_has_it(text: str) -> None:
    assert parse_yaml(text) == YAML(typ='safe', pure=True).load(text)


def test_what_yaml_1_1_and_1_2_see_differently() -> None:
    words = parse_yaml('[yes, No, ON, off, yEs, 0x10, 012, 2020-13-45, 1:30, .inf, "yes"]')
    assert words == [
        *(True, False, True, False, 'yEs', 16, 12, '2020-13-45', '1:30', float('inf'), 'yes'),
    ]


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('[' * 2990, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('{a: ' * 2990, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('- ' * 2990, f'nested deeper than {LARGEST_DEPTH} levels'),
        (CHAIN, f'nested deeper than {LARGEST_DEPTH} levels'),
        (LAUGHTER, 'stand for too much'),
        ('a: &a [*a]', r'\*a is not known'),
        ('a: ' + '9' * 5000, 'a number of 5000 digits'),
        ('a: 1\na: 2', 'line 2: a stands there twice'),
        ('? [a, b]\n: c', 'a name is not a word'),
        ('a: [', 'not YAML: .* in line 1'),
        ('a: 1\n---\nb: 2', 'two documents'),
        ('"\\0"', r'\\x00 is not UTF-8 text'),
        ('"\\ud800"', r'\\ud800 is not UTF-8 text'),
        ('x' * (LARGEST_YAML + 1), 'longer than'),
    ],
)
def test_one_line_for_yaml(text: str, line: str) -> None:
    start = time.process_time()
    with pytest.raises(TextError, match=line) as refused:
        parse_yaml(text)
    assert '\n' not in str(refused.value) and len(str(refused.value)) < 200
    assert time.process_time() - start < 30  # a bound for what grows without one, not a speed


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('[' * 2990, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('[' * 100_000 + ']' * 100_000, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('[' * 60 + ']' * 60, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('{"a":' * 2990, f'nested deeper than {LARGEST_DEPTH} levels'),
        ('1' + '0' * 400, 'a number of 401 digits'),
        ('[1' + '0' * 5000 + ']', 'a number of 5001 digits'),
        ('{"\\ud800": 1}', r'\\ud800 is not UTF-8 text'),
        ('["\\u0000"]', r'\\x00 is not UTF-8 text'),
        ('[1,', 'not JSON'),
        ('', 'not JSON'),
    ],
)
def test_one_line_for_json(text: str, line: str) -> None:
    with pytest.raises(TextError, match=line) as refused:
        parse_json(text)
    assert '\n' not in str(refused.value) and len(str(refused.value)) < 200


def test_no_tag_makes_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = '!!python/object/apply:os.system ["touch trap"]'
    assert parse_yaml(text) == ['touch trap'] and not list(tmp_path.iterdir())


@pytest.mark.parametrize('read', [read_json, read_yaml])
def test_files(tmp_path: Path, read: Any) -> None:
    file = tmp_path / 'a'
    file.write_bytes(b'\xef\xbb\xbf[1]')  # with the mark that Windows writes
    assert read(file) == [1]
    file.write_bytes(b'["\xff"]')
    with pytest.raises(TextError, match='not UTF-8'):
        read(file)
    with file.open('wb') as sparse:
        sparse.truncate(2**40)
    with pytest.raises(TextError, match='longer than'):
        read(file)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / 'none')


def test_what_is_written_is_read_again() -> None:
    values = {
        'name': '1e-3',
        'yes': 'no',
        'a': {'b': [0.001, 1, True, None, 'x: y', '2020-01-01', '中\n']},
        'empty': {},
    }
    text = dump_yaml(values)
    assert parse_yaml(text) == values == YAML(typ='safe', pure=True).load(text)


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('a\x1b[31mred\x1b[0m', r'a\x1b[31mred\x1b[0m'),
        ('two\nlines\r\t\x07\x08', r'two\nlines\r\t\x07\x08'),
        ('\x9b31m\x7f', r'\x9b31m\x7f'),
        ('\u202egnp.exe\u2066', r'\u202egnp.exe\u2066'),
        ('a\u2028b\ufeff', r'a\u2028b\ufeff'),
        ('\udcff', r'\udcff'),
        ('Zürich, 東京, مرحبا, क्‍ष, 👩‍🔬, a\u00a0b', 'Zürich, 東京, مرحبا, क्‍ष, 👩‍🔬, a\u00a0b'),
    ],
)
def test_names_are_shown_and_not_obeyed(text: str, line: str) -> None:
    assert shown(text) == line == shown(line)
