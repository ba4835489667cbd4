# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can be told of a file, above all of an image, without decoding it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.picture import header_of


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height, as the image is seen, from the header.

    None where the file is missing, cut off, too large or no image.
    """
    header = header_of(path)
    return None if header is None else header.size


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
