# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a store: zarr format 2, one small file for each map.

Each map is one chunk: its bytes by significance (filter shuffle), then LZ4 (compressor lz4). Files
come whole or not at all: they are written beside their place and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from lz4.block import LZ4BlockError, compress, decompress  # type: ignore[import-untyped]

from mdepth_ros.errors import MdepthError
from mdepth_training.labels.kind import Array, Kind

_LONGEST = 150  # characters of a folder's name: file systems take 255 bytes
_SIZE = 4  # bytes in front of a block of LZ4, as numcodecs has them


def folder_name(drive: str) -> str:
    """A name of a folder for any name of a drive: plain letters, no dot in front, not too long.

    Raises MdepthError for a name that is no text.
    """
    try:
        name = quote(drive, safe='')
    except UnicodeEncodeError:
        raise MdepthError(f'the drive {drive} is not UTF-8 text: rename it') from None
    if name.startswith('.'):
        name = f'%2E{name[1:]}'
    if len(name) > _LONGEST or not name:
        name = f'{name[:_LONGEST]}~{hashlib.sha256(drive.encode()).hexdigest()[:16]}'
    return name


def encode(array: Array) -> bytes:
    """A map of little-endian numbers -> the bytes of its file."""
    planes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    return bytes(compress(np.ascontiguousarray(planes.T), store_size=True))


def decode(data: bytes, kind: Kind) -> Array:
    """The bytes of a file -> its map [C, H, W]; ValueError for damage."""
    dtype = kind.stored
    size = math.prod(kind.shape) * dtype.itemsize
    try:  # the size is not taken from the file: a damaged one would ask for any memory
        planes = np.frombuffer(decompress(data[_SIZE:], uncompressed_size=size), np.uint8)
    except LZ4BlockError as error:
        raise ValueError(str(error)) from None
    if planes.size != size:
        raise ValueError('too short')
    if dtype.itemsize > 1:  # NumPy's transpose takes three times as long
        planes = np.asarray(cv2.merge(list(planes.reshape(dtype.itemsize, -1, 1))))
    array: Array = planes.view(dtype).reshape(kind.shape)
    return array if array.flags.writeable else array.copy()


def array_header(shape: tuple[int, ...], dtype: np.dtype[Any], fill: object) -> dict[str, Any]:
    """.zarray of an array of one chunk for each frame, as it is in memory.

    fill  what chunks hold that are not there; None: there are none
    """
    return {
        'zarr_format': 2,
        'shape': shape,
        'chunks': (1, *shape[1:]),
        'dtype': dtype.str,
        'compressor': None,
        'filters': None,
        'fill_value': 'NaN' if fill is not None and dtype.kind == 'f' else fill,
        'order': 'C',
        'dimension_separator': '.',
    }


def compression(dtype: np.dtype[Any]) -> dict[str, Any]:
    """What .zarray says of the files that `encode` makes."""
    shuffle = [{'id': 'shuffle', 'elementsize': dtype.itemsize}]
    filters = shuffle if dtype.itemsize > 1 else None
    return {'compressor': {'id': 'lz4', 'acceleration': 1}, 'filters': filters}


def chunk_name(index: int | str) -> str:
    """The file of frame `index` in the folder of its label, or of all frames (*)."""
    return f'{index}.0.0.0'


def chunks_in(folder: Path) -> Iterator[tuple[int, os.DirEntry[str]]]:
    """The frames that a label has."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            index, _, rest = entry.name.partition('.')
            if rest == '0.0.0' and index.isdecimal():
                yield int(index), entry


def put(path: Path, data: bytes) -> None:
    """Write a file whole; one that is there is replaced."""
    with _beside(path, data) as partial:
        partial.replace(path)


def put_once(path: Path, data: bytes) -> None:
    """Write a file whole where there is none: of several processes the first one does."""
    if not path.exists():
        with _beside(path, data) as partial:
            try:
                os.link(partial, path)
            except FileExistsError:
                pass
            except OSError:  # a disk without links
                partial.replace(path)


def put_json(path: Path, value: object) -> None:
    """Write JSON, as `put_once`."""
    put_once(path, (json.dumps(value, indent=1) + '\n').encode())


@contextlib.contextmanager
def _beside(path: Path, data: bytes) -> Iterator[Path]:
    partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.partial')
    try:
        partial.write_bytes(data)
        yield partial
    finally:
        partial.unlink(missing_ok=True)
