# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A tree of coordinate frames over time: what tf2's buffer does, without ROS messages.

Stamps are nanoseconds; 0 asks for the newest. A Rigid from frame A to frame B takes coordinates in
A to coordinates in B.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from ros2_standalone.errors import shown

from .rigid import Rigid

LARGEST_NORM_ERROR = 0.01  # of a squared quaternion norm: tf2 refuses what is further from 1


class TransformException(Exception):  # noqa: N818 (the names are those of tf2_ros)
    """Base of what a lookup can fail with."""


class LookupException(TransformException):
    """Raised for a frame that nobody has told of, and for a tree with a loop."""


class ConnectivityException(TransformException):
    """Raised where two frames are in different trees."""


class ExtrapolationException(TransformException):
    """Raised for a time that is before the oldest or after the newest transform."""


class InvalidArgumentException(TransformException):
    """Raised for an empty frame name, or one with a leading slash."""


class _NoSample(Exception):  # noqa: N818
    """Why a link has no transform at some time."""


class _Link:
    """How one frame hung below its parent, over time."""

    def __init__(self, is_static: bool, cache: int) -> None:
        self.is_static = is_static
        self._cache = cache
        self._stamps: list[int] = []
        self._samples: list[tuple[str, Rigid]] = []

    def put(self, stamp: int, parent: str, transform: Rigid) -> bool:
        """Add a sample; False for one that is older than what is kept."""
        if self.is_static:
            self._stamps, self._samples = [stamp], [(parent, transform)]
            return True
        # As in tf2, by the newest before this one: a link that is rarely sent keeps two samples.
        limit = self.newest - self._cache
        old = bisect_left(self._stamps, limit)
        del self._stamps[:old], self._samples[:old]
        if self._stamps and stamp < limit:
            return False
        at = bisect_left(self._stamps, stamp)
        if at < len(self._stamps) and self._stamps[at] == stamp:
            self._samples[at] = (parent, transform)
            return True
        self._stamps.insert(at, stamp)
        self._samples.insert(at, (parent, transform))
        return True

    def clear(self) -> None:
        """Forget what moves; static links stay."""
        if not self.is_static:
            self._stamps.clear()
            self._samples.clear()

    @property
    def newest(self) -> int:
        """Stamp of the newest sample; 0 for a static link, which is as new as you like."""
        return 0 if self.is_static or not self._stamps else self._stamps[-1]

    @property
    def parent(self) -> str | None:
        """The parent by the newest sample."""
        return self._samples[-1][0] if self._samples else None

    def at(self, stamp: int) -> tuple[str, Rigid]:
        """Parent and transform to it at a time; _NoSample where that needs extrapolation."""
        if not self._samples:
            raise _NoSample('there is no data')
        if self.is_static or stamp == 0:
            return self._samples[-1]
        if stamp > self._stamps[-1]:
            raise _NoSample(f'it is in the future: the newest data is of {seconds(self.newest)}')
        if stamp < self._stamps[0]:
            raise _NoSample(f'it is in the past: the oldest data is of {seconds(self._stamps[0])}')
        after = bisect_right(self._stamps, stamp)
        parent, before = self._samples[after - 1]
        if self._stamps[after - 1] == stamp or self._samples[after][0] != parent:
            return parent, before
        span = self._stamps[after] - self._stamps[after - 1]
        ratio = (stamp - self._stamps[after - 1]) / span
        return parent, before.towards(self._samples[after][1], ratio)


def seconds(stamp: int) -> str:
    """A stamp as a person reads it."""
    return f'{stamp // 10**9}.{stamp % 10**9:09d}'


class FrameTree:
    """Links between frames, kept for `cache` nanoseconds."""

    def __init__(self, cache: int) -> None:
        self.links: dict[str, _Link] = {}  # by child frame
        self._cache = cache
        self._frames: dict[str, None] = {}  # a set that keeps its order

    def put(
        self,
        parent: str,
        child: str,
        stamp: int,
        transform: Rigid,
        *,
        is_static: bool = False,
        authority: str = '',
    ) -> None:
        """Add the transform from child to parent; InvalidArgumentException for nonsense."""
        parent, child = parent.removeprefix('/'), child.removeprefix('/')
        names = f"from '{shown(child)}' to '{shown(parent)}' of '{authority}'"
        link_name = f'Transform {names} is ignored'
        if not parent or not child:
            raise InvalidArgumentException(f'{link_name}: a frame has no name')
        if parent == child:
            raise InvalidArgumentException(f'{link_name}: both frames are the same')
        if any(map(math.isnan, (*transform.translation, *transform.rotation))):
            raise InvalidArgumentException(f'{link_name}: it holds NaN')
        norm = math.hypot(*transform.rotation)
        if abs(norm * norm - 1.0) >= LARGEST_NORM_ERROR:
            what = f'its quaternion has a norm of {norm:.4f}, not 1'
            raise InvalidArgumentException(f'{link_name}: {what}')
        x, y, z, w = (part / norm for part in transform.rotation)
        link = self.links.get(child)
        if link is None or link.is_static != is_static:
            link = self.links[child] = _Link(is_static, self._cache)
        self._frames.update({parent: None, child: None})
        if not link.put(stamp, parent, Rigid(transform.translation, (x, y, z, w))):
            what = f'its time {seconds(stamp)} is too far behind {seconds(link.newest)}'
            raise InvalidArgumentException(f'{link_name}: {what}')

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        for link in self.links.values():
            link.clear()

    def lookup(self, target: str, source: str, stamp: int) -> tuple[Rigid, int]:
        """Transform from source to target, and the time that it is of.

        For a stamp of 0 that is the newest time for which all links have data; 0 where all of
        them are static. Raises the exceptions of this module.
        """
        if target == source:
            link = self.links.get(target)
            return Rigid(), stamp or (link.newest if link else 0)
        question = f"transform from '{source}' to '{target}'"
        for name in (target, source):
            self._check_frame(name, question)
        stamp = stamp or self.newest_common(target, source)
        up, up_failure = self._climb(source, stamp, question)
        down, down_failure = self._climb(target, stamp, question)
        for frame, from_target in down.items():
            if frame in up:
                return from_target.inverse().after(up[frame]), stamp
        if failure := down_failure or up_failure:
            at = f'{question} at {seconds(stamp)} would need extrapolation'
            raise ExtrapolationException(f'The {at}: {failure}')
        raise self._unconnected(question)

    def newest_common(self, target: str, source: str) -> int:
        """Newest time for which all links between two frames have data; 0: all are static."""
        question = f"transform from '{source}' to '{target}'"
        up, down = self._ancestors(source, question), self._ancestors(target, question)
        common = next((frame for frame in down if frame in up), None)
        if common is None:
            raise self._unconnected(question)
        between = up[: up.index(common)] + down[: down.index(common)]
        links = [self.links[name] for name in between]
        return min((link.newest for link in links if not link.is_static), default=0)

    def _climb(self, frame: str, stamp: int, question: str) -> tuple[dict[str, Rigid], str]:
        """Transforms from a frame to itself and those above it; and why it goes no further."""
        transform = Rigid()
        found = {frame: transform}
        while (link := self.links.get(frame)) is not None:
            try:
                parent, step = link.at(stamp)
            except _NoSample as failure:
                return found, f"for '{frame}' {failure}"
            if parent in found:
                raise self._loop(question, parent)
            transform = step.after(transform)
            found[parent] = transform
            frame = parent
        return found, ''

    def _ancestors(self, frame: str, question: str) -> list[str]:
        names = [frame]
        while (link := self.links.get(names[-1])) is not None and link.parent is not None:
            if link.parent in names:
                raise self._loop(question, link.parent)
            names.append(link.parent)
        return names

    def _check_frame(self, name: str, question: str) -> None:
        if not name or name.startswith('/'):
            what = 'starts with a slash' if name else 'is empty'
            raise InvalidArgumentException(f"The name of a frame {what} ({question}): '{name}'")
        if name not in self._frames:
            raise LookupException(f"TF knows no frame '{name}' ({question})")

    def _unconnected(self, question: str) -> ConnectivityException:
        return ConnectivityException(f'There is no {question}: they are in different trees of TF')

    def _loop(self, question: str, frame: str) -> LookupException:
        return LookupException(f"There is no {question}: '{frame}' is its own ancestor in TF")
