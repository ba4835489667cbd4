# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The things along a road, as parts: people, buildings, trees, walls and poles."""

from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.scene import (
    AXLE,
    BOX,
    CYLINDER,
    ELLIPSOID,
    OCTAVES,
    Material,
    Part,
    colour,
    octaves,
    scaled,
    squeeze,
)
from mdepth_ros.synthetic.vehicles import TYRE

SKIN = Material((0.45, 0.3, 0.22), (0.25, 0.15, 0.1))


def cyclist(random: Random) -> list[Part]:
    """Draw a cyclist: two wheels, a frame and a rider."""
    cloth = Material(colour(random, (0.1, 0.6)), colour(random, (0.05, 0.5)))
    return [
        Part(AXLE, (0.52, 0, 0.34), (0.34, 0.04, 0.34), TYRE),
        Part(AXLE, (-0.52, 0, 0.34), (0.34, 0.04, 0.34), TYRE),
        Part(BOX, (0, 0, 0.6), (0.5, 0.04, 0.12), cloth),
        Part(ELLIPSOID, (-0.05, 0, 1.15), (0.25, 0.22, 0.5), cloth),
        Part(ELLIPSOID, (0.1, 0, 1.7), (0.12, 0.1, 0.15), SKIN),
    ]


def pedestrian(random: Random) -> list[Part]:
    """Draw a person: legs, a body and a head."""
    cloth = Material(colour(random, (0.1, 0.6)), colour(random, (0.05, 0.5)))
    legs = Material(colour(random, (0.03, 0.3)), colour(random, (0.02, 0.2)))
    return [
        Part(CYLINDER, (0.1, 0.1, 0.42), (0.09, 0.09, 0.42), legs),
        Part(CYLINDER, (-0.1, -0.1, 0.42), (0.09, 0.09, 0.42), legs),
        Part(ELLIPSOID, (0, 0, 1.15), (0.16, 0.25, 0.36), cloth),
        Part(ELLIPSOID, (0, 0, 1.62), (0.11, 0.1, 0.14), SKIN),
    ]


def _facade(random: Random) -> Material:
    tint = random.choice([(1, 0.9, 0.75), (1, 0.65, 0.5), (0.95, 0.95, 1), (0.9, 1, 0.9)])
    base = colour(random, (0.15, 0.5), tint)
    style = random.uniform(0, 1)
    period, part, shift = (random.uniform(1.8, 3.5), random.uniform(2.5, 3.5)), (0.0, 0.0), 0.0
    pattern = scaled(base, random.uniform(0.1, 0.5))
    if style < 0.7 - 0.3 * random.appearance:  # windows
        part = random.uniform(0.3, 0.65), random.uniform(0.35, 0.65)
        pattern = colour(random, (0.03, 0.12), (0.9, 1, 1.15))
    elif style < 0.9:  # bricks, tiles, panels
        period = random.uniform(0.3, 1.5), random.uniform(0.15, 0.8)
        part, shift = (random.uniform(0.8, 0.94), random.uniform(0.75, 0.9)), 0.5
        pattern = scaled(base, random.uniform(0.5, 1.6))
    elif style < 0.95:  # stripes
        part = random.uniform(0.2, 0.7), 1.0
        period = random.uniform(0.3, 2.5), 1.0
    dark, light = scaled(base, random.uniform(0.4, 0.75)), scaled(base, random.uniform(1.1, 1.6))
    grain = squeeze(random), octaves(random)
    return Material(dark, light, pattern, *grain, period, part, shift)


def building(random: Random, half_length: float) -> list[Part]:
    """Draw a house: a block, a smaller block for its roof, and a plinth. x runs along the road."""
    depth, height = random.uniform(3.0, 6.0), random.widened((2.5, 8.0), (1.5, 14.0))
    wall, roof = _facade(random), colour(random, (0.06, 0.3), (1, 0.6, 0.5))
    dark, light, joint = (scaled(roof, factor) for factor in (0.6, 1.3, 0.5))
    tiles = Material(dark, light, joint, period=(0.4, 0.35), part=(1, 0.2))
    parts = [
        Part(BOX, (0, 0, height), (half_length, depth, height), wall),
        Part(BOX, (0, 0, 2 * height + 0.4), (half_length + 0.3, depth + 0.3, 0.4), tiles),
    ]
    if random.uniform(0, 1) < 0.5:
        plinth = Material(scaled(wall.a, 0.6), scaled(wall.b, 0.6), octaves=octaves(random))
        parts.append(Part(BOX, (0, 0, 0.4), (half_length + 0.08, depth + 0.08, 0.4), plinth))
    if random.uniform(0, 1) < 0.4:
        x = random.uniform(-0.7, 0.7) * half_length
        parts.append(Part(BOX, (x, 0, 2 * height + 1.2), (0.5, 0.5, 0.8), wall))
    return parts


def _leaves(random: Random) -> Material:
    base = colour(random, (0.08, 0.22), (0.55, 1, 0.3), wide=(0.03, 0.3))
    if random.appearance > 0 and random.uniform(0, 1) < 0.75:  # light and dark, no pattern
        rough = tuple(random.uniform(0.4, 1.3) for _ in range(OCTAVES))
        bright = scaled(base, random.uniform(1.5, 2.5))
        return Material(scaled(base, 0.1), bright, scale=squeeze(random), octaves=rough)
    return Material(
        scaled(base, 0.25),
        scaled(base, 1.5),
        scale=squeeze(random),
        octaves=octaves(random, 1.4),
        pattern=scaled(base, 0.3),
        period=(random.uniform(0.2, 0.6), random.uniform(0.2, 0.6)),
        part=(random.widened((0.0, 0.3), (0.0, 0.7)), 0.6),
        shift=0.5,
    )


def tree(random: Random) -> list[Part]:
    """Draw a tree: a trunk and a crown of several overlapping ellipsoids."""
    trunk, crown = random.uniform(1.2, 3.5), random.uniform(0.9, 2.4)
    bark = colour(random, (0.06, 0.15), (1, 0.8, 0.6))
    wood = Material(scaled(bark, 0.5), scaled(bark, 1.5), scale=(2.0, 0.5))
    leaves = _leaves(random)
    radius = random.uniform(0.1, 0.28)
    parts = [Part(CYLINDER, (0, 0, trunk / 2), (radius, radius, trunk / 2), wood)]
    for i in range(3 + int(2 * random.appearance)):
        spread = 0.6 * crown if i else 0.0  # the first one sits on the trunk
        x, y = (random.uniform(-spread, spread) for _ in range(2))
        z = trunk + crown * (random.uniform(0.2, 1.4) if i else 0.25)
        size = crown * random.uniform(0.5, 0.9)
        flat = size * random.uniform(0.6, 1.1)
        parts.append(Part(ELLIPSOID, (x, y, z), (size, size, flat), leaves))
    return parts


def grove(random: Random, half_length: float) -> list[Part]:
    """Draw a row of trees along x that is dense from the ground up."""
    leaves, height = [_leaves(random) for _ in range(2)], random.uniform(1.5, 5.0)
    parts, x = [], -half_length
    while x < half_length:
        tall, wide = height * random.uniform(0.5, 1.3), random.uniform(1.0, 2.6)
        y, foot = random.uniform(-1.5, 1.5), random.uniform(0.5, 1.0)
        paint, size = random.choice(leaves), (wide, random.uniform(1, 2), tall)
        parts.append(Part(ELLIPSOID, (x, y, foot * tall), size, paint))
        x += wide * random.uniform(0.5, 1.3)
    return parts


def hedge(random: Random, half_length: float) -> list[Part]:
    """Draw a hedge: overlapping ellipsoids in a row along x."""
    leaves, height = _leaves(random), random.uniform(0.5, 1.3)
    parts, x = [], -half_length
    while x < half_length:
        size = random.uniform(0.7, 1.3)
        tall = height * random.uniform(0.8, 1.2)
        parts.append(Part(ELLIPSOID, (x, 0, 0.6 * tall), (size, 0.5, tall), leaves))
        x += size * 1.2
    return parts


def wall(random: Random, half_length: float) -> list[Part]:
    """Draw a garden wall or a fence along x."""
    height = random.widened((0.4, 1.0), (0.3, 2.0))
    return [Part(BOX, (0, 0, height), (half_length, 0.15, height), _facade(random))]


def rail(random: Random, half_length: float) -> list[Part]:
    """Draw a piece of crash barrier along x: a beam on two posts."""
    grey = colour(random, (0.3, 0.6))
    steel = Material(scaled(grey, 0.7), grey, gloss=0.3)
    parts = [Part(BOX, (0, 0, 0.62), (half_length, 0.05, 0.16), steel)]
    for x in (-0.5 * half_length, 0.5 * half_length):
        parts.append(Part(BOX, (x, 0, 0.3), (0.06, 0.05, 0.3), steel))
    return parts


def pole(random: Random) -> list[Part]:
    """Draw a pole: a lamp, or a sign with its board."""
    grey = colour(random, (0.1, 0.4))
    steel = Material(scaled(grey, 0.7), grey)
    height, radius = random.uniform(1.3, 3.5), random.uniform(0.05, 0.12)
    parts = [Part(CYLINDER, (0, 0, height), (radius, radius, height), steel)]
    if random.uniform(0, 1) < 0.5:
        back = colour(random, (0.4, 0.8)), colour(random, (0.4, 0.8))
        tint = random.choice([(1, 0.1, 0.1), (0.1, 0.2, 1), (1, 1, 1)])
        sign = colour(random, (0.05, 0.6), tint)
        board = Material(*back, sign, period=(0.7, 0.7), part=(0.7, 0.6))
        parts.append(Part(BOX, (0, 0, 2 * height), (0.04, 0.35, 0.35), board))
    else:
        parts.append(Part(BOX, (0, 0, 2 * height), (0.15, 0.5, 0.08), steel))
    return parts


def overpass(random: Random, half_width: float) -> list[Part]:
    """Draw a bridge across the road: a deck 5 m up, along y, and two piers."""
    concrete = _facade(random)
    return [
        Part(BOX, (0, 0, 5.9), (4.0, 150.0, 0.7), concrete),
        Part(BOX, (0, half_width + 1.5, 2.7), (2.5, 0.5, 2.7), concrete),
        Part(BOX, (0, -half_width - 1.5, 2.7), (2.5, 0.5, 2.7), concrete),
    ]
