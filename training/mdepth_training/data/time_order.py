# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images in the order of time: late ones in their place, stamps from the future left out."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from mdepth_ros.core.pairing import MOST_LATE
from mdepth_ros.sources.base import Item

TOLERANCE = 10_000_000  # ns between the two images of a pair: 0.15 m at 15 m/s


def late_in_place(items: Iterable[Item], reach: int) -> Iterator[Item]:
    """The items, those that come late (see `mdepth_ros.core.pairing.Order`) where they belong.

    Unlike the vehicle, whoever extracts can wait for them. What is older than the newest by more
    than `reach` ns is another time: it stays where it is.
    """
    waiting: list[Item] = []
    for item in items:
        if waiting and waiting[-1].stamp - item.stamp > reach:
            yield from waiting
            waiting.clear()
        insort(waiting, item, key=attrgetter('stamp'))
        if len(waiting) > MOST_LATE:
            yield waiting.pop(0)
    yield from waiting


def in_order(items: Iterable[Item], dropped: Callable[[], None]) -> Iterator[Item]:
    """The items without those whose stamp is later than that of the two after it.

    One stamp from the future would cost all that comes after it: those are what is in order.
    """
    waiting: deque[Item] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) < 3:
            continue
        first = waiting.popleft()
        if waiting[0].stamp <= waiting[1].stamp < first.stamp:
            dropped()
            continue
        yield first
    yield from waiting


def thinned(
    items: Iterable[Item], step: int, tick: Callable[[], None], drop: Callable[[str], None]
) -> Iterator[Item]:
    """The items that are about `step` ns apart on the average; `drop` gets the others' reason."""
    last, due = -1, -(10**18)
    for item in items:
        tick()
        if item.stamp <= last:
            drop('not later than the one before')
            continue
        # Kept is what is nearer to the time that is due than the next image will be.
        half = (item.stamp - last) // 2 if last >= 0 else 0
        last = item.stamp
        if item.stamp + half < due:
            drop('between two of the interval')
            continue
        due = step + (due if abs(item.stamp - due) <= step else item.stamp)
        yield item


def paired(items: Iterable[Item], others: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Each item with the other that is nearest in time, None where none is within TOLERANCE.

    Both in order of time.
    """
    rest = iter(others)
    before, after = None, next(rest, None)
    for item in items:
        while after is not None and after.stamp <= item.stamp:
            before, after = after, next(rest, None)
        distances = {abs(other.stamp - item.stamp): other for other in (before, after) if other}
        nearest = min(distances, default=TOLERANCE + 1)
        yield item, distances[nearest] if nearest <= TOLERANCE else None
