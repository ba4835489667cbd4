# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ways to spoil bytes, texts and trees of values; all chance comes from a random.Random."""

from __future__ import annotations

import copy
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

INTEGERS = (0, 1, 2, 7, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
DOUBLES = (float('nan'), float('inf'), float('-inf'), 1e300, -1e300, 5e-324, 0.0, -0.0, -1.0)
NUMBERS = (
    *('nan', 'inf', '-inf', '1e400', '-1e400', '1e-400', '1' + '0' * 400, '9' * 5000, '-1', '0'),
    *('', '1e308', '4.9e-324', '0x10', '1_000', '١٢٣', '2020-13-45', '9223372036854775808', '1,5'),
)
WORDS = (
    *('', '..', '../../outside', '/etc/passwd', '~', 'a\x00b', '\x1b[31mred\x1b[0m', 'a\nb', '\r'),
    *(
        '\u202egnp',
        'ü',
        '中文',
        '\ufeff',
        '[' * 3000,
        '{a: ' * 3000,
        '%s%n',
        '`|<b>*_',
        'x' * 5000,
    ),
    *('!!python/object/apply:os.system ["touch outside"]', '&a [*a]', '*a', '<<: {a: 1}', '- |'),
)
LAUGHTER = 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n' + ''.join(
    f'a{i}: &a{i} [{",".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 12)
)
_NUMBER = re.compile(r'[-+]?\d+\.?\d*(?:e[-+]?\d+)?')


def bytes_like(rng: Random, data: bytes) -> bytes:
    """A few small changes of some bytes; sometimes many."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        rng.choice(_OF_BYTES)(rng, changed)
    return bytes(changed)


def _place(rng: Random, data: bytearray, size: int = 1) -> int:
    return rng.randrange(max(len(data) - size, 0) + 1)


def _flip(rng: Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _integer(rng: Random, data: bytearray) -> None:
    size = rng.choice((1, 2, 4, 4, 8))
    at = _place(rng, data, size)
    number = rng.choice(INTEGERS) % 256**size
    data[at : at + size] = number.to_bytes(size, rng.choice(('little', 'little', 'big')))


def _double(rng: Random, data: bytearray) -> None:
    at = _place(rng, data, 8) // 4 * 4
    data[at : at + 8] = struct.pack('<d', rng.choice(DOUBLES))


def _cut(rng: Random, data: bytearray) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 4, 16, len(data)))]


def _repeat(rng: Random, data: bytearray) -> None:
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 4, 64))] * rng.choice((1, 3, 50))


def _insert(rng: Random, data: bytearray) -> None:
    at = _place(rng, data)
    data[at:at] = rng.randbytes(rng.choice((1, 3, 4, 100)))


_OF_BYTES: tuple[Callable[[Random, bytearray], None], ...]
_OF_BYTES = (_flip, _flip, _integer, _integer, _double, _cut, _repeat, _insert)


def text_like(rng: Random, text: str) -> bytes:
    """A text with other numbers, words or lines; sometimes with other bytes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = rng.choice(_OF_TEXT)(rng, text)
    data = text.encode('utf-8', 'surrogatepass')
    return bytes_like(rng, data) if rng.random() < 0.2 else data


def _other_number(rng: Random, text: str) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text + rng.choice(NUMBERS)
    one = rng.choice(found)
    return text[: one.start()] + rng.choice(NUMBERS) + text[one.end() :]


def _near_number(rng: Random, text: str) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    near = rng.choice((str(rng.randrange(30)), f'{rng.uniform(-3, 30):.4g}', f'{one[0]}e-2'))
    return text[: one.start()] + near + text[one.end() :]


def _other_word(rng: Random, text: str) -> str:
    words = re.split(r'(\s+)', text)
    words[rng.randrange(len(words))] = rng.choice(WORDS)
    return ''.join(words)


def _other_lines(rng: Random, text: str) -> str:
    lines = text.split('\n')
    at = rng.randrange(len(lines))
    ways: tuple[Callable[[], object], ...] = (
        lambda: lines.pop(at),
        lambda: lines.insert(at, lines[at]),
        lambda: rng.shuffle(lines),
        lambda: lines.insert(at, rng.choice(WORDS)),
        lambda: lines.extend(lines * 50),
        lambda: lines.insert(at, LAUGHTER),
        lambda: lines.clear(),
    )
    rng.choice(ways)()
    return rng.choice(('\n', '\n', '\n', '\r\n', '\r', ' ')).join(lines)


_OF_TEXT = (_near_number, _near_number, _other_number, _other_word, _other_lines)


def values_like(rng: Random, tree: Any) -> Any:
    """A tree of JSON values with some of them replaced, removed or moved."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return tree
        holder, key = rng.choice(places)
        if rng.random() < 0.15:
            del holder[key]
        elif rng.random() < 0.15:
            holder[key] = copy.deepcopy(rng.choice([inner[k] for inner, k in places]))
        else:
            holder[key] = _value(rng)
    return tree


def _places(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _value(rng: Random) -> Any:
    nested: Any = 1
    for _ in range(rng.choice((1, 45, 200))):
        nested = [nested]
    kinds = (
        *(None, True, [], {}, nested, 10**400, -1, 0, 2**63, 64000, 1e-320),
        *(rng.choice(DOUBLES), rng.choice(WORDS), rng.choice(NUMBERS), '\ud800'),
    )
    return rng.choice(kinds)
