# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trajectory files: TUM (`t x y z qx qy qz qw`) and KITTI (upper 3x4, row by row)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.trajectory import Array, Trajectory

KITTI_INTERVAL = 100_000_000  # ns between frames of KITTI: 10 Hz
LAYOUTS = {8: 'tum', 12: 'kitti', 13: 'kitti'}


def layout(path: Path) -> str:
    """'tum' or 'kitti', by the number of columns; MdepthError where it is neither."""
    rows = _rows(path)
    if len(rows[0]) not in LAYOUTS:
        raise MdepthError(
            f'{path}: {len(rows[0])} columns; TUM files have 8, KITTI files 12 or 13'
        )
    return LAYOUTS[len(rows[0])]


def read_trajectory(path: Path, times: Path | None = None) -> Trajectory:
    """Read a TUM or KITTI file, told apart by the columns; sorted by stamp.

    KITTI files hold no time: frame i (the leading index where there is one, else the line) gets
    line i of `times` (seconds), or i * 0.1 s. Raises MdepthError for a missing file and for
    lines that do not fit.
    """
    kind, rows = layout(path), _rows(path)
    if any(len(row) != len(rows[0]) for row in rows):
        raise MdepthError(f'{path}: its lines differ in the number of columns')
    try:
        if kind == 'tum':
            stamps = [_nanoseconds(row[0]) for row in rows]
            values = np.array([row[1:] for row in rows], np.float64)
            poses = pose_matrices(values[:, :3], values[:, 3:])
        else:
            indices = [int(float(r[0])) for r in rows] if len(rows[0]) == 13 else range(len(rows))
            stamps = _kitti_stamps(indices, times)
            poses = np.zeros((len(rows), 4, 4))
            poses[:, :3] = np.array([row[-12:] for row in rows], np.float64).reshape(-1, 3, 4)
            poses[:, 3, 3] = 1
    except (ValueError, InvalidOperation) as error:
        raise MdepthError(f'{path}: not a trajectory: {error}') from None
    if not np.isfinite(poses).all():
        raise MdepthError(f'{path}: holds poses that are not finite')
    order = np.argsort(stamps, kind='stable')
    return Trajectory(np.array(stamps, np.int64)[order], poses[order])


def _rows(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not a text file'
        raise MdepthError(f'cannot read trajectory {path}: {reason}') from None
    rows = [line.replace(',', ' ').split() for line in lines if line.strip()[:1] not in ('', '#')]
    if not rows:
        raise MdepthError(f'{path}: holds no pose')
    return rows


def _nanoseconds(seconds: str) -> int:
    return round(Decimal(seconds) * 1_000_000_000)  # float64 would lose 200 ns of a stamp of today


def _kitti_stamps(indices: Sequence[int], times: Path | None) -> list[int]:
    if times is None:
        return [i * KITTI_INTERVAL for i in indices]
    stamps = [_nanoseconds(row[0]) for row in _rows(times)]
    if max(indices) >= len(stamps):
        raise MdepthError(
            f'{times}: {len(stamps)} times, but the poses go up to frame {max(indices)}'
        )
    return [stamps[i] for i in indices]


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """Write `seconds x y z qx qy qz qw` per line; stamps to the nanosecond."""
    quaternions = quaternions_from_rotations(trajectory.poses[:, :3, :3])
    with path.open('w', encoding='utf-8') as file:
        for stamp, position, q in zip(
            trajectory.stamps.tolist(), trajectory.positions, quaternions, strict=True
        ):
            numbers = ' '.join(f'{x:.9f}' for x in (*position, *q))
            file.write(f'{stamp // 10**9}.{stamp % 10**9:09d} {numbers}\n')


def write_kitti(path: Path, trajectory: Trajectory) -> None:
    """Write the upper 3x4 of each pose as 12 numbers per line."""
    np.savetxt(path, trajectory.poses[:, :3].reshape(-1, 12), fmt='%.9e')


def pose_matrices(positions: Array, quaternions: Array) -> Array:
    """Poses [N,4,4] from positions [N,3] and quaternions [N,4] (x y z w, any length but zero)."""
    norm = np.linalg.norm(quaternions, axis=1, keepdims=True)
    if (norm == 0).any():
        raise ValueError('a quaternion of length zero')
    x, y, z, w = (quaternions / norm).T
    poses = np.zeros((len(positions), 4, 4))
    poses[:, 0, :3] = np.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], 1
    )
    poses[:, 1, :3] = np.stack(
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], 1
    )
    poses[:, 2, :3] = np.stack(
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], 1
    )
    poses[:, :3, 3] = positions
    poses[:, 3, 3] = 1
    return poses


def quaternions_from_rotations(R: Array) -> Array:
    """Unit quaternions [N,4] (x y z w, w >= 0) of rotations [N,3,3].

    4 q q^T is linear in R; its column with the largest diagonal element is far from zero
    whatever the angle.
    """
    d = np.stack([R[:, 0, 0], R[:, 1, 1], R[:, 2, 2]], 1)
    outer = np.empty((len(R), 4, 4))
    for i in range(3):
        outer[:, i, i] = 1 + 2 * d[:, i] - d.sum(1)
        j, k = (i + 1) % 3, (i + 2) % 3
        outer[:, j, k] = outer[:, k, j] = R[:, j, k] + R[:, k, j]
        outer[:, i, 3] = outer[:, 3, i] = R[:, k, j] - R[:, j, k]
    outer[:, 3, 3] = 1 + d.sum(1)
    largest = np.argmax(np.diagonal(outer, axis1=1, axis2=2), axis=1)
    q = outer[np.arange(len(R)), :, largest]
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    return np.asarray(np.where(q[:, 3:] < 0, -q, q))
