# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of images as a stream of frames; the layout of EuRoC's cam0 is one."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Levels, Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import ImageSource, Item, by_name
from mdepth_ros.sources.bit_depth import BitDepth, to_eight
from mdepth_ros.sources.intrinsics import ACCEPTED, Intrinsics, read_intrinsics
from mdepth_ros.sources.mask import MASK, MASK_SHOWN, read_mask
from mdepth_ros.sources.picture import PictureError, decode_file, header_of, turned_line
from mdepth_ros.tables import SINCE, Table, nanoseconds, read_table

SUFFIXES = {'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.ppm', '.pgm', '.webp'}
DEFAULT_RATE = 10.0
SAMPLED = 9  # images of a folder that tell how many bits all of them use
_CLOCK = re.compile(r'\d{10,19}(\.\d{1,9})?')  # seconds to ns since 1970
CALIBRATIONS = ('camera.yaml', 'camera_info.yaml', 'sensor.yaml', 'intrinsics.txt')


class FileSource(ImageSource):
    """Image files with their stamps (ns) and the speeds (stamp in ns, m/s) of the vehicle."""

    def __init__(
        self,
        name: str,
        images: Sequence[Path],
        stamps: Sequence[int],
        intrinsics: Intrinsics,
        rectified: bool,
        speeds: Sequence[tuple[int, float]] = (),
    ) -> None:
        super().__init__(name, total=len(images))
        self._images, self._stamps, self._speeds = images, stamps, speeds
        self._camera = intrinsics.for_images(rectified)
        self.has_speed = bool(speeds)

    def items(self) -> Iterator[Item]:
        """Yield the images, each with the speeds since the one before; see ImageSource."""
        done = 0
        for stamp, path in zip(self._stamps, self._images, strict=True):
            known = bisect_right(self._speeds, (stamp, math.inf))
            heard = tuple(self._speeds[done:known])
            done = known
            yield Item(stamp, partial(read_image, path, self._lost.note), self._camera, heard)


class FolderSource(FileSource):
    """Images in the order of their names.

    Stamps: `rate` (Hz), else data.csv of EuRoC ('stamp,file'), times.txt (one per image), or names
    that are times of a clock, all in seconds, ms, us or ns (see mdepth_ros.tables), else 10 Hz,
    which is said. Intrinsics: the option, else one of CALIBRATIONS in the folder. A `mask.png` in
    the folder is no image but the mask of all of them.
    """

    def __init__(
        self, path: Path, rate: float | None, intrinsics: Intrinsics | None, rectified: bool
    ) -> None:
        images, stamps, found = read_folder(path, intrinsics, rate)
        super().__init__(path.name, images, stamps, found, rectified)
        self.mask = folder_mask(images)
        if rate is None and not _tells_times(*_find(path)):
            self._lost.note(
                f'there are no times of the images: {DEFAULT_RATE:g} per second are assumed, else '
                'add --rate or times.txt'
            )


def read_folder(
    path: Path, intrinsics: Intrinsics | None = None, rate: float | None = None
) -> tuple[list[Path], list[int], Intrinsics]:
    """Return the images of a folder, their stamps in ns and their intrinsics (see FolderSource).

    Raises MdepthError where one of them is missing.
    """
    home, images = _find(path)
    if not images:
        raise MdepthError(f'no images in {path}')
    calibration = next((home / n for n in CALIBRATIONS if (home / n).is_file()), None)
    if intrinsics is None and calibration is not None:
        intrinsics = read_intrinsics(calibration)
    if intrinsics is None:
        lacking = f'{path} has no camera.yaml or intrinsics.txt'
        raise MdepthError(f'{lacking}: add one, or --intrinsics with {ACCEPTED}')
    if (home / 'data.csv').is_file() and rate is None:
        return *_listed(home / 'data.csv', images), intrinsics
    return images, _stamps(home / 'times.txt', images, rate), intrinsics


def folder_mask(images: Sequence[Path]) -> Mask | None:
    """The mask that lies beside images; None where there is none."""
    path = images[0].parent / MASK
    return read_mask(path) if path.is_file() else None


def _tells_times(home: Path, images: Sequence[Path]) -> bool:
    listed = (home / name for name in ('data.csv', 'times.txt'))
    return any(file.is_file() for file in listed) or bool(_named_times(images))


def has_images(path: Path) -> bool:
    """Tell whether a folder holds images, in itself or in the layout of EuRoC."""
    return bool(_find(path)[1])


def _find(path: Path) -> tuple[Path, list[Path]]:
    """Return the folder of the camera and its images."""
    for home in (path / 'mav0' / 'cam0', path / 'cam0', path):
        images = list_images(home / 'data') or list_images(home)
        if images:
            return home, images
    return path, []


def list_images(folder: Path) -> list[Path]:
    """Return the images in a folder, sorted by name; empty if there is no such folder."""
    if not folder.is_dir():
        return []
    images = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    # A name that begins with a dot is no image: ._0.png is what macOS leaves on other disks.
    no_images = MASK, MASK_SHOWN
    return sorted((p for p in images if p.name[0] != '.' and p.name not in no_images), key=by_name)


def read_image(path: Path, tell: Callable[[str], None] = lambda line: None) -> NDArray[np.uint8]:
    """Read an image file as RGB uint8 [H, W, 3], upright; MdepthError if it is not one.

    Images of 16 bits are read with the gain that suits their folder, so that it does not matter in
    which order they are read. `tell` gets a line where the pixels are not those of the file.
    """
    try:
        pixels, orientation = decode_file(path)
    except PictureError as error:
        raise MdepthError(f'the file is not an image that can be read: {error}') from None
    if orientation != 1:
        tell(turned_line(orientation))
    if pixels.dtype == np.uint16:
        levels, line = _levels_of(path.parent)
        tell(line)
        pixels = to_eight(pixels, levels)
    code = cv2.COLOR_BGR2RGB if pixels.ndim == 3 else cv2.COLOR_GRAY2RGB
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def levels_line(images: Sequence[Path]) -> str:
    """What `read_image` tells of the levels of these images; '' where there is nothing to tell."""
    header = header_of(images[0]) if images else None
    return _levels_of(images[0].parent)[1] if header is not None and header.deep else ''


@lru_cache(maxsize=16)
def _levels_of(folder: Path) -> tuple[Levels, str]:
    """The levels of the images of a folder, told from SAMPLED of them, and the line on them."""
    images, lines = list_images(folder), ['']
    depth, levels = BitDepth(lines.append), Levels(0, 16)
    for image in images[:: max(1, len(images) // SAMPLED)]:
        try:
            pixels = decode_file(image).pixels
        except PictureError:
            continue
        if pixels.dtype == np.uint16:
            levels = depth.take(pixels)
    return levels, lines[-1]


def _stamps(path: Path, images: Sequence[Path], rate: float | None) -> list[int]:
    """Stamps of images: one line each, or by their numbers where images were lost or taken out."""
    if rate is None and not path.is_file() and (named := _named_times(images)):
        return named
    stamps = read_times(path, len(images), rate)
    if len(stamps) == len(images):
        return stamps
    numbers = [int(image.stem) if image.stem.isdecimal() else -1 for image in images]
    if min(numbers) < 0 or max(numbers) >= len(stamps):
        raise MdepthError(
            f'{path} has {len(stamps)} stamps for {len(images)} images, whose names are not '
            'numbers from 0 on: mend it, or add --rate'
        )
    return [stamps[number] for number in numbers]


def _named_times(images: Sequence[Path]) -> list[int]:
    """The times that are the names of images, as EuRoC and TUM have them; empty for other names.

    Only those of a clock that counts from 1970: lower numbers are those of images.
    """
    names = [image.stem for image in images]
    if not all(_CLOCK.fullmatch(name) for name in names):
        return []
    stamps = nanoseconds(names, images[0].parent)
    return stamps if min(stamps) >= SINCE else []


def read_times(path: Path, count: int, rate: float | None) -> list[int]:
    """Return at least `count` stamps in ns: all of a file of times, or `count` by `rate`.

    The rate is 10 Hz if unknown. Raises MdepthError for a file that has fewer, or no times.
    """
    if rate is not None or not path.is_file():
        return [round(i * 1e9 / (rate or DEFAULT_RATE)) for i in range(count)]
    stamps = _not_negative(_times(read_table(path)), path)
    if not stamps:
        how = 'write seconds, ms, us or ns, one time in each line, or add --rate'
        raise MdepthError(f'{path} holds no numbers: {how}')
    if len(stamps) < count:
        raise MdepthError(f'{path} has {len(stamps)} stamps for {count} images: add --rate')
    return stamps


def _times(table: Table) -> list[int]:
    """The times of a file with one in each line, behind its number or not, or all in one line."""
    if len(table.rows) == 1:
        return nanoseconds(table.rows[0], table.path)
    widths = {len(row) for row in table.rows}
    if widths == {2}:
        numbers, values = table.column(0), table.column(1)
        if numbers == [str(int(numbers[0] == '1') + index) for index in range(len(numbers))]:
            return table.times(1)
        if table.commas and all(word.isdecimal() for word in values):  # 0,033: decimal commas
            words = [f'{whole}.{rest}' for whole, rest in table.rows]
            return nanoseconds(words, table.path)
    if widths - {1}:
        raise MdepthError(f'{table.path}: give one time in each line, or add --rate')
    return table.times()


def _listed(path: Path, images: Sequence[Path]) -> tuple[list[Path], list[int]]:
    """Read EuRoC's data.csv, keeping the images that exist (excerpts keep the whole list)."""
    known = {image.name: image for image in images}
    table = read_table(path)
    names = [[Path(word.replace('\\', '/')).name for word in row] for row in table.rows]
    places = [i for row in names for i, word in enumerate(row) if word in known]
    if not places:
        raise MdepthError(f'{path} lists none of the images beside it: add --rate to ignore it')
    place = min(places)
    table.column(max(place, 1))  # says which line lacks it
    stamps = _not_negative(table.times(int(place == 0)), path)
    listed = zip((name[place] for name in names), stamps, strict=True)
    found = [(known[name], stamp) for name, stamp in listed if name in known]
    return [image for image, _ in found], [stamp for _, stamp in found]


def _not_negative(stamps: list[int], path: Path) -> list[int]:
    if (first := min(stamps, default=0) / 1e9) < 0:
        raise MdepthError(f'{path}: an image at {first:g} s: give times from 0 on, or add --rate')
    return stamps
