# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One look at every file of a drive, kept beside the run: sizes, damage, standing frames."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import read_image
from mdepth_ros.sources.picture import header_of
from mdepth_ros.sources.standing import Grey, small_grey
from mdepth_training.data.drive import Drive
from mdepth_training.data.folder import image_size, state_of
from mdepth_training.data.static import static_frames

SAMPLED = 3
_BLANK: Grey = np.zeros((3, 3), np.float32)


@dataclass(frozen=True)
class Scan:
    """What the files of a drive are.

    sizes     [N, 2] width and height; 0, 0 where a file is missing or cannot be read
    stereo    the same of the second camera's images; [0, 2] where there is none
    static    [N] frames of a standing camera; all False where that was not asked
    turned    [N] those that are turned upright as their EXIF says; [0] where nobody looked
    """

    sizes: NDArray[np.int32]
    stereo: NDArray[np.int32]
    static: NDArray[np.bool_]
    turned: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))


def scan(
    drive: Drive, interval: float | None, cache: Path, tick: Callable[[], None] = lambda: None
) -> Scan:
    """Look at the files of a drive, or remember what was seen.

    With an interval (seconds between the frames of a triplet) every image is decoded, once, to
    find where the camera stands; without, only the headers are read and SAMPLED images decoded.
    `tick` is called for every image of the drive.
    """
    path = cache / 'scans' / f'{_key(drive, interval)}.npz'
    try:
        with np.load(path) as known:
            found = Scan(*(known[n] for n in ('sizes', 'partners', 'static', 'turned')))
        for _ in drive.images:
            tick()
        return found
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        pass  # not looked at yet, or the writing was interrupted
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes, static = _look(drive, interval, pool, tick)
        theirs = drive.stereo.images if drive.stereo is not None else ()
        stereo = _as_array(pool.map(image_size, theirs))
        turned = np.fromiter(pool.map(_is_turned, drive.images), bool, len(drive.images))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f'.{os.getpid()}.npz')
    np.savez(partial, sizes=sizes, partners=stereo, static=static, turned=turned)
    partial.replace(path)
    return Scan(sizes, stereo, static, turned)


def _look(
    drive: Drive, interval: float | None, pool: ThreadPoolExecutor, tick: Callable[[], None]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    count = len(drive.images)
    sizes: list[tuple[int, int] | None] = []
    if interval is None:
        sampled = {drive.images[i * (count - 1) // (SAMPLED - 1)] for i in range(SAMPLED)}
        for path, size in zip(drive.images, pool.map(image_size, drive.images), strict=True):
            sizes.append(_decoded(path)[0] if size and path in sampled else size)
            tick()
        return _as_array(sizes), np.zeros(count, bool)

    def greys() -> Iterator[tuple[int, Grey]]:
        seen = pool.map(_decoded, drive.images)
        for stamp, (size, grey) in zip(drive.stamps, seen, strict=True):
            sizes.append(size)
            tick()
            yield stamp, grey

    static = np.fromiter(static_frames(greys(), interval), bool, count)
    return _as_array(sizes), static


def _decoded(path: Path) -> tuple[tuple[int, int] | None, Grey]:
    """Return the size of an image that can be decoded, and what shows whether it moved."""
    try:
        if image_size(path) is not None:
            image = read_image(path)
            return (image.shape[1], image.shape[0]), small_grey(image)
    except MdepthError:
        pass
    return None, _BLANK


def _is_turned(path: Path) -> bool:
    header = header_of(path)
    return header is not None and header.orientation != 1


def _as_array(sizes: Iterable[tuple[int, int] | None]) -> NDArray[np.int32]:
    return np.array([size or (0, 0) for size in sizes], np.int32).reshape(-1, 2)


def _key(drive: Drive, interval: float | None) -> str:
    """Name what was looked at: the files as they are now, and the times of a moving camera."""
    files = [*drive.images, *(drive.stereo.images if drive.stereo else ())]
    text = '\n'.join([str(interval), *map(str, drive.stamps), *map(state_of, files)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
