# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in rows, each with its caption and a bar of its colours; sheets and videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError

Array = NDArray[Any]
Bgr = NDArray[np.uint8]
WIDTH, CAPTION, BAR, GREY = 320, 22, 6, 90


@dataclass(frozen=True)
class Scale:
    """Colours of numbers from `low` to `high`; unknown (NaN) is grey.

    name   of matplotlib's colours
    words  what a person reads below the bar: at its left end, in its middle, at its right end
    """

    name: str
    low: float
    high: float
    words: tuple[str, str, str] = ('', '', '')

    def colours(self, values: Array) -> Bgr:
        """Numbers [H, W] -> BGR [H, W, 3]."""
        table = np.round(255 * mpl.colormaps[self.name](np.arange(256))[:, 2::-1])
        share = np.clip((np.nan_to_num(values) - self.low) / (self.high - self.low), 0, 1)
        image: Bgr = table.astype(np.uint8)[np.round(255 * share).astype(int)]
        image[np.isnan(values)] = GREY
        return image

    def bar(self) -> Bgr:
        """The colours from low to high, with the words below."""
        line = np.linspace(self.low, self.high, WIDTH)[None].repeat(BAR, 0)
        return np.vstack([_gap(), self.colours(line), _line(*self.words)])


def legend(text: str) -> Bgr:
    """Words in the place of a bar."""
    return np.vstack([_gap(), np.zeros((BAR, WIDTH, 3), np.uint8), _line(text)])


def tile(
    picture: Bgr,
    caption: str,
    height: int,
    rule: int = cv2.INTER_NEAREST,
    below: Bgr | None = None,
) -> Bgr:
    """A picture at a height and the width of a tile, framed, its caption above it.

    below  a bar or a legend
    """
    fit = np.asarray(cv2.resize(picture, (WIDTH, height), interpolation=rule))
    parts = [_line(caption), fit] if below is None else [_line(caption), fit, below]
    framed = np.pad(np.vstack(parts), ((0, 2), (0, 0), (0, 0)), constant_values=GREY)
    return np.pad(framed, ((0, 0), (0, 4), (0, 0)))


def grid(tiles: Sequence[Bgr]) -> Bgr:
    """Two columns, and a size that video codecs take."""
    tiles = [*tiles, *[np.zeros_like(tiles[0])] * (len(tiles) % 2 if len(tiles) > 1 else 0)]
    across = min(len(tiles), 2)
    rows = [np.hstack(tiles[first : first + across]) for first in range(0, len(tiles), across)]
    picture = np.vstack(rows)
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2])


def write_sheet(path: Path, rows: Sequence[Bgr]) -> None:
    """Write rows of tiles as one picture."""
    if not cv2.haveImageWriter(str(path)) or not cv2.imwrite(str(path), np.vstack(rows)):
        raise MdepthError(
            f'{path} cannot be written: give a name in .png or .jpg, in a folder that is there'
        )


@contextmanager
def video(path: Path, stamps: Sequence[int]) -> Iterator[Callable[[Bgr], None]]:
    """Give a function that adds a picture to a video (.mp4 or .avi); all are of one size.

    stamps  ns, of its pictures; they decide its rate
    """
    steps = np.diff(stamps) / 1e9
    rate = float(np.clip(1 / np.median(steps), 1, 60)) if len(steps) else 1.0
    codec = cv2.VideoWriter.fourcc(*('MJPG' if path.suffix.lower() == '.avi' else 'mp4v'))
    writer: cv2.VideoWriter | None = None

    def add(picture: Bgr) -> None:
        nonlocal writer
        if writer is None:
            writer = cv2.VideoWriter(str(path), codec, rate, (picture.shape[1], picture.shape[0]))
        if not writer.isOpened():
            raise MdepthError(f'{path} cannot be written as a video: give a name in .mp4 or .avi')
        writer.write(picture)

    try:
        yield add
    finally:
        if writer is not None:
            writer.release()


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most so many of the items, evenly from the first to the last."""
    places: Iterator[int] = map(int, np.linspace(0, len(items) - 1, min(count, len(items))))
    return [items[place] for place in places]


def from_hsv(hue: Array, saturation: Array, value: Array | int) -> Bgr:
    """OpenCV's HSV of bytes (hue below 180) -> BGR."""
    hsv = np.stack(np.broadcast_arrays(hue, saturation, np.uint8(value)), -1)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(hsv), cv2.COLOR_HSV2BGR))


def colours_of_ids(ids: Array) -> Bgr:
    """Ids [...] -> BGR [..., 3]: a colour each, black is none (0)."""
    hue = (ids.astype(np.int64) * 67 % 180).astype(np.uint8)  # 67: neighbours differ much
    some = np.where(ids == 0, 0, 255).astype(np.uint8)
    return from_hsv(hue, some, some)


def _gap() -> Bgr:
    return np.zeros((3, WIDTH, 3), np.uint8)


def _line(left: str, middle: str = '', right: str = '') -> Bgr:
    """Texts in a line as wide as a tile."""
    line = np.zeros((CAPTION, WIDTH, 3), np.uint8)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    for text, place in ((left, 0.0), (middle, 0.5), (right, 1.0)):
        free = WIDTH - 8 - cv2.getTextSize(text, font, size, 1)[0][0]
        start = round(4 + place * free), 15
        cv2.putText(line, text, start, font, size, (255,) * 3, 1, cv2.LINE_AA)
    return line
