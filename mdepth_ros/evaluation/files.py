# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trajectory files: TUM (`t x y z qx qy qz qw`), KITTI (upper 3x4, row by row), EuRoC (CSV).

Times are in seconds, ms, us or ns (see mdepth_ros.tables); a line that names the columns decides
which is which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.trajectory import Array, Trajectory
from mdepth_ros.geometry import quaternion_from_rotation, rotation_from_quaternion
from mdepth_ros.limits import FARTHEST
from mdepth_ros.tables import Table, quoted, read_table

KITTI_INTERVAL = 100_000_000  # ns between frames of KITTI: 10 Hz
LAYOUTS = {8: 'tum', 12: 'kitti', 13: 'kitti', 17: 'euroc'}
TUM = (0, 1, 2, 3, 4, 5, 6, 7)  # columns of t x y z qx qy qz qw
EUROC = (0, 1, 2, 3, 5, 6, 7, 4)
MOST_INDEX = 10_000_000
_AXIS = re.compile(r'(.*?)[_.\- ]?([xyzw])(\[.*\])?')
_POSITION = re.compile(r'$|(^|.*[._])(p|t|pos|position|trans|translation)([._].*|$)')
_ROTATION = re.compile(r'(^|.*[._])(q|quat|quaternion|ori|orientation|rot|rotation)([._].*|$)')
_SPLIT = re.compile(r'(^|.*[._ ])(nsecs?|nanosecs?|nanoseconds?)')  # beside seconds
_TIME = re.compile(
    r'(^|.*[._ ])(t|time|time_?stamp|stamp|s|secs?|seconds?)(_?[nuµm]?s(ecs?)?)?(\[.*\])?'
)


def read_trajectory(path: Path, times: Path | None = None) -> Trajectory:
    """Read a TUM, KITTI or EuRoC file, told apart by the columns; sorted by stamp.

    KITTI files hold no time: frame i (the leading index where there is one, else the line) gets
    line i of `times`, or i * 0.1 s. Raises MdepthError for a missing file and for lines that do
    not fit.
    """
    table = _poses(path)
    kind, width = _layout(table), len(table.rows[0])
    if kind == 'kitti':
        values = _numbers(table, range(width - 12, width))
        stamps = _kitti_stamps(table, times)
        poses = np.zeros((len(values), 4, 4))
        poses[:, :3] = values.reshape(-1, 3, 4)
        poses[:, 3, 3] = 1
        square = poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1)
        _refuse(table, np.abs(square - np.eye(3)).max((1, 2)) > 0.1, 'holds no rotation')
    else:
        columns = _named(table) or (EUROC if kind == 'euroc' else TUM)
        stamps = table.times(columns[0])
        values = _numbers(table, columns[1:])
        length: Array = np.linalg.norm(values[:, 3:], axis=1)
        _refuse(table, np.asarray(length == 0), 'has a quaternion of length zero')
        _refuse(table, np.asarray(np.abs(np.log(length)) > 0.7), 'has no unit quaternion')
        poses = pose_matrices(values[:, :3], values[:, 3:])
    far = np.abs(poses[:, :3, 3]).max(1) > FARTHEST
    _refuse(table, far, f'is more than {FARTHEST:g} m from the origin')
    return _in_order(table, np.array(stamps, np.int64), poses)


def pose_files(folder: Path) -> list[Path]:
    """Where the poses of a folder of images may be: as in KITTI odometry, or in truth.tum."""
    folder = folder.resolve()
    kitti = [folder / 'poses.txt', folder.parent.parent / 'poses' / f'{folder.name}.txt']
    return [*kitti, folder / 'truth.tum']


def read_poses(file: Path, recording: Path | None) -> tuple[Trajectory, bool]:
    """Poses of a TUM or KITTI file, and whether it is KITTI's.

    The times of KITTI's poses are in times.txt beside them or in the folder of the recording.
    """
    kitti = _layout(_poses(file)) == 'kitti'
    folders = [folder for folder in (file.parent, recording) if folder is not None]
    times = [folder / 'times.txt' for folder in folders if (folder / 'times.txt').is_file()]
    return read_trajectory(file, times[0] if times and kitti else None), kitti


def _poses(path: Path) -> Table:
    table = read_table(path, 'trajectory ')
    if not table.rows:
        raise MdepthError(f'{path}: holds no pose')
    return table


def _layout(table: Table) -> str:
    width = len(table.rows[0])
    if _named(table):
        return 'tum'
    if width not in LAYOUTS:
        raise MdepthError(
            f'{table.path}: {width} columns; TUM files have 8, KITTI files 12 or 13, those of '
            'EuRoC 17: others need a first line of names: time,x,y,z,qx,qy,qz,qw'
        )
    if (
        width == 8
        and table.commas
        and not table.names
        and len(table.rows[0][0].split('.')[0]) > 12
    ):
        raise MdepthError(
            f'{table.path}: TUM files have qw last, those of EuRoC first: say which this is in a '
            'first line of names: time,x,y,z,qx,qy,qz,qw'
        )
    return LAYOUTS[width]


def _named(table: Table) -> tuple[int, ...] | None:
    """The columns of t x y z qx qy qz qw by their names; None where they do not say it."""
    found: dict[str, int] = {}
    if len(table.names) != len(table.rows[0]):
        return None
    for index, name in enumerate(table.names):
        if _SPLIT.fullmatch(name):
            raise MdepthError(
                f'{table.path}: the time is in two columns, one of them {quoted(name)}: write it '
                'in one'
            )
        axis = _AXIS.fullmatch(name)
        if axis and _ROTATION.fullmatch(axis[1]):
            found.setdefault(f'q{axis[2]}', index)
        elif axis and axis[2] != 'w' and _POSITION.fullmatch(axis[1]):
            found.setdefault(axis[2], index)
        elif _TIME.fullmatch(name):
            found.setdefault('t', index)
    wanted = ('t', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
    lacking = [key for key in wanted if key not in found]
    if 0 < len(lacking) < 6 and len(table.rows[0]) not in (12, 13):
        raise MdepthError(
            f'{table.path}: its first line names no {", ".join(lacking)}: name the columns '
            'time,x,y,z,qx,qy,qz,qw, in the order that they have'
        )
    return None if lacking else tuple(found[key] for key in wanted)


def _numbers(table: Table, columns: Sequence[int]) -> Array:
    """Columns as float64 [N, len(columns)].

    Raises MdepthError for a row of another width, and for what is no finite number.
    """
    width = len(table.rows[0])
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) != width:
            raise MdepthError(
                f'{table.path}: its lines differ in the number of columns: line {line} has '
                f'{len(row)}, the first {width}: mend or delete it'
            )
    values = np.empty((len(table.rows), len(columns)))
    for row, line, out in zip(table.rows, table.lines, values, strict=True):
        for place, column in enumerate(columns):
            try:
                out[place] = float(row[column])
            except ValueError:
                raise MdepthError(
                    f'{table.path}: not a trajectory: {quoted(row[column])} in line {line}'
                ) from None
    _refuse(table, np.asarray(~np.isfinite(values).all(1)), 'holds a pose that is not finite')
    return values


def _refuse(table: Table, wrong: Array, why: str) -> None:
    if wrong.any():
        line = table.lines[int(np.argmax(wrong))]
        more = f' ({wrong.sum()} such lines)' if wrong.sum() > 1 else ''
        raise MdepthError(f'{table.path}: line {line} {why}{more}: mend or delete it')


def _kitti_stamps(table: Table, times: Path | None) -> list[int]:
    """By the leading column of 13, an index or a time, else by the line."""
    indices = list(range(len(table.rows)))
    if len(table.rows[0]) == 13:
        first = _numbers(table, [0])[:, 0]
        if (first != np.floor(first)).any() or not (first >= 0).all() or max(first) > MOST_INDEX:
            return table.times()
        indices = first.astype(int).tolist()
    if times is None:
        return [i * KITTI_INTERVAL for i in indices]
    stamps = read_table(times).times()
    if max(indices) >= len(stamps):
        raise MdepthError(
            f'{times}: {len(stamps)} times, but the poses go up to frame {max(indices)}'
        )
    return [stamps[i] for i in indices]


def _in_order(table: Table, stamps: Array, poses: Array) -> Trajectory:
    """The poses sorted by stamp, each time once; MdepthError where many poses share theirs."""
    order = np.argsort(stamps, kind='stable')
    stamps, poses = stamps[order], poses[order]
    again = np.concatenate([[False], stamps[1:] == stamps[:-1]])
    other = again & np.concatenate([[False], (poses[1:] != poses[:-1]).any((1, 2))])
    if 10 * other.sum() > len(stamps):
        raise MdepthError(
            f'{table.path}: {other.sum()} of {len(stamps)} poses have the time of another: write '
            'the times with all their digits'
        )
    return Trajectory(stamps[~again], poses[~again])


def tum_line(stamp: int, position: Iterable[float], quaternion: Iterable[float]) -> str:
    """`seconds x y z qx qy qz qw` with its end of line; the stamp, in ns, to the nanosecond."""
    numbers = ' '.join(f'{value:.9f}' for value in (*position, *quaternion))
    return f'{stamp // 10**9}.{stamp % 10**9:09d} {numbers}\n'


def kitti_line(pose: Array) -> str:
    """The upper 3x4 of a pose [4,4], row by row, with its end of line."""
    return ' '.join(f'{value:.9e}' for value in pose[:3].reshape(12)) + '\n'


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """Write a `tum_line` of every pose."""
    rotations = torch.from_numpy(trajectory.poses[:, :3, :3])
    rows = zip(
        trajectory.stamps.tolist(),
        trajectory.positions,
        quaternion_from_rotation(rotations).numpy(),
        strict=True,
    )
    path.write_text(''.join(tum_line(*row) for row in rows), 'utf-8')


def pose_matrices(positions: Array, quaternions: Array) -> Array:
    """Poses [N,4,4] from positions [N,3] and quaternions [N,4] (x y z w, any length but zero)."""
    if not quaternions.any(1).all():
        raise ValueError('a quaternion of length zero')
    rotations = rotation_from_quaternion(torch.from_numpy(np.asarray(quaternions, float)))
    poses = np.tile(np.eye(4), (len(positions), 1, 1))
    poses[:, :3, :3] = rotations.numpy()
    poses[:, :3, 3] = positions
    return poses
