# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can be told of a file, above all of an image, without decoding it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from mdepth_ros.errors import MdepthError

# The last bytes of a file that is whole.
_ENDS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height from the header; None where the file is missing, cut or no image.

    Only a file that does not end as its format ends is decoded: OpenCV fills what a cut JPEG lacks
    with grey, and says nothing.
    """
    try:
        with Image.open(path) as image, path.open('rb') as file:
            end = _ENDS.get(image.format or '', b'')
            file.seek(-max(len(end), 1), 2)
            if not file.read().endswith(end):
                image.load()
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def first_size(images: Sequence[Path]) -> tuple[int, int]:
    """Return width and height of the first image that has them; MdepthError where none has."""
    for image in images:
        if size := image_size(image):
            return size
    raise MdepthError(f'{images[0].parent}: no image there can be read')


def state_of(path: Path) -> str:
    """The file, its size and when it was last written: another text where it was changed."""
    try:
        about = path.stat()
    except OSError:
        return f'{path} is not there'
    return f'{path} {about.st_size} {about.st_mtime_ns}'
