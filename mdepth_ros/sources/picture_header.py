# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the header of a picture tells before a pixel of it is decoded: its size, and how it lies.

A small file can hold a picture that takes gigabytes once it is decoded, so nothing is decoded
whose size is not known. Read are the formats that cameras and data sets use.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_IMAGE

KINDS = 'PNG, JPEG, WebP, BMP, TIFF, PNM or GIF'
_TURNED = range(5, 9)  # orientations that exchange width and height
_RUBBISH = (struct.error, ValueError, LookupError, OverflowError, OSError)  # or cut off
_MOST_PARTS = 10000  # of a file: more is rubbish
_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 16: 'Q'}  # types of TIFF: BYTE, SHORT, LONG, LONG8


@dataclass(frozen=True)
class Header:
    """What a picture says of itself.

    kind           'PNG', 'JPEG' ...
    width, height  of the pixels as they are stored
    deep           whether a channel has more than 8 bits
    orientation    1 to 8, as EXIF and TIFF 6.0 number them; 1: stored as it is to be seen
    place          of a TIFF, where in the file the orientation stands; 0: nowhere
    """

    kind: str
    width: int
    height: int
    deep: bool = False
    orientation: int = 1
    place: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture as it is seen."""
        if self.orientation in _TURNED:
            return self.height, self.width
        return self.width, self.height

    @property
    def problem(self) -> str:
        """Why the picture must not be decoded; '' where it may."""
        return size_problem(self.width, self.height)


def size_problem(width: int, height: int) -> str:
    """Why there is no image of so many pixels; '' where there may be one."""
    if width < 1 or height < 1:
        return f'the image is empty: {width} x {height} pixels'
    if width * height > LARGEST_IMAGE:
        return (
            f'an image of {width}x{height} pixels is too large: '
            f'at most {LARGEST_IMAGE / 1e6:g} million are read'
        )
    return ''


def check_size(whose: str, wanted: tuple[int, int], found: tuple[int, int]) -> None:
    """Raise MdepthError where an image's (width, height) are not those of a calibration."""
    text = f'{whose} for {wanted[0]}x{wanted[1]} but the image is {found[0]}x{found[1]}'
    if found == wanted[::-1]:
        text += ' (pictures are turned upright by their EXIF: calibrate turned ones, or remove it)'
    if found != wanted:
        raise MdepthError(text)


def read_header(file: BinaryIO) -> Header | None:
    """The header of a picture in a file or in `io.BytesIO`; None where it is none of KINDS."""
    file.seek(0)
    start = file.read(12)
    for magic, read in _READERS:
        if start.startswith(magic):
            try:
                return read(file)
            except _RUBBISH:
                return None
    return None


def _png(file: BinaryIO) -> Header | None:
    width, height, bits = _unpack(file, 16, '>IIB')
    orientation = 1
    for name, at in _chunks(file, 8, '>I4s'):
        if name == b'eXIf':  # before the pixels or behind them
            orientation = _exif(file, at)
        if name == b'IEND':
            break
    return Header('PNG', width, height, bits > 8, orientation)


def _chunks(file: BinaryIO, at: int, form: str) -> Iterator[tuple[bytes, int]]:
    """Name and place of the parts of a PNG or a RIFF, as far as the file goes.

    PNG has the length first, then the name, and a checksum behind; RIFF fills up to even lengths.
    """
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        one, other = struct.unpack(form, head)
        is_png = isinstance(other, bytes)
        name, size = (other, one + 4) if is_png else (one, other + other % 2)
        yield name, at + 8
        at += 8 + size


def _jpeg(file: BinaryIO) -> Header | None:
    orientation, at = 1, 2
    for _ in range(_MOST_PARTS):  # segments: FF, marker, length, data
        mark, marker = _unpack(file, at, 'BB')
        if mark != 0xFF:
            return None
        if marker == 0xFF:  # a byte of filling
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = _unpack(file, at + 4, '>BHH')
            return Header('JPEG', width, height, bits > 8, orientation)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no data
            at += 2
            continue
        if marker in (0xD9, 0xDA):
            return None
        (size,) = _unpack(file, at + 2, '>H')
        if marker == 0xE1 and _unpack(file, at + 4, '6s')[0] == b'Exif\0\0':
            orientation = _exif(file, at + 10)
        at += 2 + size
    return None


def _webp(file: BinaryIO) -> Header | None:
    end, webp = _unpack(file, 4, '<I4s')
    if webp != b'WEBP':
        return None
    size, orientation = (0, 0), 1
    for name, at in _chunks(file, 12, '<4sI'):
        if at >= end + 16:
            break
        if name == b'VP8X':
            numbers = _unpack(file, at + 4, '<HBHB')
            size = 1 + numbers[0] + (numbers[1] << 16), 1 + numbers[2] + (numbers[3] << 16)
        elif name == b'VP8 ' and not any(size):
            width, height = _unpack(file, at + 6, '<HH')
            size = width & 0x3FFF, height & 0x3FFF
        elif name == b'VP8L' and not any(size):
            (bits,) = _unpack(file, at + 1, '<I')
            size = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b'EXIF':
            skipped = 6 if _unpack(file, at, '6s')[0] == b'Exif\0\0' else 0
            orientation = _exif(file, at + skipped)
    return Header('WebP', *size, orientation=orientation) if any(size) else None


def _bmp(file: BinaryIO) -> Header | None:
    (length,) = _unpack(file, 14, '<I')
    width, height = _unpack(file, 18, '<HH' if length == 12 else '<ii')
    return Header('BMP', width, abs(height))  # rows from the top down have a negative height


def _tiff(file: BinaryIO) -> Header | None:
    tags = _tags(file, 0)
    width, height = tags.get(256, (0, 0))[0], tags.get(257, (0, 0))[0]
    # A tile is decoded as a whole, however small the picture.
    tile = tags.get(322, (1, 0))[0], tags.get(323, (1, 0))[0]
    if size_problem(*tile):
        width, height = max(width, tile[0]), max(height, tile[1])
    deep, place = tags.get(258, (8, 0))[0] > 8, tags.get(274, (1, 0))[1]
    return Header('TIFF', width, height, deep, _exif(file, 0), place)


def _exif(file: BinaryIO, at: int) -> int:
    """The orientation in the EXIF that begins at a place; 1 where it says none."""
    try:
        orientation = _tags(file, at).get(274, (1, 0))[0]
    except _RUBBISH:
        return 1
    return orientation if orientation in range(1, 9) else 1


def _tags(file: BinaryIO, start: int) -> dict[int, tuple[int, int]]:
    """Tags of whole numbers in the first directory of a TIFF: the first number, and its place."""
    (order,) = _unpack(file, start, '2s')
    if order not in (b'II', b'MM'):
        raise ValueError('no TIFF')
    end = '<' if order == b'II' else '>'
    big = _unpack(file, start + 2, f'{end}H') == (43,)  # BigTIFF
    word, entry = ('Q', 'HHQ') if big else ('I', 'HHI')
    field = struct.calcsize(word)
    (first,) = _unpack(file, start + (8 if big else 4), end + word)
    (count,) = _unpack(file, start + first, end + ('Q' if big else 'H'))
    at, tags = start + first + (8 if big else 2), {}
    for _ in range(min(count, 4096)):
        tag, kind, number = _unpack(file, at, end + entry)
        if kind in _NUMBERS:
            letter, place = _NUMBERS[kind], at + 4 + field
            if number * struct.calcsize(end + letter) > field:  # more than fit in the entry
                place = start + _unpack(file, place, end + word)[0]
            tags[tag] = _unpack(file, place, end + letter)[0], place
        at += 4 + 2 * field
    return tags


def _pnm(file: BinaryIO) -> Header | None:
    file.seek(0)
    text = file.read(4096)
    lines = [line.partition(b'#')[0] for line in text[2:].split(b'\n')]
    words = b' '.join(lines).split()
    if text[:2] == b'P7':  # PAM: names and numbers
        known = dict(pairwise(words))
        width, height, most = (int(known[k]) for k in (b'WIDTH', b'HEIGHT', b'MAXVAL'))
    else:
        width, height = int(words[0]), int(words[1])
        most = 1 if text[1:2] in b'14' else int(words[2])
    return Header('PNM', width, height, most > 255)


def _gif(file: BinaryIO) -> Header | None:
    return Header('GIF', *_unpack(file, 6, '<HH'))


def _unpack(file: BinaryIO, at: int, form: str) -> Any:
    file.seek(at)
    return struct.unpack(form, file.read(struct.calcsize(form)))


_READERS: tuple[tuple[bytes, Callable[[BinaryIO], Header | None]], ...] = (
    (b'\x89PNG\r\n\x1a\n', _png),
    (b'\xff\xd8', _jpeg),
    (b'RIFF', _webp),
    (b'BM', _bmp),
    *((magic, _tiff) for magic in (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')),
    *((b'P%d' % number, _pnm) for number in range(1, 8)),
    (b'GIF8', _gif),
)
