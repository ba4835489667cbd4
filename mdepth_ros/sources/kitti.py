# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""KITTI: raw drives (YYYY_MM_DD/YYYY_MM_DD_drive_XXXX_sync) and sequences of its odometry set."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LATEST_STAMP, is_speed
from mdepth_ros.sources.folder import FileSource, list_images, read_times
from mdepth_ros.sources.intrinsics import Intrinsics, pinhole

_NUMBER = re.compile(r'0*\d{1,6}')
ODOMETRY_FOLDERS = {'image_2': 2, 'image_0': 0, 'image_l': 0, 'image_3': 3, 'image_1': 1}


def find_raw_drive(path: Path) -> Path | None:
    """Return the raw drive that path is, or the only one in the date folder that path is."""
    drives = [path] if (path / 'image_02').is_dir() else sorted(path.glob('*_sync'))
    drives = [drive for drive in drives if (drive / 'image_02' / 'data').is_dir()]
    return drives[0] if len(drives) == 1 else None


def is_odometry(path: Path) -> bool:
    """Tell whether a folder is a sequence of the odometry set: calib.txt beside image folders."""
    return (path / 'calib.txt').is_file() and any((path / n).is_dir() for n in ODOMETRY_FOLDERS)


class KittiSource(FileSource):
    """The rectified images of one camera of KITTI; a raw drive knows the vehicle's speed (oxts).

    camera  image folder: 'image_02' (default) or 'image_03' of a raw drive, 'image_2', 'image_0'
            ... of a sequence (default the first that is there)
    """

    def __init__(
        self,
        path: Path,
        camera: str | None = None,
        intrinsics: Intrinsics | None = None,
        rectified: bool = False,
    ) -> None:
        drive = find_raw_drive(path)
        if drive is not None:
            camera = camera or 'image_02'
            images, stamps = raw_images(drive, camera)
            intrinsics = intrinsics or intrinsics_of(raw_projection(drive, camera))
            speeds = raw_speeds(drive)
        else:
            camera = camera or next(n for n in ODOMETRY_FOLDERS if (path / n).is_dir())
            images, stamps = sequence_images(path, camera)
            intrinsics = intrinsics or intrinsics_of(sequence_projection(path, camera))
            speeds = []
        super().__init__((drive or path).name, images, stamps, intrinsics, rectified, speeds)


def raw_images(drive: Path, camera: str) -> tuple[list[Path], list[int]]:
    """Return the images of a camera ('image_02') of a raw drive and their stamps in ns."""
    images = _images(drive / camera / 'data')
    listed = drive / camera / 'timestamps.txt'
    try:
        stamps = _timestamps(listed)
        # An excerpt keeps the whole list; the number in the name says which line is meant.
        return images, [stamps[int(image.stem)] for image in images]
    except (OSError, ValueError, IndexError):
        raise MdepthError(f'{listed} does not give a time for every image of {camera}') from None


def raw_speeds(drive: Path) -> list[tuple[int, float]]:
    """Return (stamp in ns, forward velocity in m/s) of the inertial unit; empty where absent.

    'vf', the ninth number of each file of oxts/data (its dataformat.txt).
    """
    try:
        stamps = _timestamps(drive / 'oxts' / 'timestamps.txt')
        files = sorted((drive / 'oxts' / 'data').glob('*.txt'))
        speeds = [(stamps[int(f.stem)], float(f.read_text().split()[8])) for f in files]
    except (OSError, ValueError, IndexError):
        return []
    return sorted((stamp, speed) for stamp, speed in speeds if is_speed(speed))


def sequence_images(path: Path, camera: str) -> tuple[list[Path], list[int]]:
    """Return the images of a camera ('image_2') of a sequence and their stamps in ns."""
    images = _images(path / camera)
    numbers = [int(image.stem) if _NUMBER.fullmatch(image.stem) else -1 for image in images]
    if min(numbers) < 0:
        wanted = 'the images must be named by their numbers, from 0 to 999999'
        raise MdepthError(f'{path / camera}: {wanted}')
    stamps = read_times(path / 'times.txt', max(numbers) + 1, None)
    return images, [stamps[number] for number in numbers]


def raw_projection(drive: Path, camera: str) -> NDArray[np.float64]:
    """Return P_rect [3, 4] of a camera of a raw drive: rectified camera 0 to its pixels."""
    # Beside the drive, or beside what it is a link to.
    homes = drive.absolute().parent, drive.resolve().parent
    files = [home / 'calib_cam_to_cam.txt' for home in homes]
    file = next((file for file in files if file.is_file()), files[0])
    return _projection(file, f'P_rect_{camera[6:]}')


def sequence_projection(path: Path, camera: str) -> NDArray[np.float64]:
    """Return P [3, 4] of a camera of a sequence: rectified camera 0 to its pixels."""
    number = ODOMETRY_FOLDERS.get(camera, 0)
    return _projection(path / 'calib.txt', f'P{number}', number)


def intrinsics_of(projection: NDArray[np.float64]) -> Intrinsics:
    """Return the intrinsics in a projection [3, 4] of rectified images."""
    return pinhole(*(float(projection[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))))


def _images(folder: Path) -> list[Path]:
    images = list_images(folder)
    if not images:
        raise MdepthError(f'no images in {folder}')
    return images


def _timestamps(path: Path) -> list[int]:
    """Read the times of a file in ns, one in each line; ValueError for what is no time."""
    lines = path.read_text('utf-8-sig').splitlines()
    return [_nanoseconds(line) for line in lines if line.strip()]


def _nanoseconds(line: str) -> int:
    """Read '2011-09-26 13:04:32.345808896'; KITTI does not name a time zone, UTC is assumed."""
    seconds, _, fraction = line.strip().partition('.')
    moment = datetime.strptime(seconds, '%Y-%m-%d %H:%M:%S').replace(tzinfo=timezone.utc)
    stamp = int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, '0')[:9])
    if not 0 <= stamp <= LATEST_STAMP:
        raise ValueError
    return stamp


def _projection(path: Path, label: str, row: int | None = None) -> NDArray[np.float64]:
    """Read the 3x4 projection named `label`; `row` counts where a file has no labels."""
    try:
        lines = [line for line in path.read_text('utf-8-sig').splitlines() if line.strip()]
        named = [line.partition(':')[2] for line in lines if line.startswith(f'{label}:')]
        if not named and row is not None and ':' not in lines[row]:
            named = [lines[row]]
        P = np.array([float(word) for word in named[0].split()]).reshape(3, 4)
        if not np.isfinite(P).all() or np.linalg.det(P[:, :3]) == 0:
            raise ValueError
        return P
    except (OSError, IndexError, ValueError):
        raise MdepthError(
            f'{path} has no projection matrix {label}: restore the file, or add --intrinsics'
        ) from None
