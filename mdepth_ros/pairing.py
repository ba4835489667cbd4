# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames -> frame pairs, by time stamp.

The networks were trained on frames a certain time apart. A frame is therefore paired with the
earlier one that is nearest to that time, not with whatever came last, so that a faster camera and
a lost frame change little. Where there is none, the frame is paired with itself and says why.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from mdepth_ros.errors import MdepthError
from mdepth_ros.frame import Frame

NANO = 1_000_000_000


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


class Pairing:
    """Remembers the recent frames of one camera.

    frame_interval  seconds between the frames of a pair in training
    tolerance       seconds that a pair may be off; None: 1.25 frame intervals, so that one or
                    the first frames of a fast camera, and one lost frame, do not break the chain

    At most nine frames are kept: a camera that is faster than that needs is thinned out.
    """

    def __init__(self, frame_interval: float, tolerance: float | None = None) -> None:
        if not 0 < frame_interval < math.inf:
            raise MdepthError(f'frame interval {frame_interval} s: give a time above zero')
        if tolerance is not None and not 0 <= tolerance < math.inf:
            raise MdepthError(f'pairing tolerance {tolerance} s: give zero or more')
        self.frame_interval = frame_interval
        self.tolerance = 1.25 * frame_interval if tolerance is None else tolerance
        self._interval = round(frame_interval * NANO)
        self._span = self._interval + round(self.tolerance * NANO)
        self._spacing = self._span // 8
        self._history: deque[Frame] = deque()
        self._last: Frame | None = None

    def pair(self, frame: Frame) -> FramePair:
        """The frame with its partner; the frame is remembered for the ones to come."""
        previous, reason = self._partner(frame)
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
            return None, 'repeated stamp'
        elif elapsed > self._span:
            reason = f'gap of {elapsed / NANO:.2f} s'
        else:
            wanted = frame.stamp - self._interval
            nearest = min(self._history, key=lambda earlier: abs(earlier.stamp - wanted))
            if abs(nearest.stamp - wanted) <= self._span - self._interval:
                return nearest, ''
            found = (frame.stamp - nearest.stamp) / NANO
            return None, f'no frame {self.frame_interval:.2f} s back (nearest is {found:.2f} s)'
        self._history.clear()
        return None, reason

    def _remember(self, frame: Frame) -> None:
        history = self._history
        if self._last is not None and frame.stamp == self._last.stamp and history:
            return
        self._last = frame
        if not history or frame.stamp - history[-1].stamp >= self._spacing:
            history.append(frame)
        while frame.stamp - history[0].stamp > self._span:
            history.popleft()
