# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the data, said to a person before training starts."""

from __future__ import annotations

from collections import Counter

EXAMPLES = 3


class Findings:
    """Counts what was found, one line per kind with the first few names."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, what: str, *names: object) -> None:
        """Add things of a kind, a plural: add('images that cannot be read', path)."""
        self._counts[what] += len(names)
        examples = self._examples.setdefault(what, [])
        examples += [str(name) for name in names[: EXAMPLES - len(examples)]]

    def lines(self) -> list[str]:
        """Return '12 images that cannot be read: a.png, b.png, c.png and 9 more'."""
        lines = []
        for what, count in self._counts.items():
            examples = self._examples[what]
            more = f' and {count - len(examples)} more' if count > len(examples) else ''
            lines.append(f'{count} {what}: {", ".join(examples)}{more}')
        return lines
