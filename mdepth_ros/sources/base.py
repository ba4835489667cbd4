# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all sources share: the protocol, static transforms, and the loop from images to frames."""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import CAMERA_FRAME, EIGHT, OPTICAL_ROTATION, Frame, Levels, Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.sources.intrinsics import CalibrationError

if TYPE_CHECKING:
    from mdepth_ros.geometry import Camera

_REMEMBERED = 100_000  # keys of losses; further ones may be counted twice


def by_name(path: Path) -> list[tuple[int, str]]:
    """Key for sorting files as people count: bag_2 before bag_10."""
    parts = re.split(r'([0-9]+)', path.name)
    return [(int(part), '') if part.isdigit() else (-1, part) for part in parts]


def absolute(topic: str) -> str:
    """Return a topic's name as the graph has it: 'image', '//image/' -> '/image'."""
    return '/' + '/'.join(part for part in topic.split('/') if part)


def known_time(stamp: int, recorded: int) -> int:
    """Return the time of a message in ns: the stamp of its header, else the time of recording."""
    return stamp if stamp > 0 else recorded


class RawMessage(NamedTuple):
    """One message of a bag as it was recorded: topic, 'pkg/msg/Name', nanoseconds, CDR bytes."""

    topic: str
    type: str
    time: int
    data: bytes


class Losses:
    """Counts what could not be read, one line per kind; memory stays bounded."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._known: set[Hashable] = set()

    def add(self, what: str, why: str = '', key: Hashable = None) -> None:
        """Count one of `what` (a plural: 'images skipped') for the reason `why`.

        What has a key is counted once, however often it is tried.
        """
        if key in self._known:
            return
        if key is not None and len(self._known) < _REMEMBERED:
            self._known.add(key)
        kind = (what, why)
        if kind not in self._counts and len(self._counts) >= 20:
            kind = (what, 'other reasons')
        self._counts[kind] += 1

    def has(self, key: Hashable) -> bool:
        """Whether what has this key was counted."""
        return key in self._known

    def note(self, line: str) -> None:
        """Add a line without a number, once; an empty line is left out."""
        if line:
            self._counts[('', line)] = 1

    def lines(self) -> list[str]:
        """Return the losses as lines for a person: '3 images skipped: data is too short'."""
        return [
            f'{count} {what}' + (f': {why}' if why else '') if what else why
            for (what, why), count in self._counts.items()
        ]


class StaticTransforms:
    """The fixed transforms of a recording (/tf_static): a tree, or several, of frame names."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, NDArray[np.float64]]] = {}

    def add(self, parent: str, child: str, transform: NDArray[np.float64]) -> None:
        """Add T_parent_child [4, 4], the pose of child in parent; a later one replaces."""
        self._parents[child.lstrip('/')] = (parent.lstrip('/'), np.asarray(transform, float))

    def edges(self) -> list[tuple[str, str, NDArray[np.float64]]]:
        """Return every (parent, child, T_parent_child), in the order of arrival."""
        return [(parent, child, matrix) for child, (parent, matrix) in self._parents.items()]

    def frames(self) -> set[str]:
        """Return the names of all frames."""
        return set(self._parents) | {parent for parent, _ in self._parents.values()}

    def lookup(self, parent: str, child: str) -> NDArray[np.float64] | None:
        """Return T_parent_child [4, 4] in whichever direction the tree runs; None if unconnected.

        A frame that the tree does not know is connected to nothing, itself included.
        """
        parent, child = parent.lstrip('/'), child.lstrip('/')
        known: dict[str, NDArray[np.float64]] = {}
        if parent in self.frames():
            known[parent] = np.eye(4)
        waiting = deque(known)
        while waiting and child not in known:
            name = waiting.popleft()
            for above, below, matrix in self.edges():
                if above == name and below not in known:
                    known[below] = known[name] @ matrix
                    waiting.append(below)
                elif below == name and above not in known:
                    known[above] = known[name] @ np.linalg.inv(matrix)
                    waiting.append(above)
        return known.get(child)


@dataclass(frozen=True)
class Item:
    """One image that is not decoded yet: `image()` gives RGB uint8 [H, W, 3].

    `camera(width, height)` gives the camera of an image of that size. Both raise MdepthError.
    `levels` are those of a Frame.
    """

    stamp: int
    image: Callable[[], NDArray[np.uint8]]
    camera: Callable[[int, int], Camera]
    speeds: tuple[tuple[int, float], ...] = ()
    inputs: tuple[RawMessage, ...] = field(default=(), repr=False)
    levels: Levels = EIGHT


class ImageSource(ABC):
    """A recording as a stream of frames; a format only says what its items are.

    name        what to call it in a report
    total       number of frames to expect, None if unknown
    frame_id    the optical frame of the camera
    extrinsics  the fixed transforms that the recording knows
    inputs      the serialised messages behind the latest frame (bags only, else empty)
    mask        which pixels of its images are never used; None: all are
    """

    one_at_a_time = False
    has_speed = False  # whether its frames may tell the vehicle's speed

    def __init__(
        self,
        name: str,
        *,
        total: int | None = None,
        frame_id: str = CAMERA_FRAME,
        extrinsics: StaticTransforms | None = None,
        losses: Losses | None = None,
    ) -> None:
        self.name, self.total, self.frame_id = name, total, frame_id
        self.extrinsics = extrinsics or StaticTransforms()
        if extrinsics is None:
            self.extrinsics.add('camera_link', CAMERA_FRAME, OPTICAL_ROTATION)
        self.inputs: tuple[RawMessage, ...] = ()
        self.mask: Mask | None = None
        self._lost = Losses() if losses is None else losses
        self._start, self._frames = 0.0, sys.maxsize

    def select(self, start: float, frames: int | None) -> None:
        """Begin `start` seconds after the first image; deliver at most so many frames."""
        self._start = start
        self.total = self.total if start == 0 else None
        if frames is not None:
            self._frames = frames
            self.total = self.total and min(self.total, frames)

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Yield all images of the recording in order, not decoded; `select` has no effect here.

        Where `one_at_a_time`, `image()` must be called before the next item is taken.
        """

    @property
    def losses(self) -> list[str]:
        """What could not be read so far, one line per kind; complete after the iteration."""
        return self._lost.lines()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; an image that cannot be read is skipped and counted.

        Raises MdepthError if there was nothing that could be read.
        """
        begin: int | None = None
        waiting, delivered, reason = self._start > 0, 0, ''
        for item in self.items():
            begin = item.stamp if begin is None else begin
            waiting = waiting and item.stamp < begin + round(self._start * 1e9)
            if waiting:
                reason = f'there are no images {self._start:g} s after the first'
                continue
            if not 0 <= item.stamp < LATEST_STAMP:
                reason = 'their times are before 1970 or after 2038: ROS cannot say them'
                self._lost.add('images skipped', reason)
                continue
            if delivered >= self._frames:
                break
            try:
                image = item.image()
                camera = item.camera(image.shape[1], image.shape[0])
            except CalibrationError as error:
                raise MdepthError(f'{self.name}: {error}') from None
            except MdepthError as error:
                reason = str(error)
                self._lost.add('images skipped', reason)
                continue
            delivered += 1
            self.inputs = item.inputs
            yield Frame(
                item.stamp,
                image,
                camera,
                self.frame_id,
                item.speeds,
                item.levels,
                mask=self.mask,
            )
        self.inputs = ()
        if delivered == 0:
            lost = '; '.join(self.losses)
            reason = reason or 'there are no images' + (f' ({lost})' if lost else '')
            raise MdepthError(f'{self.name}: no image could be read: {reason}')
