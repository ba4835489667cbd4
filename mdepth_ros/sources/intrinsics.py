# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Intrinsics that a person supplies: four numbers, a calibration file of ROS, or a text file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.picture_header import exchanged
from mdepth_ros.texts import parse_yaml, read_text

if TYPE_CHECKING:
    from mdepth_ros.geometry import Camera

ACCEPTED = (
    "'fx,fy,cx,cy' in pixels, a camera_info YAML of camera_calibration, or a text file with lines "
    "'fx 700', 'fy 700', 'cx 320', 'cy 240' and optionally 'k1 k2 p1 p2 k3 ...'"
)
NO_ROI = (0, 0, 0, 0, False)


class CalibrationError(MdepthError):
    """The intrinsics cannot be those of any image of the recording: reading on is of no use."""


@dataclass(frozen=True)
class Intrinsics:
    """A calibration for images of one size; without a size, for every image that comes.

    k, r, p as in sensor_msgs/CameraInfo (9, 9 and 12 numbers, row-major; empty where unknown).
    rectified: the images are rectified already, and only p (else k) holds.
    """

    model: str
    k: tuple[float, ...]
    d: tuple[float, ...] = ()
    r: tuple[float, ...] = ()
    p: tuple[float, ...] = ()
    size: tuple[int, int] | None = None
    rectified: bool = False

    def camera(self, width: int, height: int) -> Camera:
        """Return the camera of an image of this size; MdepthError if it was made for another."""
        if self.size is not None and self.size != (width, height):
            raise MdepthError(
                f'the intrinsics are for {self.size[0]}x{self.size[1]} '
                f'but the image is {width}x{height}{exchanged(self.size, (width, height))}'
            )
        from mdepth_ros.geometry import Camera

        camera = Camera.from_info(
            width, height, self.model, self.d, self.k, self.r or (0.0,) * 9, self.p or (0.0,) * 12,
            0, 0, NO_ROI,
        )  # fmt: skip
        return camera.pinhole() if self.rectified else camera

    def for_images(self) -> Callable[[int, int], Camera]:
        """Return `camera` for one recording, where all images must have the size of the first.

        It raises CalibrationError where no image of the recording can have a camera.
        """
        bound = self

        def camera(width: int, height: int) -> Camera:
            from mdepth_ros.geometry import CameraError

            nonlocal bound
            if bound.size is None:
                bound = replace(self, size=(width, height))
            try:
                return bound.camera(width, height)
            except CameraError as error:
                raise CalibrationError(str(error)) from None

        return camera


def pinhole(fx: float, fy: float, cx: float, cy: float) -> Intrinsics:
    """Return the intrinsics of a camera without distortion."""
    return Intrinsics('plumb_bob', (fx, 0, cx, 0, fy, cy, 0, 0, 1))


def read_intrinsics(text: str | Path) -> Intrinsics:
    """Read what `--intrinsics` accepts (see ACCEPTED), or a sensor.yaml of EuRoC.

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
        lines = [line for line in content.splitlines() if not line.startswith(('%', '#'))]
        if path.suffix in {'.yaml', '.yml'}:
            return _from_yaml(parse_yaml('\n'.join(lines)))
        return _from_text(lines)
    except OSError as error:
        raise MdepthError(
            f'no intrinsics at {text!s} ({error.strerror}): give {ACCEPTED}'
        ) from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f'no {error}' if isinstance(error, KeyError) else str(error).splitlines()[0][:100]
        raise MdepthError(
            f'cannot read intrinsics from {path} ({what}): give {ACCEPTED}'
        ) from None


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _from_yaml(tree: dict[str, Any]) -> Intrinsics:
    """Read the layout of camera_calibration, or that of EuRoC (resolution, intrinsics)."""
    if 'camera_matrix' not in tree and 'intrinsics' in tree:
        fx, fy, cx, cy = (float(value) for value in tree['intrinsics'])
        models = {'radial-tangential': 'plumb_bob', 'equidistant': 'equidistant'}
        width, height = tree['resolution']
        model = str(tree.get('distortion_model', 'radial-tangential'))
        return Intrinsics(
            models.get(model, model),
            (fx, 0, cx, 0, fy, cy, 0, 0, 1),
            _row(tree.get('distortion_coefficients', [])),
            size=(int(width), int(height)),
        )

    def data(name: str) -> tuple[float, ...]:
        return _row(tree[name]['data']) if name in tree else ()

    k = _row(tree['camera_matrix']['data'])
    if len(k) != 9:
        raise ValueError(f'camera_matrix has {len(k)} numbers instead of 9')
    return Intrinsics(
        str(tree.get('distortion_model', 'plumb_bob')),
        k,
        data('distortion_coefficients'),
        data('rectification_matrix'),
        data('projection_matrix'),
        (int(tree['image_width']), int(tree['image_height'])),
    )


def _row(values: list[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _from_text(lines: list[str]) -> Intrinsics:
    """Read lines of names followed by as many numbers: 'fx 700', 'k1 k2 p1 p2 -0.2 0.1 0 0'."""
    values: dict[str, float] = {}
    for line in lines:
        words = line.replace('=', ' ').replace(':', ' ').split()
        names = words[: len(words) // 2]
        values.update(zip(names, (float(word) for word in words[len(names) :]), strict=True))
    k = (values['fx'], 0.0, values['cx'], 0.0, values['fy'], values['cy'], 0.0, 0.0, 1.0)
    d = tuple(values.get(name, 0.0) for name in ('k1', 'k2', 'p1', 'p2', 'k3', 'k4', 'k5', 'k6'))
    size = (int(values['width']), int(values['height'])) if 'width' in values else None
    model = 'rational_polynomial' if any(d[5:]) else 'plumb_bob'
    return Intrinsics(model, k, d if any(d[5:]) else d[:5], size=size)
