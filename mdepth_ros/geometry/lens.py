# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lens distortion between normalised image coordinates (x, y = X/Z, Y/Z; r² = x² + y²).

* plumb_bob (k1 k2 p1 p2 [k3]) and rational_polynomial (k1 k2 p1 p2 k3 k4 k5 k6): Brown's model,
  x' = xL + 2 p1 xy + p2 (r² + 2x²), y' = yL + p1 (r² + 2y²) + 2 p2 xy,
  L = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶).
* equidistant (k1 k2 k3 k4): Kannala and Brandt 2006, Eq. 6, over its first coefficient:
  r' = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸), θ = atan r.

The coefficients are in the order of D in sensor_msgs/CameraInfo; those left out are zero. A fitted
polynomial means nothing beyond the radius where it stops to grow: there it would fold the world
back into the picture. Points beyond this reach are NaN.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = {'pinhole': 0, 'plumb_bob': 5, 'rational_polynomial': 8, 'equidistant': 4}
_TABLE_SIZE = 4000
_NEWTON_STEPS = 5


def distort(model: str, d: tuple[float, ...], xy: Tensor) -> Tensor:
    """Where the lens puts the directions `xy` [..., 2]; NaN beyond the reach of the model."""
    if _is_plain(model, d):
        return xy
    r = torch.hypot(xy[..., :1], xy[..., 1:])
    argument = r.atan() if model == 'equidistant' else r
    gain, _ = _gain(model, d, argument**2)
    if model == 'equidistant':
        # At r = 0 both factors vanish with x and y, whatever stands in the denominator.
        found = xy * gain * argument / r.clamp(min=torch.finfo(r.dtype).tiny)
    else:
        found = xy * gain + _decentre(d, xy)
    return torch.where(argument <= float(_table(model, d)[0][-1]), found, math.nan)


def undistort(model: str, d: tuple[float, ...], xy: Tensor) -> Tensor:
    """Inverse of `distort`, to the precision of the dtype; NaN where nothing is seen at `xy`."""
    if _is_plain(model, d):
        return xy
    radius = torch.hypot(xy[..., :1], xy[..., 1:])
    start = _from_table(model, d, radius)
    if model == 'equidistant':
        theta = start
        for _ in range(_NEWTON_STEPS):
            gain, slope = _gain(model, d, theta**2)
            theta = theta - (theta * gain - radius) / (gain + 2 * theta**2 * slope)
        start = theta.tan()
    found = xy * torch.where(radius > 0, start / radius, 1.0)
    if model != 'equidistant':
        found = _newton(model, d, xy, found)
    # Beyond the reach the table ends and Newton's method has no solution to find.
    error = (distort(model, d, found) - xy).abs().amax(-1, keepdim=True)
    return torch.where(error < 100 * torch.finfo(xy.dtype).eps * (1 + radius), found, math.nan)


def _from_table(model: str, d: tuple[float, ...], radius: Tensor) -> Tensor:
    """Undistorted r (Brown) or θ (equidistant) of an image radius, to about 1e-6, radially."""
    arguments, radii = (column.to(radius) for column in _table(model, d))
    after = torch.searchsorted(radii, radius.contiguous()).clamp(1, len(radii) - 1)
    low, high = radii[after - 1], radii[after]
    share = ((radius - low) / (high - low)).clamp(max=1)
    return torch.lerp(arguments[after - 1], arguments[after], share)


def _newton(model: str, d: tuple[float, ...], target: Tensor, start: Tensor) -> Tensor:
    """Solve distort(xy) = target from a start that lacks little but the tangential part."""
    p1, p2 = (d + (0.0,) * 4)[2:4]
    xy = start
    for _ in range(_NEWTON_STEPS):
        x, y = xy[..., 0], xy[..., 1]
        gain, slope = _gain(model, d, x**2 + y**2)
        u, v = (xy * gain.unsqueeze(-1) + _decentre(d, xy) - target).unbind(-1)
        # The Jacobian is symmetric: [[a, b], [b, c]].
        a = gain + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        b = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        c = gain + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
        step = torch.stack([c * u - b * v, a * v - b * u], -1) / (a * c - b * b).unsqueeze(-1)
        xy = xy - step
    return xy


def _is_plain(model: str, d: tuple[float, ...]) -> bool:
    # An equidistant lens without coefficients still bends; the others do not.
    return model != 'equidistant' and not any(d)


def _decentre(d: tuple[float, ...], xy: Tensor) -> Tensor:
    """Brown's tangential part [..., 2]."""
    p1, p2 = (d + (0.0,) * 4)[2:4]
    x, y = xy[..., 0], xy[..., 1]
    xx, xy_, yy = x * x, x * y, y * y
    return torch.stack([2 * p1 * xy_ + p2 * (3 * xx + yy), p1 * (xx + 3 * yy) + 2 * p2 * xy_], -1)


def _gain(model: str, d: tuple[float, ...], s: Any) -> tuple[Any, Any]:
    """Radial factor and its derivative at s = r² (Brown) or θ² (equidistant), float or tensor."""
    d = d + (0.0,) * (8 - len(d))
    if model == 'equidistant':
        k1, k2, k3, k4 = d[:4]
        gain = 1 + s * (k1 + s * (k2 + s * (k3 + s * k4)))
        return gain, k1 + s * (2 * k2 + s * (3 * k3 + s * 4 * k4))
    k1, k2, _, _, k3, k4, k5, k6 = d
    below = 1 + s * (k4 + s * (k5 + s * k6))
    gain = (1 + s * (k1 + s * (k2 + s * k3))) / below
    slope = k1 + s * (2 * k2 + s * 3 * k3) - gain * (k4 + s * (2 * k5 + s * 3 * k6))
    return gain, slope / below


@lru_cache(maxsize=16)
def _table(model: str, d: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """r (Brown) or θ (equidistant) from 0 as far as the image radius grows, and that radius."""
    arguments, radii = [0.0], [0.0]
    for step in range(1, _TABLE_SIZE):
        theta = 0.5 * math.pi * step / _TABLE_SIZE
        x = theta if model == 'equidistant' else math.tan(theta)
        radius = x * _gain(model, d, x * x)[0]
        if not radius > radii[-1]:
            break
        arguments.append(x)
        radii.append(radius)
    # A tensor made in inference mode could not be used outside it.
    with torch.inference_mode(False):
        columns = torch.tensor([arguments, radii], dtype=torch.float64)
        return columns[0], columns[1]
