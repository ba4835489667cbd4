# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every reader of truth delivers: an image, its neighbours in time, its true depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.pairing import Pairing
from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.picture import PictureError, decode_file

Array = NDArray[Any]
TOLERANCE = 0.05  # seconds between an image and its truth


class DamagedTruthError(MdepthError):
    """A file of true depth that cannot be read: its image is left out, with a note."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One image to be scored.

    name       what to call it in a table
    frame      the image, its camera and its stamp
    previous   the frame one interval before it; None at the beginning of a drive
    following  the frame after it; only for the other rule of first frames
    truth      [H, W] metres along z, 0 unknown; None: only the motion is scored
    camera     pinhole camera of the truth's pixels, in the place of the frame's camera
    moving     bool [H, W], what moves by itself, where that is known
    things     ids [H, W] of what moves, 0 elsewhere, where things are told apart
    pose       T_world_camera [4, 4] of the frame, where that is known
    drive      name of the recording that it is a part of, '' for a single image
    """

    name: str
    frame: Frame
    previous: Frame | None = None
    following: Frame | None = None
    truth: Array | None = None
    camera: Camera | None = None
    moving: Array | None = None
    things: Array | None = None
    pose: Array | None = None
    drive: str = ''


@dataclass(frozen=True)
class Options:
    """What a reader may need to be told.

    interval    seconds between the two frames of a pair (of the model)
    camera      the model's training camera, normalised: for images whose own is unknown
    split       file that lists the images to score, instead of the protocol's own list
    topic       camera topic of a bag, image folder of a KITTI sequence
    intrinsics  as `mdepth run --intrinsics` takes them
    rectified   as `mdepth run --rectified`
    masks       folder with masks of what moves, see MaskFolder
    depth_unit  how many units of a depth image make a metre, where it is not as usual
    """

    interval: float
    camera: tuple[float, float, float, float]
    split: Path | None = None
    topic: str | None = None
    intrinsics: str | None = None
    rectified: bool | None = None
    masks: Path | None = None
    depth_unit: float | None = None


@dataclass
class Shots:
    """The images of one data set, read one after the other, as often as wanted.

    read     iterates over them; it is given these Shots, for their notes
    notes    for a person: what was left out or assumed. They grow while shots are read.
    dynamic  what the moving part is
    """

    name: str
    total: int
    read: Callable[[Shots], Iterator[Shot]]
    notes: list[str] = field(default_factory=list)
    dynamic: str = 'what moves'

    def __iter__(self) -> Iterator[Shot]:
        return self.read(self)

    def first(self, count: int | None) -> Shots:
        """At most the first `count` images."""
        if count is None or count >= self.total:
            return self
        return replace(self, total=count, read=lambda _: islice(self, count))

    def truth(self, read: Callable[..., Array], *where: Any) -> Array | None:
        """What `read` returns for `where`; None, and a note, where the file is damaged."""
        try:
            return read(*where)
        except DamagedTruthError as error:
            self.note(f'left out: {error}')
            return None

    def note(self, line: str) -> None:
        """Say something once."""
        if line not in self.notes:
            self.notes.append(line)


def with_neighbours(shots: Iterable[Shot], interval: float) -> Iterator[Shot]:
    """Shots of one drive with the frame before, as the vehicle pairs them, and the one after."""
    pairing = Pairing(interval)
    last: Shot | None = None
    for shot in chain(shots, [None]):
        if last is not None:
            pair, following = pairing.pair(last.frame), None
            if shot and 0 < shot.frame.stamp - last.frame.stamp < 2e9 * interval:
                following = shot.frame
            previous = None if pair.reason else pair.previous
            yield replace(last, previous=previous, following=following)
        last = shot


def unknown_camera(image: Array, options: Options) -> Camera:
    """A camera for an image whose own is unknown: the model's view across, square pixels."""
    height, width = image.shape[:2]
    focal = options.camera[0] * width
    return Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def read_depth(path: Path, per_metre: float) -> Array:
    """Depth image of 16 bits as float32 metres [H, W], 0 unknown.

    Raises DamagedTruthError where it is none.
    """
    try:
        image = decode_file(path).pixels
    except PictureError as error:
        raise DamagedTruthError(f'{path} is not a depth image of 16 bits: {error}') from None
    if image.dtype != np.uint16 or image.ndim != 2:
        raise DamagedTruthError(f'{path} is not a depth image of 16 bits')
    return np.asarray(image.astype(np.float32) / np.float32(per_metre))
