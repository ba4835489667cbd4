# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Objects and the primitives that they consist of, and what these are painted with."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.synthetic.config import Random

# CYLINDER stands along z; AXLE lies along y, TANK along x.
BOX, ELLIPSOID, CYLINDER, AXLE, TANK = range(5)
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


@dataclass(frozen=True)
class Thing:
    """An object that stands at pose x, y, heading [3].

    level: whether it is upright on a slope, as houses are, or leans with the ground.
    movable: whether it could move, as vehicles and people can.
    """

    parts: list[Part]
    pose: Tensor
    level: bool = False
    movable: bool = False


def reach(parts: Sequence[Part]) -> float:
    """Metres from an object's origin to its end, ahead or behind."""
    return max(part.half[0] + abs(part.centre[0]) for part in parts)


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
    bright = [brightness * t * (1 + random.uniform(-jitter, jitter)) for t in tint]
    return min(bright[0], 0.95), min(bright[1], 0.95), min(bright[2], 0.95)


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
