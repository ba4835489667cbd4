# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive in a label store: a group of zarr with its stamps, its view and an array per label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import read_json
from mdepth_training.labels import files
from mdepth_training.labels.kind import Kind

View = tuple[float, float, float, float]
"""fx/W, fy/H, (cx+.5)/W, (cy+.5)/H of the pinhole camera that sees what the maps show."""
GROUP, ATTRIBUTES, ARRAY = '.zgroup', '.zattrs', '.zarray'
_DIMENSIONS = '_ARRAY_DIMENSIONS'  # xarray's names of the axes


@dataclass(frozen=True, eq=False)
class StoredDrive:
    """A drive in a store: its folder, stamps [N] (ns) and view (None: not said)."""

    name: str
    folder: Path
    stamps: NDArray[np.int64]
    view: View | None


def same_view(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two views (see View) are the same within a 500th of the image."""
    return bool(np.allclose(one, other, rtol=0, atol=0.002))


def read_drive(folder: Path) -> StoredDrive | None:
    """Return the drive in a folder; None where it is not whole. MdepthError for damage."""
    if not (folder / ATTRIBUTES).exists():
        return None
    try:
        about = read_json(folder / ATTRIBUTES)
        stamps = np.frombuffer((folder / 'stamp' / '0').read_bytes(), '<i8').astype(np.int64)
        view = None if about['view'] is None else tuple(map(float, about['view']))
        if files.folder_name(about['drive']) == folder.name and len(stamps):
            return StoredDrive(about['drive'], folder, stamps, view)  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise MdepthError(f'{folder} is damaged, or of another program: move it away')


def put_drive(
    folder: Path,
    name: str,
    stamps: Sequence[int],
    view: View | None,
    kinds: Mapping[str, Kind],
) -> StoredDrive:
    """Write a drive where there is none, and return it; several processes may do so.

    Raises MdepthError where the drive there has other frames or another view.
    """
    if not len(stamps):
        raise MdepthError(f'the drive {name} has no frames')
    times = np.asarray(stamps, '<i8')
    # The stamps come first and decide: the arrays must be as long. The attributes make it whole.
    (folder / 'stamp').mkdir(parents=True, exist_ok=True)
    files.put_once(folder / 'stamp' / '0', times.tobytes())
    found = np.frombuffer((folder / 'stamp' / '0').read_bytes(), '<i8')
    if not np.array_equal(found, times):
        raise MdepthError(
            f'{folder.parent} has the drive {name} with other frames ({len(found)} there, '
            f'{len(times)} here): choose another folder'
        )
    header = files.array_header(times.shape, times.dtype, None)
    _put_array(folder / 'stamp', header | {'chunks': times.shape}, {_DIMENSIONS: ['frame']})
    for label, kind in kinds.items():
        header = files.array_header((len(times), *kind.stored_shape), kind.stored, kind.unknown)
        header |= files.compression(kind)
        axes = zip(('channel', 'row', 'column'), kind.stored_shape, strict=True)
        dimensions = ['frame', *(f'{axis}_of_{length}' for axis, length in axes)]
        _put_array(folder / label, header, {**asdict(kind), _DIMENSIONS: dimensions})
    files.put_json(folder / GROUP, {'zarr_format': 2})
    files.put_json(folder / ATTRIBUTES, {'drive': name, 'view': view})
    there = read_drive(folder)
    assert there is not None
    if view is not None and there.view is not None and not same_view(view, there.view):
        raise MdepthError(f'{folder.parent} has another view of {name}: choose another folder')
    return there


def _put_array(folder: Path, header: dict[str, Any], about: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files.put_json(folder / ARRAY, header)
    files.put_json(folder / ATTRIBUTES, about)
