# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compressed messages, chunks and files of recordings, unpacked as far as their limit.

A few kilobytes can unpack to more than the memory holds. A header may say so, and is believed; but
it may also say nothing, or something wrong, so the bytes are counted while they come.
"""

from __future__ import annotations

import bz2
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]
from lz4.frame import get_frame_info as lz4_frame_info

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_MESSAGE, LARGEST_RATIO

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, get_frame_info
else:
    from backports.zstd import ZstdDecompressor, get_frame_info

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
_STEP = 1 << 24  # bytes that are unpacked at once
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    'zstd': ZstdDecompressor,
    'lz4': LZ4FrameDecompressor,
    'bz2': bz2.BZ2Decompressor,
}


def unpack(compression: str, data: bytes, limit: int = LARGEST_MESSAGE) -> bytes:
    """Unpack frames, one after the other; of data that are cut off, what can be had.

    Raises MdepthError for an unknown compression, for damage, and for more than `limit` bytes.
    """
    if compression in ('', 'none') or not data:
        return data
    parts, size = [b''], _announced(compression, data)
    try:
        found = _parts(compression, iter([data]))
        while size <= limit and (part := next(found, None)) is not None:
            parts.append(part)
            size = sum(map(len, parts))
        if size > limit:
            raise MdepthError(f'unpacked they are larger than {limit} bytes')
        return b''.join(parts)
    except MemoryError:
        raise MdepthError('unpacked they are larger than the memory') from None


def unpack_file(path: Path, target: Path) -> None:
    """Unpack a file of zstd; raises MdepthError for damage, and for a bomb (LARGEST_RATIO)."""
    limit = max(LARGEST_MESSAGE, LARGEST_RATIO * path.stat().st_size)
    left = limit
    with path.open('rb') as file, target.open('wb') as out:
        for part in _parts('zstd', iter(lambda: file.read(_STEP), b'')):
            left -= len(part)
            if left < 0:
                raise MdepthError(f'unpacked it is larger than {limit} bytes')
            out.write(part)


def _announced(compression: str, data: bytes) -> int:
    """The bytes that the header of the first frame announces; 0 where it does not."""
    try:
        if compression == 'zstd':
            return get_frame_info(data).decompressed_size or 0
        return int(lz4_frame_info(data)['content_size']) if compression == 'lz4' else 0
    except Exception:  # damage is found out where it is unpacked
        return 0


def _parts(compression: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack frames, one after the other, in parts of at most _STEP bytes."""
    if compression not in _DECOMPRESSORS:
        raise MdepthError(f'unknown compression {compression!r}')
    decompressor = _DECOMPRESSORS[compression]()
    for data in blocks:
        while True:
            if decompressor.eof:  # another frame
                decompressor = _DECOMPRESSORS[compression]()
            try:
                part = decompressor.decompress(data, max_length=_STEP)
            except MemoryError:
                raise
            except Exception as error:  # each library has its own errors
                line = (str(error).splitlines() or ['damaged'])[0]
                raise MdepthError(line.rstrip('.')) from None
            yield bytes(part)
            data = decompressor.unused_data or b'' if decompressor.eof else b''
            if not data and (decompressor.eof or decompressor.needs_input or not part):
                break
