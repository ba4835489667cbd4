# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The world as arrays: primitives that belong to objects, and what they are painted with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mdepth_ros.synthetic.config import Random

BOX, ELLIPSOID, CYLINDER, AXLE, TANK = range(
    5
)  # CYLINDER stands along z; AXLE lies along y, TANK along x
OCTAVES = 5
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """Paint of one primitive; colours are linear RGB albedos.

    Noise mixes colour a and b; `scale` squeezes it along the two surface directions, `octaves`
    weighs it from coarse to fine. A grid of rectangles in colour `pattern` lies on top: windows,
    bricks, tiles or stripes, by `period` (metres) and `part` (share of the period that is
    covered, 0 = no pattern) along the surface directions; `shift` moves every second row.
    """

    a: Colour
    b: Colour
    pattern: Colour = (0.0, 0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    octaves: tuple[float, ...] = (0.5, 0.4, 0.4, 0.3, 0.3)
    period: tuple[float, float] = (1.0, 1.0)
    part: tuple[float, float] = (0.0, 0.0)
    shift: float = 0.0
    gloss: float = 0.0

    def row(self) -> list[float]:
        """Return the numbers in the order in which the renderer reads them."""
        numbers = [*self.a, *self.b, *self.pattern, *self.scale, *self.octaves]
        return [*numbers, *self.period, *self.part, self.shift, self.gloss]


@dataclass(frozen=True)
class Part:
    """A primitive in its object's frame (x forward, y left, z up, origin on the ground)."""

    kind: int
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    material: Material


@dataclass
class Scene:
    """All primitives of a drive; grows by `add`.

    Primitives: kind, owner (object index), centre and half size in the object's frame.
    Objects: pose x, y, heading; for a moving object the row of `Traffic` that overrides it; level:
    whether it is upright on a slope, as houses are, or leans with the ground.
    """

    kind: list[int] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)
    centre: list[tuple[float, float, float]] = field(default_factory=list)
    half: list[tuple[float, float, float]] = field(default_factory=list)
    material: list[list[float]] = field(default_factory=list)
    pose: list[list[float]] = field(default_factory=list)
    level: list[bool] = field(default_factory=list)

    def add(self, pose: Sequence[float], parts: Sequence[Part], level: bool = False) -> None:
        """Add an object that stands at pose x, y, heading."""
        for part in parts:
            self.kind.append(part.kind)
            self.owner.append(len(self.pose))
            self.centre.append(part.centre)
            self.half.append(part.half)
            self.material.append(part.material.row())
        self.pose.append([float(value) for value in pose])
        self.level.append(level)


def distance_to_boxes(points: Tensor, pose: Tensor, centre: Tensor, half: Tensor) -> Tensor:
    """Distance in the plane from points [..., K, 2] to the footprints of parts, [..., K, P].

    pose: [..., P, 3] x, y, heading of each part's object; centre, half: [P, 3].
    """
    offset = points[..., :, None, :] - pose[..., None, :, :2]
    c, s = pose[..., None, :, 2].cos(), pose[..., None, :, 2].sin()
    along = c * offset[..., 0] + s * offset[..., 1] - centre[:, 0]
    across = -s * offset[..., 0] + c * offset[..., 1] - centre[:, 1]
    outside = torch.stack([along.abs() - half[:, 0], across.abs() - half[:, 1]]).clamp_min(0.0)
    return (outside * outside).sum(0).sqrt()


def colour(
    random: Random,
    plain: tuple[float, float],
    tint: Colour = (1, 1, 1),
    wild: float = 0.15,
    wide: tuple[float, float] = (0.04, 0.9),
) -> Colour:
    """Draw an albedo: a brightness times a tint; now and then, with appearance, any colour."""
    brightness = random.widened(plain, wide)
    if random.chance(0.0, wild):
        tint = (random.uniform(0.3, 1), random.uniform(0.3, 1), random.uniform(0.3, 1))
    jitter = 0.06 + 0.1 * random.appearance
    red, green, blue = (
        min(brightness * t * (1 + random.uniform(-jitter, jitter)), 0.95) for t in tint
    )
    return red, green, blue


def scaled(base: Colour, factor: float) -> Colour:
    """Return the colour `factor` times as bright, at most white."""
    red, green, blue = (min(value * factor, 0.95) for value in base)
    return red, green, blue


def octaves(random: Random, strength: float = 1.0) -> tuple[float, ...]:
    """Draw the weights of the noise from coarse to fine."""
    return tuple(strength * random.widened((0.35, 0.6), (0.1, 0.8)) for _ in range(OCTAVES))


def squeeze(random: Random) -> tuple[float, float]:
    """Draw the scale of the noise along the two surface directions."""
    size = random.widened((0.8, 1.3), (0.4, 2.5))
    stretch = random.widened((0.9, 1.1), (0.4, 2.5))
    return size * stretch, size / stretch
