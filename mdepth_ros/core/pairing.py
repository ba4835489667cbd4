# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames -> frame pairs, by time stamp.

The networks were trained on frames a certain time apart. A frame is therefore paired with the
earlier one that is nearest to that time, not with whatever came last, so that a faster camera and
a lost frame change little. Where there is none, the frame is paired with itself and says why.

Networks that were trained at the speed of traffic estimate too much motion where a vehicle creeps.
With the option `keyframes` the partner is then an older frame, so that the two views differ about
as much as in training.

A stamp that is older than the newest one is that of a late image, or time ran backward: `Order`
tells which.

A live run may skip frames. What it skipped can still be a partner (`Pairing.skipped`), so that it
pairs as a run that took every frame, and has a partner also where a step takes longer than a pair.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import FRAME_INTERVAL, NANO

NEWER, REPEATED, LATE, BACKWARD = 'newer', 'repeated stamp', 'late', 'time ran backward'
LATEST = 5
"""Frame intervals by which an image may be late; more is a clock that was set, or a bag's loop."""
MOST_LATE = 3
"""Images in a row that may be late; one more of them, and the clock was set back by so little."""
LONGEST = 4
"""Frame intervals that a pair of key frames may span."""
PARALLAX = 0.03
"""Length of a motion over the middle depth, below which it is short for networks of the road."""
LARGEST_TURN = 0.05
"""rad: more than that is seldom in the pairs that they were trained on."""
T = TypeVar('T')


class Order:
    """Tells late images from a time that ran backward, by the stamps alone.

    USB cameras and parallel decoders swap neighbouring images; a bag that begins again, or a clock
    that is set, goes back for good. An older stamp is therefore that of a late image where it is
    at most `reach` ns older than the newest one, and not one of more than `MOST_LATE` in a row.

    back  ns by which the stamp before was older than the newest; where time ran backward in
          several small steps, the longest of them
    """

    def __init__(self, reach: int) -> None:
        self.back = 0
        self._reach = reach
        self._newest: int | None = None
        self._late: list[int] = []  # how late those in a row are

    def add(self, stamp: int) -> str:
        """Where the next stamp belongs: NEWER, REPEATED, LATE or BACKWARD."""
        self.back = 0 if self._newest is None else max(0, self._newest - stamp)
        if stamp == self._newest:
            return REPEATED
        if self.back:
            self._late.append(self.back)
            if self.back <= self._reach and len(self._late) <= MOST_LATE:
                return LATE
            self.back = max(self._late)
        self._newest = stamp
        self._late.clear()
        return BACKWARD if self.back else NEWER


class Recent(Generic[T]):
    """What came within the last `span` ns, by stamp; thinned out to nine at most."""

    def __init__(self, span: int) -> None:
        self.spacing = span // 8
        self._span = span
        self._items: deque[tuple[int, T]] = deque()

    def add(self, stamp: int, item: T) -> None:
        """Add an item; one too near to the last, or older, is left out."""
        items = self._items
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

    keyframes       whether a pair spans up to `LONGEST` frame intervals where the motion is short

    span            ns that a partner may be old
    reach           ns that an image may be late, see `Order`
    skipped         gives the skipped frame nearest to a stamp (first argument), if it is within
                    so many ns of it (second) and before another stamp (third); asked only where
                    no frame of `pair` is about as near. None: no frame is skipped
    """

    def __init__(
        self, frame_interval: float, tolerance: float | None = None, keyframes: bool = False
    ) -> None:
        shortest, longest = FRAME_INTERVAL
        if not shortest <= frame_interval <= longest:
            raise MdepthError(
                f'frame interval {frame_interval} s: give a time from {shortest:g} to {longest:g}'
            )
        if tolerance is not None and not 0 <= tolerance < math.inf:
            raise MdepthError(f'pairing tolerance {tolerance} s: give zero or more')
        self.frame_interval = frame_interval
        self.tolerance = 1.25 * frame_interval if tolerance is None else tolerance
        self.skipped: Callable[[int, int, int], Frame | None] | None = None
        self.keyframes = keyframes
        self._interval = round(frame_interval * NANO)
        self._tolerance = round(self.tolerance * NANO)
        self._spanned = 1  # frame intervals
        self.span = (LONGEST if keyframes else 1) * self._interval + self._tolerance
        self.reach = LATEST * self._interval
        self._order = Order(self.reach)
        self._history: Recent[Frame] = Recent(self.span)
        self._last: Frame | None = None

    def pair(self, frame: Frame) -> FramePair:
        """The frame with its partner; the frame is remembered for the ones to come."""
        place = self._order.add(frame.stamp)
        if place in (REPEATED, LATE):
            reason = REPEATED if place == REPEATED else f'late by {self._order.back / NANO:.2f} s'
            return FramePair(frame, frame, reason, stale=True)
        previous, reason = self._partner(frame, place)
        previous = self._skipped(frame, previous) or previous
        self._remember(frame)
        if previous is None:
            return FramePair(frame, frame, reason)
        previous = previous.as_dark_as(frame)
        return FramePair(frame, previous, '', (frame.stamp - previous.stamp) / NANO)

    def adapt(self, pair: FramePair, parallax: float, turn: float) -> None:
        """Choose how far back the next partner is; does nothing without `keyframes`.

        parallax, turn  of the pair: length of the motion over the middle depth, and rad
        """
        if not self.keyframes or pair.reason:
            return
        intervals = pair.interval / self.frame_interval
        wanted = min(
            PARALLAX * intervals / max(parallax, 1e-6), LARGEST_TURN * intervals / max(turn, 1e-6)
        )
        self._spanned = round(min(max(wanted, 1), LONGEST))

    def reset(self) -> None:
        """Forget every frame."""
        self._history.clear()
        self._order = Order(self.reach)
        self._last = None
        self._spanned = 1

    def _partner(self, frame: Frame, place: str) -> tuple[Frame | None, str]:
        last = self._last
        if last is None:
            return None, 'first frame'
        elapsed = frame.stamp - last.stamp
        if (frame.camera, frame.frame_id) != (last.camera, last.frame_id):
            reason = 'camera changed'
        elif place == BACKWARD:
            reason = f'{BACKWARD} by {self._order.back / NANO:.2f} s'
        elif elapsed > self._interval + self._tolerance:
            reason = f'gap of {elapsed / NANO:.2f} s'
        else:
            found = self._history.nearest(self._wanted(frame), frame.stamp)
            assert found is not None, 'the last frame, or one shortly before it'
            back = frame.stamp - found[0]
            longest = self._spanned * self._interval + self._tolerance
            if self._interval - self._tolerance <= back <= longest:
                return found[1], ''
            return None, (
                f'no frame {self.frame_interval:.2f} s back (nearest is {back / NANO:.2f} s)'
            )
        self._history.clear()
        self._spanned = 1
        return None, reason

    def _wanted(self, frame: Frame) -> int:
        """Stamp that the partner of a frame should have."""
        return frame.stamp - self._spanned * self._interval

    def _skipped(self, frame: Frame, partner: Frame | None) -> Frame | None:
        """A skipped frame that is a better partner; one that is little nearer is not asked for."""
        wanted, within = self._wanted(frame), self._tolerance
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
