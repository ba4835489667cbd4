# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of words, numbers and times in text files, as programs of all kinds write them.

Words are separated by spaces, tabs, semicolons or commas; commas may be decimal points. Lines that
begin with #, % or // are comments, and may name the columns, as a first line of names does. UTF-8
and UTF-16, with a byte-order mark or without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from itertools import pairwise
from pathlib import Path

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.limits import LARGEST_TABLE, LATEST_STAMP
from mdepth_ros.texts import TextError, read_text

UNITS = {'s': 10**9, 'ms': 10**6, 'us': 10**3, 'ns': 1}
USUAL = 10**6, 2 * 10**9
"""ns from one image or pose to the next: more than the first."""
LONGEST = 60 * 10**9
"""ns: numbers further apart are of a smaller unit."""
SINCE = 10**18
"""ns: a clock that counts from 1970 shows more, since 2001."""
LARGEST_EXPONENT = 100_000
"""Of ten; Decimal reads larger ones than it can calculate with."""
_DECIMAL_COMMA = re.compile(r'[-+]?\d+(,\d+([eE][-+]?\d+)?)?')
_BRACKETS = re.compile(r'(?<!\s)\s*[\[(]([^\[\]()]*)[\])]')  # in time with the line's length
_UNIT = re.compile(
    r'(?:^|[\W_])(?:(?P<ns>ns|nsecs?|nanosec\w*)|(?P<us>us|µs|usecs?|microsec\w*)'
    r'|(?P<ms>ms|msecs?|millisec\w*)|(?P<s>s|secs?|seconds?))\W*$'
)


@dataclass(frozen=True)
class Table:
    """The rows of a text file.

    names   of the columns in lower case, such as 'time[ns]'; () where no line says them
    lines   the number of the line of each row
    commas  whether commas separate the columns
    """

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    commas: bool

    def column(self, index: int) -> list[str]:
        """The words of a column; MdepthError for a row that does not have it."""
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) <= index:
                raise MdepthError(
                    f'{self.path}: line {line} has {len(row)} columns, not {index + 1} or more: '
                    'mend or delete it'
                )
        return [row[index] for row in self.rows]

    def times(self, index: int = 0) -> list[int]:
        """The times in a column, see `nanoseconds`."""
        name = self.names[index] if index < len(self.names) else ''
        return nanoseconds(self.column(index), self.path, name)


def read_table(path: Path, what: str = '') -> Table:
    """The rows of a file, in its order; none where it holds comments only.

    Raises MdepthError, saying `what` it is, where it is missing or no text.
    """
    try:
        text = read_text(path, LARGEST_TABLE)
        if '\0' in text:
            raise TextError('it is not a text file')
    except (OSError, TextError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MdepthError(f'cannot read {what}{path}: {reason}') from None
    titles, rows, lines, commas = list[list[str]](), list[list[str]](), list[int](), False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line:
            continue
        comment = re.match(r'(#|%|//)+', line)
        words, separated = _words(line[comment.end() :] if comment else line)
        if comment or not (rows or any(map(_is_number, words))):
            titles.append(words)
        else:
            commas = separated if not rows else commas
            rows.append(words)
            lines.append(number)
    # '# time [ms]' may stand alone above rows of other columns.
    alone = [names for names in titles if len(names) == 1 and _unit(names[0])]
    fitting = [names for names in titles if rows and len(names) == len(rows[0])] or alone
    names = tuple(name.lower() for name in fitting[-1]) if fitting else ()
    return Table(path, names, rows, lines, commas)


def _words(line: str) -> tuple[list[str], bool]:
    """The words of a line, and whether commas separate them."""
    line = _BRACKETS.sub(lambda found: f'[{found[1].strip()}]', line)  # 'time [ns]' is one word
    words, commas = line.split(), False
    if ';' in line:
        words = [word.replace(',', '.') for word in line.split(';')]
    elif ',' in line and len(words) > 1 and all(map(_DECIMAL_COMMA.fullmatch, words)):
        words = [word.replace(',', '.') for word in words]
    elif ',' in line:
        commas, words = True, []
        for part in line.split(','):
            inside = part.split()
            words += inside if inside and all(map(_is_number, inside)) else [part]
    words = [word.strip().strip('"\'') for word in words]
    while len(words) > 1 and not words[-1]:  # a separator at the end
        words.pop()
    return words, commas


def _is_number(word: str) -> bool:
    try:
        Decimal(word)
    except DecimalException:
        return False
    return True


def nanoseconds(words: Sequence[str], path: Path, name: str = '') -> list[int]:
    """Times in ns of words in seconds, or in ms, us or ns where `name` or the numbers say so.

    The numbers say so where as seconds they would be later than LATEST_STAMP, or further apart
    than images and poses are. Raises MdepthError, naming `path`, for what is no time.
    """
    values = []
    for word in words:
        try:
            values.append(Decimal(word))
        except DecimalException:
            raise MdepthError(f'{path}: {quoted(word)} is not a time: mend it') from None
        if not values[-1].is_finite() or values[-1].adjusted() > LARGEST_EXPONENT:
            raise MdepthError(f'{path}: {quoted(word)} is not a time: mend or delete the line')
    if not values:
        return []
    steps = sorted(b - a for a, b in pairwise(values) if b > a)
    step = steps[(len(steps) - 1) // 2] if steps else Decimal(0)
    named = _unit(name)
    unit = UNITS[named or _guess(words, values, step, path)]
    if named and 0 < step * unit < USUAL[0] / 20:
        raise MdepthError(
            f'{path}: its first line names {named}, but the times are {step:g} apart: mend the '
            'name'
        )
    latest = max(values, key=abs)
    if abs(latest) * unit > LATEST_STAMP:
        raise MdepthError(
            f'{path}: the time {quoted(words[values.index(latest)])} is beyond the year 2038: '
            'mend it, or write seconds'
        )
    _check_digits(words, values, step, path)
    return [round(value * unit) for value in values]


def quoted(word: str) -> str:
    """A word of others in quotes, of a length that fits in a line."""
    return f"'{shown(word if len(word) <= 40 else f'{word[:30]}...')}'"


def _unit(name: str) -> str | None:
    found = _UNIT.search(name.lower())
    return found.lastgroup if found else None


def _guess(words: Sequence[str], values: list[Decimal], step: Decimal, path: Path) -> str:
    largest, smallest = max(map(abs, values)), min(values)
    fitting = [unit for unit, factor in UNITS.items() if largest * factor <= LATEST_STAMP]
    of_clock = [u for u in fitting if smallest * UNITS[u] >= SINCE and step * UNITS[u] <= LONGEST]
    if of_clock or not fitting:
        return (of_clock or ['s'])[0]
    usual = [u for u in fitting if USUAL[0] < step * UNITS[u] <= USUAL[1]]
    if 's' in fitting and USUAL[1] < step * UNITS['s'] <= LONGEST:
        # So far apart only we write with all nine digits.
        if any(len(word.partition('.')[2]) >= 9 for word in words):
            return 's'
        raise MdepthError(
            f'{path}: are these times {step} seconds or {step} milliseconds apart? say it in a '
            'first line: # time [s], or # time [ms]'
        )
    return (usual or ['s'])[0]


def _check_digits(words: Sequence[str], values: list[Decimal], step: Decimal, path: Path) -> None:
    """Raise MdepthError for times such as 1.4e18, without the digits that matter."""
    for word, value in zip(words, values, strict=True):
        quantum = Decimal(10) ** int(value.as_tuple().exponent)
        if 'e' in word.lower() and len(words) > 1 and step <= 5 * quantum:
            raise MdepthError(
                f'{path}: times such as {quoted(word)} are rounded to more than the time from one '
                'to the next: write them with all their digits'
            )
