# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Times and rows of text files: the same content, written in many ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.tables import nanoseconds, read_table

FILE = Path('times.txt')
CLOCK = [1403715273262142976 + n * 50_000_000 for n in range(5)]
START = [n * 50_000_000 for n in range(5)]


@pytest.mark.parametrize(
    ('digits', 'write'),
    [
        (9, lambda t: str(t)),
        (9, lambda t: f'{t}.000000'),
        (9, lambda t: f'{t // 10**9}.{t % 10**9:09d}'),
        (6, lambda t: str(t // 1000)),
        (3, lambda t: str(t // 10**6)),
        (6, lambda t: f'{t // 10**6}.{t % 10**6 // 1000:03d}'),
        (9, lambda t: f'{str(t)[0]}.{str(t)[1:]}e18'),
        (6, lambda t: f'{t / 1e9:.6f}'),
    ],
)
def test_times_of_a_clock_in_any_unit(digits, write):
    step = 10 ** (9 - digits)
    expected = [stamp // step * step for stamp in CLOCK]
    assert nanoseconds([write(t) for t in CLOCK], FILE) == pytest.approx(expected, abs=step)


@pytest.mark.parametrize('unit', [1, 1000, 10**9])
def test_times_from_zero_in_any_unit(unit):
    words = [str(t // unit) if unit < 10**9 else str(t / 1e9) for t in START]
    assert nanoseconds(words, FILE) == START


def test_whole_numbers_that_may_be_two_units_are_asked_for():
    words = [str(33 * n) for n in range(5)]
    with pytest.raises(
        MdepthError, match=r'33 seconds or 33 milliseconds apart\? .* # time \[ms\]'
    ):
        nanoseconds(words, FILE)
    assert nanoseconds(words, FILE, 'time[ms]')[1] == 33_000_000
    assert nanoseconds(words, FILE, 'time[s]')[1] == 33_000_000_000
    with pytest.raises(MdepthError, match='names us, but the times are 33 apart'):
        nanoseconds(words, FILE, 't_us')
    assert nanoseconds(['0.000000000', '5.000000000'], FILE)[1] == 5_000_000_000
    assert nanoseconds(['0', '1', '2'], FILE)[1] == 1_000_000_000


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['0', '1e400'], 'beyond the year 2038'),
        (['0', str(10**400)], 'beyond the year 2038'),
        (['0', '9' * 5000], 'beyond the year 2038'),
        (['0', '-' + '9' * 5000], 'beyond the year 2038'),
        (['0', '1e999999999999999999999'], 'is not a time'),
        (['0', '1e999999999'], 'is not a time'),
        (['0', '-1e999999'], 'is not a time'),
        (['0', 'inf'], 'is not a time'),
        (['nan', '1'], 'is not a time'),
        (['0', 'a.png'], 'is not a time'),
        (['0', '0.1', '0.2', '2147483648'], 'beyond the year 2038'),
        (['0', '0.1', '0.2', '4e18'], 'beyond the year 2038'),
        ([f'{t:.6e}' for t in CLOCK], 'with all their digits'),
        ([f'{t / 1e9:.6e}' for t in CLOCK], 'with all their digits'),
    ],
)
def test_what_is_no_time_costs_a_line(words, message):
    with pytest.raises(MdepthError, match=message) as error:
        nanoseconds(words, FILE)
    assert '\n' not in str(error.value) and len(str(error.value)) < 200


ROWS = [['1.5', '-2', '3e-1'], ['4', '5.25', '6']]


@pytest.mark.parametrize(
    'text',
    [
        '1.5 -2 3e-1\n4 5.25 6\n',
        '1.5,-2,3e-1\r\n4,5.25,6\r\n',
        '1.5, -2, 3e-1,\n4, 5.25, 6,\n',
        '1.5, -2 3e-1\n4, 5.25 6\n',
        '\n1.5\t-2\t3e-1\n\n4\t5.25\t6',
        '1,5;-2;3e-1\n4;5,25;6\n',
        '1,5 -2 3e-1\n4 5,25 6\n'.replace('3e-1', '3,0e-1'),
        '"1.5","-2","3e-1"\n"4","5.25","6"\n',
        '# a, b\n// c\n% d\n1.5 -2 3e-1\n# e\n4 5.25 6\n',
    ],
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_the_same_rows_however_they_are_written(tmp_path, text, encoding):
    path = tmp_path / 'table.txt'
    path.write_bytes(text.encode(encoding))
    assert [[float(w) for w in row] for row in read_table(path).rows] == [
        [float(w) for w in row] for row in ROWS
    ]


def test_names_and_numbers_of_lines(tmp_path):
    path = tmp_path / 'data.csv'
    path.write_text('# made by hand\n#timestamp [ns],File Name\n\n10,my image.png\n20,b.png\n30\n')
    table = read_table(path)
    assert table.names == ('timestamp[ns]', 'file name') and table.commas
    assert table.rows[0] == ['10', 'my image.png'] and table.lines == [4, 5, 6]
    with pytest.raises(MdepthError, match='line 6 has 1 columns, not 2'):
        table.column(1)
    path.write_text('Time;X\n0,5;1,5\n')
    assert read_table(path).names == ('time', 'x') and read_table(path).rows == [['0.5', '1.5']]


def test_what_is_no_text(tmp_path):
    path = tmp_path / 'x'
    for data in (b'\x89PNG\r\n\x00\xff', b'1 2\x00 3', b'\xff\xfe1'):
        path.write_bytes(data)
        with pytest.raises(MdepthError, match=r'not (a text file|UTF-8 text)'):
            read_table(path)
    with pytest.raises(MdepthError, match='cannot read'):
        read_table(tmp_path)
