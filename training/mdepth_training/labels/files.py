# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a store: zarr format 2, one small file for each map.

Each map is one chunk, compressed by zlib after filters that zarr knows: of steps (`Kind.step`) the
differences of neighbours, around 128 so that mostly one byte of them says anything; of what has
several bytes these by their significance (shuffle); of a mask its bits. Files come whole or not
at all: they are written beside their place and renamed. Stores of format 1 have LZ4.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from lz4.block import LZ4BlockError, decompress  # type: ignore[import-untyped]

from mdepth_ros.errors import MdepthError
from mdepth_training.labels.kind import Array, Kind
from mdepth_training.labels.rounding import from_steps, to_steps

_LONGEST = 150  # characters of a folder's name: file systems take 255 bytes
_SIZE = 4  # bytes in front of a block of LZ4, as numcodecs has them
_LEVEL = 9
_MIDDLE = 128  # of the low byte of a difference: the high one is then mostly 0


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


def encode(array: Array, kind: Kind) -> bytes:
    """A map as its kind has it -> the bytes of its file."""
    strategy = zlib.Z_DEFAULT_STRATEGY
    if kind.step:
        steps = to_steps(array, kind).reshape(-1)
        array = np.diff(steps, prepend=steps.dtype.type(0)) + steps.dtype.type(_MIDDLE)
        strategy = zlib.Z_FILTERED  # for small differences: 5 % fewer bytes
    data = _packed(array) if kind.packed else _planes(array.astype(kind.stored, copy=False))
    compressor = zlib.compressobj(_LEVEL, strategy=strategy)
    return compressor.compress(data) + compressor.flush()


def decode(data: bytes, kind: Kind) -> Array:
    """The bytes of a file -> its map [C, H, W]; ValueError for damage."""
    size = math.prod(kind.stored_shape) * kind.stored.itemsize
    size = 1 + (size + 7) // 8 if kind.packed else size
    unpacker = zlib.decompressobj()
    try:  # no more than belongs there, whatever the file says
        raw = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError('of another size')
    if kind.packed:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8)[1:], count=math.prod(kind.shape))
        return np.asarray(bits.view(bool).reshape(kind.shape))
    array = _from_planes(raw, kind.stored)
    if kind.step:
        array = np.cumsum(array - array.dtype.type(_MIDDLE), dtype=array.dtype)
        return from_steps(array.reshape(kind.stored_shape), kind)
    return array.reshape(kind.shape)


def decode_lz4(data: bytes, kind: Kind) -> Array:
    """As `decode`, of a store of format 1."""
    size = math.prod(kind.shape) * kind.stored.itemsize
    try:  # the size is not taken from the file: a damaged one would ask for any memory
        raw = decompress(data[_SIZE:], uncompressed_size=size)
    except LZ4BlockError as error:
        raise ValueError(str(error)) from None
    if len(raw) != size:
        raise ValueError('too short')
    return _from_planes(raw, kind.stored).reshape(kind.shape)


DECODERS = {1: decode_lz4, 2: decode}
"""By the format of the store; the last one is written."""


def read(path: Path, kind: Kind, store_format: int) -> Array:
    """The map [C, H, W] in a file; ValueError for damage."""
    most = math.prod(kind.shape) * kind.stored.itemsize
    most += most // 100 + 1024  # what cannot be compressed becomes a little longer
    with path.open('rb') as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError('too long')
    return DECODERS[store_format](data, kind)


def _planes(array: Array) -> bytes:
    """First the low bytes of all numbers, then the next ones."""
    planes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    return planes.T.tobytes()


def _from_planes(raw: bytes, dtype: np.dtype[Any]) -> Array:
    """Numbers [N], which may be written to."""
    planes = np.frombuffer(raw, np.uint8)
    if dtype.itemsize > 1:  # NumPy's transpose takes three times as long
        planes = np.asarray(cv2.merge(list(planes.reshape(dtype.itemsize, -1, 1))))
    array: Array = planes.reshape(-1).view(dtype)
    return array if array.flags.writeable else array.copy()


def _packed(array: Array) -> bytes:
    """Bits, and before them how many are too many, as numcodecs has it."""
    return bytes([-array.size % 8]) + np.packbits(array).tobytes()


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


def compression(kind: Kind) -> dict[str, Any]:
    """What .zarray says of the files that `encode` makes."""
    dtype, filters = kind.stored.str, list[dict[str, Any]]()
    if kind.step:
        same = {'dtype': dtype, 'astype': dtype}
        filters += [{'id': 'delta', **same}]
        filters += [{'id': 'fixedscaleoffset', 'scale': 1, 'offset': -_MIDDLE, **same}]
    if kind.packed:
        filters += [{'id': 'packbits'}]
    elif kind.stored.itemsize > 1:
        filters += [{'id': 'shuffle', 'elementsize': kind.stored.itemsize}]
    return {'compressor': {'id': 'zlib', 'level': _LEVEL}, 'filters': filters or None}


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
