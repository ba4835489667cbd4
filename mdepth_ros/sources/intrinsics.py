# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Intrinsics that a person supplies: four numbers, a calibration file of ROS, or a text file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.sources.picture_header import check_size
from mdepth_ros.texts import parse_yaml, read_text

if TYPE_CHECKING:
    from mdepth_ros.geometry import Camera

ACCEPTED = (
    "'fx,fy,cx,cy' in pixels, a YAML file of camera_calibration, ros2 topic echo, OpenCV, Kalibr "
    "or EuRoC, or a text file with lines 'fx 700', 'fy 700', 'cx 320', 'cy 240' and optionally "
    "'k1 k2 p1 p2 k3 -0.2 0.1 0 0 0'"
)
TERMS = ('k1', 'k2', 'p1', 'p2', 'k3', 'k4', 'k5', 'k6')
# What programs and people call the distortion; a name that is not known must not be left out.
_DISTORTION = re.compile(r'd|dist(ortion)?(_?(coef|param)\w*)?', re.IGNORECASE)
_TERM = re.compile(r'[a-z]+_?\d+', re.IGNORECASE)


class CalibrationError(MdepthError):
    """The intrinsics cannot be those of any image of the recording: reading on is of no use."""


@dataclass(frozen=True)
class Intrinsics:
    """A calibration for images of one size; without a size, for every image that comes.

    k, r, p as in sensor_msgs/CameraInfo (9, 9 and 12 numbers, row-major; empty where unknown).
    """

    model: str
    k: tuple[float, ...]
    d: tuple[float, ...] = ()
    r: tuple[float, ...] = ()
    p: tuple[float, ...] = ()
    size: tuple[int, int] | None = None

    def camera(self, width: int, height: int) -> Camera:
        """Return the camera of an image of this size; MdepthError if it was made for another."""
        from mdepth_ros.geometry import Camera

        check_size('the intrinsics are', self.size or (width, height), (width, height))
        rows = self.d, self.k, self.r or (0.0,) * 9, self.p or (0.0,) * 12
        return Camera.from_info(width, height, self.model, *rows, 0, 0, (0, 0, 0, 0, False))

    def for_images(self, rectified: bool = False) -> Callable[[int, int], Camera]:
        """Return `camera` for one recording, where all images must have the size of the first.

        Where they are `rectified` already, of the calibration only p, else k, holds.
        It raises CalibrationError where no image of the recording can have a camera.
        """
        bound = self

        def camera(width: int, height: int) -> Camera:
            from mdepth_ros.geometry import CameraError

            nonlocal bound
            if bound.size is None:
                bound = replace(self, size=(width, height))
            try:
                found = bound.camera(width, height)
            except CameraError as error:
                raise CalibrationError(str(error)) from None
            return found.pinhole() if rectified else found

        return camera


def pinhole(fx: float, fy: float, cx: float, cy: float) -> Intrinsics:
    """Return the intrinsics of a camera without distortion."""
    return Intrinsics('plumb_bob', (fx, 0, cx, 0, fy, cy, 0, 0, 1))


def read_intrinsics(text: str | Path) -> Intrinsics:
    """Read what `--intrinsics` accepts, see ACCEPTED.

    Raises MdepthError if the text is neither four numbers nor a file that can be understood.
    """
    numbers = _numbers(str(text).split(','))
    if numbers is not None:
        if len(numbers) != 4 or not (numbers[0] > 0 and numbers[1] > 0):
            raise MdepthError(f'cannot use {text!s} as intrinsics: give {ACCEPTED}')
        return pinhole(*numbers)
    path = Path(text)
    try:
        content = read_text(path)
        # %YAML:1.0 of OpenCV is none, and `ros2 topic echo` ends with ---.
        lines = [line for line in content.splitlines() if not line.startswith(('%', '#', '---'))]
        if path.suffix in {'.yaml', '.yml'}:
            return _from_yaml(parse_yaml('\n'.join(lines)))
        return _from_text(lines)
    except OSError as error:
        wrong = f'no intrinsics at {text!s} ({error.strerror})'
    except ValueError as error:
        wrong = f'cannot read intrinsics from {path} ({str(error)[:100]})'
    raise MdepthError(f'{wrong}: give {ACCEPTED}')


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _from_yaml(tree: object) -> Intrinsics:
    """Read a mapping as camera_calibration, CameraInfo, OpenCV, Kalibr or EuRoC write it."""
    tree = tree if isinstance(tree, dict) else {}
    cameras = [name for name in tree if re.fullmatch(r'cam\d+', name)]  # a camchain of Kalibr
    if len(cameras) > 1:
        raise ValueError(f'it holds {len(cameras)} cameras: copy the lines of one into a file')
    tree = tree[cameras[0]] if cameras and isinstance(tree[cameras[0]], dict) else tree
    model = str(tree.get('distortion_model', 'plumb_bob'))
    camera = tree.get('camera_model', 'pinhole')
    if 'intrinsics' in tree and camera != 'pinhole':
        raise ValueError(f'the camera_model is {shown(str(camera)[:40])}: only pinhole is read')
    names = [name for name in tree if _DISTORTION.fullmatch(name)]
    if len(names) > 1:
        raise ValueError(f'it names the distortion {len(names)} times: {shown(", ".join(names))}')
    d = _row(tree, *names)
    r, p = _row(tree, 'rectification_matrix', 'R', 'r'), _row(tree, 'projection_matrix', 'P', 'p')
    k = _row(tree, 'camera_matrix', 'K', 'k', 'intrinsics')
    k = pinhole(*k).k if len(k) == 4 else k
    if len(k) != 9:
        wrong = f'camera_matrix has {len(k)} numbers instead of 9'
        raise ValueError(wrong if k else 'no camera_matrix')
    width, height = _row(tree, 'image_width', 'width'), _row(tree, 'image_height', 'height')
    size = _row(tree, 'resolution') or (*width, *height)
    return Intrinsics(model, k, d, r, p, _size(size))


def _size(numbers: tuple[float, ...]) -> tuple[int, int] | None:
    if not numbers:
        return None
    if len(numbers) != 2 or not all(map(math.isfinite, numbers)):
        raise ValueError('the size of the image is not a width and a height')
    return int(numbers[0]), int(numbers[1])


def _row(tree: dict[str, Any], *names: str) -> tuple[float, ...]:
    """The numbers under the first name that is there, also of a matrix of rows; () without."""
    name = next((name for name in names if name in tree), None)
    if name is None:
        return ()
    value: Any = tree[name]
    value = value.get('data') if isinstance(value, dict) else value
    rows = value if isinstance(value, list) else [value]
    try:
        return tuple(float(x) for row in rows for x in (row if isinstance(row, list) else [row]))
    except (TypeError, ValueError):
        raise ValueError(f'{name} holds what is no number') from None


def _from_text(lines: list[str]) -> Intrinsics:
    """Read lines of names followed by as many numbers: 'fx 700', 'k1 k2 p1 p2 -0.2 0.1 0 0'."""
    values: dict[str, float] = {}
    for line in lines:
        words = line.replace('=', ' ').replace(':', ' ').split()
        names, numbers = words[: len(words) // 2], _numbers(words[len(words) // 2 :])
        if numbers is None or len(numbers) != len(names):
            raise ValueError(f"'{shown(line[:40])}' is not names and as many numbers")
        values.update(zip(names, numbers, strict=True))
    for name, value in values.items():
        if value and name not in TERMS and _TERM.fullmatch(name):
            raise ValueError(f'{shown(name)} is none of {" ".join(TERMS)}')
    if lacking := [name for name in ('fx', 'fy', 'cx', 'cy') if name not in values]:
        raise ValueError(f'no {", ".join(lacking)}')
    d = tuple(values.get(name, 0.0) for name in TERMS)
    size = _size(tuple(values[name] for name in ('width', 'height') if name in values))
    model = 'rational_polynomial' if any(d[5:]) else 'plumb_bob'
    k = pinhole(*(values[name] for name in ('fx', 'fy', 'cx', 'cy'))).k
    return Intrinsics(model, k, d if any(d[5:]) else d[:5], size=size)
