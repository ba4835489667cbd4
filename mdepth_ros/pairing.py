# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames -> frame pairs, by time stamp.

The networks were trained on frames a certain time apart. A frame is therefore paired with the
earlier one that is nearest to that time, not with whatever came last, so that a faster camera and
a lost frame change little. Where there is none, the frame is paired with itself and says why.

A live run may skip frames. What it skipped can still be a partner (`Pairing.skipped`), so that it
pairs as a run that took every frame, and has a partner also where a step takes longer than a pair.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mdepth_ros.errors import MdepthError
from mdepth_ros.frame import Frame

NANO = 1_000_000_000
REPEATED = 'repeated stamp'
T = TypeVar('T')


@dataclass(frozen=True, eq=False)
class FramePair:
    """What the networks get.

    current   the newest frame
    previous  the earlier frame; `current` itself where there is no pair
    reason    '' for a real pair, else why the frame is paired with itself
    interval  seconds from previous to current; 0 where paired with itself
    """

    current: Frame
    previous: Frame
    reason: str = ''
    interval: float = 0.0


class Recent(Generic[T]):
    """What came within the last `span` ns, by stamp; thinned out to nine at most."""

    def __init__(self, span: int) -> None:
        self.spacing = span // 8
        self._span = span
        self._items: deque[tuple[int, T]] = deque()

    def add(self, stamp: int, item: T) -> None:
        """Add an item; one that is older than the last begins anew, one too near is left out."""
        items = self._items
        if items and stamp < items[-1][0]:
            items.clear()
        if not items or stamp - items[-1][0] >= self.spacing:
            items.append((stamp, item))
        while stamp - items[0][0] > self._span:
            items.popleft()

    def nearest(self, stamp: int, before: int) -> tuple[int, T] | None:
        """The (stamp, item) nearest to a stamp, of those before another."""
        earlier = (item for item in self._items if item[0] < before)
        return min(earlier, key=lambda item: abs(item[0] - stamp), default=None)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()


class Pairing:
    """Remembers the recent frames of one camera.

    frame_interval  seconds between the frames of a pair in training
    tolerance       seconds that a pair may be off; None: 1.25 frame intervals, so that one or
                    the first frames of a fast camera, and one lost frame, do not break the chain

    span            ns that a partner may be old
    skipped         gives the skipped frame nearest to a stamp (first argument), if it is within
                    so many ns of it (second) and before another stamp (third); asked only where
                    no frame of `pair` is about as near. None: no frame is skipped
    """

    def __init__(self, frame_interval: float, tolerance: float | None = None) -> None:
        if not 0 < frame_interval < math.inf:
            raise MdepthError(f'frame interval {frame_interval} s: give a time above zero')
        if tolerance is not None and not 0 <= tolerance < math.inf:
            raise MdepthError(f'pairing tolerance {tolerance} s: give zero or more')
        self.frame_interval = frame_interval
        self.tolerance = 1.25 * frame_interval if tolerance is None else tolerance
        self.skipped: Callable[[int, int, int], Frame | None] | None = None
        self._interval = round(frame_interval * NANO)
        self.span = self._interval + round(self.tolerance * NANO)
        self._history: Recent[Frame] = Recent(self.span)
        self._last: Frame | None = None

    def pair(self, frame: Frame) -> FramePair:
        """The frame with its partner; the frame is remembered for the ones to come."""
        previous, reason = self._partner(frame)
        if reason != REPEATED:
            previous = self._skipped(frame, previous) or previous
            self._remember(frame)
        if previous is None:
            return FramePair(frame, frame, reason)
        return FramePair(frame, previous, '', (frame.stamp - previous.stamp) / NANO)

    def reset(self) -> None:
        """Forget every frame."""
        self._history.clear()
        self._last = None

    def _partner(self, frame: Frame) -> tuple[Frame | None, str]:
        last = self._last
        if last is None:
            return None, 'first frame'
        elapsed = frame.stamp - last.stamp
        if (frame.camera, frame.frame_id) != (last.camera, last.frame_id):
            reason = 'camera changed'
        elif elapsed < 0:
            reason = f'time ran backward by {-elapsed / NANO:.2f} s'
        elif elapsed == 0:
            return None, REPEATED
        elif elapsed > self.span:
            reason = f'gap of {elapsed / NANO:.2f} s'
        else:
            wanted = frame.stamp - self._interval
            found = self._history.nearest(wanted, frame.stamp)
            assert found is not None, 'the last frame, or one shortly before it'
            stamp, nearest = found
            if abs(stamp - wanted) <= self.span - self._interval:
                return nearest, ''
            back = (frame.stamp - stamp) / NANO
            return None, f'no frame {self.frame_interval:.2f} s back (nearest is {back:.2f} s)'
        self._history.clear()
        return None, reason

    def _skipped(self, frame: Frame, partner: Frame | None) -> Frame | None:
        """A skipped frame that is a better partner; one that is little nearer is not asked for."""
        wanted, within = frame.stamp - self._interval, self.span - self._interval
        if partner is not None:
            within = min(within, abs(partner.stamp - wanted) - self._history.spacing)
        if self.skipped is None or within < 0:
            return None
        found = self.skipped(wanted, within, frame.stamp)
        if found is None or (found.camera, found.frame_id) != (frame.camera, frame.frame_id):
            return None
        return found

    def _remember(self, frame: Frame) -> None:
        self._last = frame
        self._history.add(frame.stamp, frame)
