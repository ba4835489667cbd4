# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera as sensor_msgs/CameraInfo has it: intrinsics, lens distortion, rectification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import lens, plausible
from mdepth_ros.geometry.lens import COEFFICIENTS
from mdepth_ros.limits import LARGEST_FACTOR, LARGEST_IMAGE

OTHER_NAMES = {
    'fisheye': 'equidistant',
    'equi': 'equidistant',
    'radtan': 'plumb_bob',
    'radial-tangential': 'plumb_bob',
}
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_INTRINSICS = ('fx', 'fy', 'cx', 'cy')


class CameraError(MdepthError):
    """A calibration that cannot be used."""


@dataclass(frozen=True)
class Camera:
    """The camera of one image; equal cameras are the same camera.

    width, height   size of the image in pixels
    fx, fy, cx, cy  intrinsics in pixels: K of the image as it is, distorted or not
    model           'pinhole', 'plumb_bob', 'rational_polynomial' or 'equidistant'
    distortion      D; trailing zeros carry no meaning and are dropped
    rectification   R, row-major: turns directions of the camera into the rectified camera
    rectified       fx, fy, cx, cy of the rectified image (from P); None: those of K
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    model: str = 'pinhole'
    distortion: tuple[float, ...] = ()
    rectification: tuple[float, ...] = IDENTITY
    rectified: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        distortion = [float(d) for d in self.distortion]
        while distortion and distortion[-1] == 0:
            distortion.pop()
        normal: dict[str, Any] = {name: float(getattr(self, name)) for name in _INTRINSICS}
        normal |= {'width': int(self.width), 'height': int(self.height)}
        normal['distortion'] = tuple(distortion)
        normal['rectification'] = tuple(float(r) for r in self.rectification)
        if self.rectified is not None:
            rectified = tuple(float(value) for value in self.rectified)
            same = rectified == tuple(normal[name] for name in _INTRINSICS)
            normal['rectified'] = None if same else rectified
        for name, value in normal.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if self.model not in COEFFICIENTS:
            known = ', '.join(COEFFICIENTS)
            raise CameraError(f'unknown distortion model {self.model[:40]!r}: use one of {known}')
        if len(self.distortion) > COEFFICIENTS[self.model]:
            thin = ': calibrate without thin prism and tilt, or rectify first'
            raise CameraError(
                f'{self.model} takes {COEFFICIENTS[self.model]} distortion coefficients, not '
                f'{len(self.distortion)}' + (thin if len(self.distortion) > 8 else '')
            )
        if self.width < 1 or self.height < 1 or self.width * self.height > LARGEST_IMAGE:
            raise CameraError(f'an image of {self.width} x {self.height} pixels has no camera')
        numbers = [
            *self.intrinsics,
            *self.distortion,
            *self.rectification,
            *(self.rectified or ()),
        ]
        if not all(math.isfinite(number) for number in numbers):
            raise CameraError('the calibration holds NaN or infinite numbers: calibrate again')
        if any(abs(number) > LARGEST_FACTOR for number in self.distortion):
            raise CameraError(
                f'the distortion holds numbers above {LARGEST_FACTOR:g}, which no lens has: '
                'calibrate again'
            )
        focal = (self.fx, self.fy, *(self.rectified or ())[:2])
        if not all(length > 0 for length in focal):
            raise CameraError('uncalibrated camera: a focal length is not positive')
        if len(self.rectification) != 9 or not _is_rotation(self.rectification):
            raise CameraError('the rectification R is not a rotation: calibrate again')

    @classmethod
    def from_info(
        cls,
        width: int,
        height: int,
        distortion_model: str,
        d: Sequence[float],
        k: Sequence[float],
        r: Sequence[float],
        p: Sequence[float],
        binning_x: int = 0,
        binning_y: int = 0,
        roi: tuple[int, int, int, int, bool] = (0, 0, 0, 0, False),
    ) -> Camera:
        """Camera of the image as it arrives, from the fields of sensor_msgs/CameraInfo.

        The message's width, height, K and P belong to the full sensor; the delivered image is the
        region of interest (x_offset, y_offset, height, width, do_rectify), then binned. An empty
        or all-zero D means no distortion whatever the model, an all-zero R is the identity and a
        zero P is K. Skew is ignored. An image that is rectified already has `.pinhole()` of it.
        As in OpenCV the number of coefficients decides whether Brown's model is rational.

        Raises CameraError where K is zero ('uncalibrated ...') or a field makes no sense, or they
        cannot belong together (see mdepth_ros.geometry.plausible).
        """
        if len(k) != 9 or k[0] == 0 or k[4] == 0:
            raise CameraError(
                'uncalibrated camera: K in its camera_info is zero; calibrate or give intrinsics'
            )
        if abs(k[6]) > 1 or abs(k[7]) > 1:
            raise CameraError('K is transposed: write it row by row, fx 0 cx 0 fy cy 0 0 1')
        model = OTHER_NAMES.get(distortion_model, distortion_model)
        if not any(d):
            model, d = 'pinhole', ()
        elif model == 'plumb_bob' and any(d[5:]):
            model = 'rational_polynomial'
        full = cls(
            width,
            height,
            fx=k[0],
            fy=k[4],
            cx=k[2],
            cy=k[5],
            model=model,
            distortion=tuple(d),
            rectification=tuple(r) if any(r) else IDENTITY,
            rectified=(p[0], p[5], p[2], p[6]) if len(p) == 12 and p[0] and p[5] else None,
        )
        full.check()
        left, top, rows, columns, _ = roi
        rows, columns = rows or full.height, columns or full.width
        if left + columns > full.width or top + rows > full.height:
            raise CameraError(
                f'the region of interest, {columns}x{rows} from {left}, {top}, lies outside '
                f'of {full.width}x{full.height}: correct the camera_info'
            )
        bin_x, bin_y = max(binning_x, 1), max(binning_y, 1)
        size = (columns // bin_x, rows // bin_y)
        return full._mapped(*size, 1 / bin_x, 1 / bin_y, left, top)

    def check(self) -> None:
        """Raise CameraError for intrinsics that cannot belong to an image of that size."""
        if why := plausible.absurd(self.width, self.height, self.intrinsics):
            raise CameraError(f'wrong intrinsics: {why}')
        if why := plausible.absurd(self.width, self.height, self.pinhole().intrinsics, True):
            raise CameraError(f'wrong projection P, with {why}: calibrate again, or set it to K')

    @property
    def unusual(self) -> str:
        """What is rare about the intrinsics, to be said; '' where nothing is."""
        of_p = plausible.unusual(self.width, self.height, self.pinhole().intrinsics)
        return plausible.unusual(self.width, self.height, self.intrinsics) or (
            of_p and f'P with {of_p}'
        )

    @classmethod
    def from_normalised(
        cls, width: int, height: int, fx_n: float, fy_n: float, cx_n: float, cy_n: float
    ) -> Camera:
        """Pinhole camera of that size from intrinsics as `normalised` gives them."""
        return cls(
            width, height, fx_n * width, fy_n * height, cx_n * width - 0.5, cy_n * height - 0.5
        )

    @property
    def normalised(self) -> tuple[float, float, float, float]:
        """(fx/w, fy/h, (cx+½)/w, (cy+½)/h): the same for every size of one view."""
        return (
            self.fx / self.width,
            self.fy / self.height,
            (self.cx + 0.5) / self.width,
            (self.cy + 0.5) / self.height,
        )

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """Of the image as it is: (fx, fy, cx, cy)."""
        return self.fx, self.fy, self.cx, self.cy

    def pinhole(self) -> Camera:
        """The rectified camera of the same size: P where there is one, else K."""
        return Camera(self.width, self.height, *(self.rectified or self.intrinsics))

    def scaled(self, width: int, height: int) -> Camera:
        """The camera of the whole image resized to width x height."""
        return self._mapped(width, height, width / self.width, height / self.height)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of a cut-out whose top-left pixel is (left, top)."""
        return self._mapped(width, height, left=left, top=top)

    def largest_crop(self, aspect: float, vertical: float = 0.5) -> tuple[int, int, int, int]:
        """Box (left, top, width, height), the largest with width / height = aspect.

        It is centred in x; `vertical` is the share of the spare rows that lies above it: 0 keeps
        the top of the image, 1 the bottom. Whole pixels: the aspect holds to half a pixel.
        """
        width = min(self.width, max(1, round(self.height * aspect)))
        height = min(self.height, max(1, round(self.width / aspect)))
        top = round((self.height - height) * vertical)
        return (self.width - width) // 2, top, width, height

    def _mapped(
        self, width: int, height: int, sx: float = 1, sy: float = 1, left: int = 0, top: int = 0
    ) -> Camera:
        """Shift the origin to (left, top), then scale by the pixel-centre rule."""

        def move(fx: float, fy: float, cx: float, cy: float) -> tuple[float, float, float, float]:
            # Where nothing is scaled, no rounding: the same camera must stay equal to itself.
            x, y = cx - left, cy - top
            return (
                fx * sx,
                fy * sy,
                x if sx == 1 else (x + 0.5) * sx - 0.5,
                y if sy == 1 else (y + 0.5) * sy - 0.5,
            )

        fx, fy, cx, cy = move(*self.intrinsics)
        rectified = self.rectified and move(*self.rectified)
        return replace(
            self, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy, rectified=rectified
        )

    def matrix(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
    ) -> Tensor:
        """K as a [3, 3] tensor."""
        rows = [[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]]
        return torch.tensor(rows, dtype=dtype, device=device)

    def project(self, points: Tensor) -> Tensor:
        """Points [..., 3] of the (unrectified) camera frame -> pixels [..., 2], distorted.

        NaN where z <= 0 and beyond the radius up to which the distortion model grows.
        """
        z = points[..., 2:]
        xy = points[..., :2] / torch.where(z > 0, z, math.nan)
        xy = lens.distort(self.model, self.distortion, xy)
        return xy * xy.new_tensor([self.fx, self.fy]) + xy.new_tensor([self.cx, self.cy])

    def unproject(self, pixels: Tensor) -> Tensor:
        """Pixels [..., 2] -> directions [..., 3] in the (unrectified) camera frame, with z = 1.

        NaN where no direction in front of the camera has this pixel.
        """
        focal = pixels.new_tensor([self.fx, self.fy])
        xy = (pixels - pixels.new_tensor([self.cx, self.cy])) / focal
        xy = lens.undistort(self.model, self.distortion, xy)
        return torch.cat([xy, torch.ones_like(xy[..., :1])], -1)


@lru_cache(maxsize=64)
def _is_rotation(r: tuple[float, ...]) -> bool:
    matrix = torch.tensor(r, dtype=torch.float64).view(3, 3)
    error = (matrix @ matrix.T - torch.eye(3, dtype=torch.float64)).abs().max()
    return bool(error < 1e-3 and torch.linalg.det(matrix) > 0)
