# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid motions: metres, unit quaternions (x, y, z, w), right handed (REP-103)."""

from __future__ import annotations

import math
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


class Rigid(NamedTuple):
    """A translation after a rotation."""

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def after(self, first: Rigid) -> Rigid:
        """The transform that does `first`, then this."""
        x, y, z = _rotate(self.rotation, first.translation)
        dx, dy, dz = self.translation
        return Rigid((x + dx, y + dy, z + dz), _multiply(self.rotation, first.rotation))

    def inverse(self) -> Rigid:
        """The way back."""
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        tx, ty, tz = _rotate(back, self.translation)
        return Rigid((-tx, -ty, -tz), back)

    def towards(self, other: Rigid, ratio: float) -> Rigid:
        """Between this (ratio 0) and another (1): linear in translation, slerp in rotation."""
        (x, y, z), (u, v, w) = self.translation, other.translation
        moved = (x + ratio * (u - x), y + ratio * (v - y), z + ratio * (w - z))
        return Rigid(moved, _slerp(self.rotation, other.rotation, ratio))


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotate(q: Quaternion, v: Vector) -> Vector:
    x, y, z, w = q
    back = (-x, -y, -z, w)
    rx, ry, rz, _ = _multiply(_multiply(q, (*v, 0.0)), back)
    return rx, ry, rz


def _slerp(a: Quaternion, b: Quaternion, ratio: float) -> Quaternion:
    cosine = sum(p * q for p, q in zip(a, b, strict=True))
    sign = -1.0 if cosine < 0 else 1.0  # b and -b are one rotation; go the short way
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:
        one, two = 1.0 - ratio, ratio
    else:
        one = math.sin((1.0 - ratio) * angle) / math.sin(angle)
        two = math.sin(ratio * angle) / math.sin(angle)
    mixed = [one * p + two * sign * q for p, q in zip(a, b, strict=True)]
    norm = math.hypot(*mixed)
    x, y, z, w = (p / norm for p in mixed)
    return x, y, z, w
