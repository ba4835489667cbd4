# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Markdown: tables; and names of others as one line, in which nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mdepth_ros.errors import shown


def code(text: object) -> str:
    """A name as code."""
    return f'`{shown(text).replace("`", chr(39)).replace("|", chr(92) + "|")}`'


def plain(text: object) -> str:
    """A line of words."""
    return re.sub(r'([\\`*\[\]<>|])', r'\\\1', shown(text))


def table(corner: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; the first column is of words, the others of numbers."""
    header = ' | '.join([f'| {corner}'.rstrip(), *columns])
    return [
        f'{header} |',
        '|---|' + '---:|' * len(columns),
        *(f'| {" | ".join(row)} |' for row in rows),
    ]
