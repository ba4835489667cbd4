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
