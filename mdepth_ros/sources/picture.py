# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG and the like -> pixels, one way for files, for messages and for training.

Pictures are turned upright where their EXIF says how they lie. Networks learned from roads that
are below the sky; OpenCV's `imread`, which most calibrations are made with, turns them too, and so
do viewers. What OpenCV turns differs from version to version and from format to format: it is told
to turn nothing, and it is done here.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE
from mdepth_ros.sources.picture_header import KINDS, Header, read_header

_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_ENDS = {'PNG': b'IEND\xaeB`\x82', 'JPEG': b'\xff\xd9'}
# Of stored pixels with an orientation: whether to mirror rows, to mirror columns, and, before
# that, to exchange rows and columns.
_UPRIGHT = {
    2: (False, True, False),
    3: (True, True, False),
    4: (True, False, False),
    5: (False, False, True),
    6: (False, True, True),
    7: (True, True, True),
    8: (True, False, True),
}


class PictureError(MdepthError):
    """Bytes that are no picture, or none that can be read."""


class Picture(NamedTuple):
    """A decoded picture.

    pixels       uint8 or uint16, grey [H, W] or BGR [H, W, 3]; alpha is left out
    orientation  that it says of itself, 1 to 8; 1: the pixels are stored upright
    """

    pixels: NDArray[Any]
    orientation: int


def decode(data: bytes, turn: bool = True) -> Picture:
    """Decode a picture; PictureError where it is none, cut off, or too large.

    Without `turn` the pixels are left as they are stored, for `upright` to turn them.
    """
    header = read_header(io.BytesIO(data))
    if header is None:
        raise PictureError(f'no {KINDS}')
    if header.problem:
        raise PictureError(header.problem)
    if is_cut(data, header):
        raise PictureError(f'a {header.kind} that is cut off')
    if header.place and header.orientation != 1:
        data = _unturned(data, header)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
    except (cv2.error, MemoryError):
        pixels = None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise PictureError(f'a {header.kind} that OpenCV cannot read')
    stored = np.asarray(pixels)
    return Picture(upright(stored, header.orientation) if turn else stored, header.orientation)


def decode_file(path: Path) -> Picture:
    """Decode a file; PictureError as `decode`, and where it cannot be read."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise PictureError('it is no file')
        if path.stat().st_size > LARGEST_MESSAGE:
            raise PictureError(f'a file of more than {LARGEST_MESSAGE / 1e9:g} GB is no picture')
        return decode(path.read_bytes())
    except OSError as error:
        raise PictureError(error.strerror or str(error)) from None


def header_of(path: Path) -> Header | None:
    """The header of a file; None where that is missing, cut off, too large or no picture.

    Only a file that does not end as its kind ends is read to its end.
    """
    if not path.is_file():
        return None
    try:
        with path.open('rb') as file:
            header = read_header(file)
            if header is None or header.problem:
                return None
            end = _ENDS.get(header.kind, b'')
            file.seek(-len(end), 2)
            if file.read() == end:
                return header
        too_large = path.stat().st_size > LARGEST_MESSAGE
        return None if too_large or is_cut(path.read_bytes(), header) else header
    except OSError:
        return None


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels [H, W, ...] of an orientation (1 to 8, EXIF) as they are to be seen."""
    if orientation not in _UPRIGHT:
        return pixels
    rows, columns, exchanged = _UPRIGHT[orientation]
    pixels = pixels.swapaxes(0, 1) if exchanged else pixels
    return np.ascontiguousarray(pixels[:: -1 if rows else 1, :: -1 if columns else 1])


def turned_line(orientation: int) -> str:
    """What to tell a person of a picture that was turned."""
    return (
        f'pictures are turned upright as their EXIF says (orientation {orientation}): calibration '
        'and TF must be of turned pictures, as OpenCV reads them; else take the EXIF out'
    )


def is_cut(data: bytes, header: Header) -> bool:
    """Whether the end is missing: OpenCV fills what a cut JPEG lacks with grey, and says nothing.

    Bytes after the end do no harm.
    """
    if data.endswith(_ENDS.get(header.kind, b'')):
        return False
    if header.kind == 'PNG':
        return _ENDS['PNG'] not in data
    if header.kind == 'JPEG':
        end = data.rfind(_ENDS['JPEG'])
        return end < 0 or data.find(b'\xff\xda', end) >= 0  # pixels after the last end
    return False


def _unturned(data: bytes, header: Header) -> bytes:
    """A TIFF that says of itself that it lies as it is stored: OpenCV turns every other."""
    changed = bytearray(data)
    little = data[:2] == b'II'
    changed[header.place : header.place + 2] = b'\1\0' if little else b'\0\1'
    return bytes(changed)
