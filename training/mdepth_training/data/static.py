# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a standing camera: nothing can be learned from them, and they are many."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from mdepth_ros.sources.standing import Grey, is_static


def static_frames(frames: Iterable[tuple[int, Grey]], interval: float) -> Iterator[bool]:
    """For each (stamp in ns, `small_grey`), in order of time: whether it is of a standing camera.

    That is where the camera moved neither since the frame `interval` seconds before nor until the
    one as much after: the last and the first moving frame keep their neighbours. A neighbour is
    the frame nearest to that time, if it is not further than half the interval from it; a frame
    without one of them is judged by the other, a frame without both is kept. The verdicts come
    when they are known: later than their frames by up to 1.5 intervals.
    """
    step = round(interval * 1e9)
    recent: deque[tuple[int, Grey]] = deque()  # at most 1.5 intervals to both sides of `at`
    at = 0  # the frame of `recent` that is judged next
    for stamp, grey in frames:
        recent.append((stamp, grey))
        while at < len(recent) and stamp - recent[at][0] > 1.5 * step:
            yield _stands(recent, at, step)
            at += 1
            while recent[at][0] - recent[0][0] > 1.5 * step:
                recent.popleft()
                at -= 1
    for rest in range(at, len(recent)):
        yield _stands(recent, rest, step)


def _stands(recent: deque[tuple[int, Any]], at: int, step: int) -> bool:
    stamp, grey = recent[at]
    found = False
    for wanted in (stamp - step, stamp + step):
        nearest, other = min(recent, key=lambda frame: abs(frame[0] - wanted))
        if 2 * abs(nearest - wanted) <= step and nearest != stamp:
            found = True
            if not is_static(*((other, grey) if nearest < stamp else (grey, other))):
                return False
    return found
