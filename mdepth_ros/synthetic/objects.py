# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The things along a road, as parts: cars, trucks, buildings, trees, walls and poles."""

from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.scene import (
    AXLE,
    BOX,
    CYLINDER,
    ELLIPSOID,
    Colour,
    Material,
    Part,
    colour,
    octaves,
    scaled,
    squeeze,
)

GLASS: Colour = (0.03, 0.035, 0.045)
TYRE = Material((0.02, 0.02, 0.02), (0.05, 0.05, 0.05))
SHADE = Material((0.025, 0.025, 0.025), (0.06, 0.06, 0.06))
CAR_TINTS: list[tuple[tuple[float, float], Colour]] = [
    ((0.6, 0.85), (1, 1, 1)),
    ((0.3, 0.5), (0.97, 1, 1.03)),
    ((0.02, 0.06), (1, 1, 1.1)),
    ((0.3, 0.5), (1, 0.08, 0.06)),
    ((0.25, 0.4), (0.1, 0.25, 1)),
    ((0.2, 0.3), (0.3, 0.8, 0.4)),
    ((0.4, 0.6), (1, 0.75, 0.2)),
]


def _paint(random: Random) -> Material:
    brightness, tint = random.choice(CAR_TINTS)
    base = colour(random, brightness, tint)
    return Material(
        scaled(base, 0.6),
        scaled(base, 1.25),
        pattern=scaled(base, 0.35),
        octaves=octaves(random, 0.8),
        scale=squeeze(random),
        period=(random.uniform(0.9, 1.4), random.uniform(0.5, 0.7)),
        part=(0.04, 0.9),
        gloss=random.widened((0.1, 0.3), (0.0, 0.9)),
    )


def car(random: Random) -> list[Part]:
    """Draw a car: a body, a cabin with dark windows, wheels, and the dark ground beneath it."""
    length, width = random.uniform(1.8, 2.4), random.uniform(0.82, 0.95)  # half sizes
    body, cabin = random.uniform(0.26, 0.38), random.uniform(0.25, 0.4)
    if random.uniform(0, 1) < 0.2:  # a van
        length, body, cabin = length * 1.1, body * 1.3, cabin * 1.7
    floor = random.uniform(0.2, 0.32)
    paint = _paint(random)
    back = random.uniform(-0.35, -0.1) * length
    cabin_length = random.uniform(0.5, 0.62) * length
    windows = Material(
        paint.a,
        paint.b,
        pattern=GLASS,
        octaves=paint.octaves,
        period=(cabin_length, 2 * cabin),
        part=(0.86, 0.68),
        gloss=paint.gloss,
    )
    radius = random.uniform(0.29, 0.36)
    top = floor + 2 * body
    return [
        Part(BOX, (0, 0, floor + body), (length, width, body), paint),
        Part(BOX, (back, 0, top + cabin), (cabin_length, 0.86 * width, cabin), windows),
        Part(AXLE, (0.62 * length, 0, radius), (radius, width + 0.02, radius), TYRE),
        Part(AXLE, (-0.62 * length, 0, radius), (radius, width + 0.02, radius), TYRE),
        Part(BOX, (0, 0, 0.005), (length + 0.1, width + 0.12, 0.005), SHADE),
    ]


def truck(random: Random) -> list[Part]:
    """Draw a truck or a bus: a long high box, a cab in front of it, wheels, and its shade."""
    length, width = random.uniform(2.5, 4.5), random.uniform(1.1, 1.25)
    height, floor = random.uniform(1.0, 1.5), random.uniform(0.45, 0.8)
    paint = _paint(random)
    cargo = Material(
        paint.b,
        paint.a,
        pattern=colour(random, (0.1, 0.6)),
        octaves=octaves(random),
        period=(random.uniform(0.8, 2.5), random.uniform(0.8, 2.0)),
        part=(random.uniform(0.05, 0.7), random.uniform(0.1, 0.9)),
    )
    cab = Material(paint.a, paint.b, GLASS, period=(2.0, 1.6), part=(0.8, 0.4), gloss=paint.gloss)
    front = length + 0.1
    parts = [
        Part(BOX, (-0.9, 0, floor + height), (length, width, height), cargo),
        Part(BOX, (front, 0, floor + 0.9), (0.9, width, 0.9), cab),
        Part(BOX, (0, 0, 0.005), (length + 1.0, width + 0.15, 0.005), SHADE),
    ]
    for x in (front - 0.1, -0.9 - 0.6 * length, -0.9 + 0.5 * length):
        parts.append(Part(AXLE, (x, 0, 0.48), (0.48, width + 0.02, 0.48), TYRE))
    return parts


def cyclist(random: Random) -> list[Part]:
    """Draw a cyclist: two wheels, a frame and a rider."""
    cloth = Material(colour(random, (0.1, 0.6)), colour(random, (0.05, 0.5)))
    skin = Material((0.45, 0.3, 0.22), (0.25, 0.15, 0.1))
    return [
        Part(AXLE, (0.52, 0, 0.34), (0.34, 0.04, 0.34), TYRE),
        Part(AXLE, (-0.52, 0, 0.34), (0.34, 0.04, 0.34), TYRE),
        Part(BOX, (0, 0, 0.6), (0.5, 0.04, 0.12), cloth),
        Part(ELLIPSOID, (-0.05, 0, 1.15), (0.25, 0.22, 0.5), cloth),
        Part(ELLIPSOID, (0.1, 0, 1.7), (0.12, 0.1, 0.15), skin),
    ]


def pedestrian(random: Random) -> list[Part]:
    """Draw a person: legs, a body and a head."""
    cloth = Material(colour(random, (0.1, 0.6)), colour(random, (0.05, 0.5)))
    legs = Material(colour(random, (0.03, 0.3)), colour(random, (0.02, 0.2)))
    skin = Material((0.45, 0.3, 0.22), (0.25, 0.15, 0.1))
    return [
        Part(CYLINDER, (0.1, 0.1, 0.42), (0.09, 0.09, 0.42), legs),
        Part(CYLINDER, (-0.1, -0.1, 0.42), (0.09, 0.09, 0.42), legs),
        Part(ELLIPSOID, (0, 0, 1.15), (0.16, 0.25, 0.36), cloth),
        Part(ELLIPSOID, (0, 0, 1.62), (0.11, 0.1, 0.14), skin),
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
    return Material(
        scaled(base, random.uniform(0.4, 0.75)),
        scaled(base, random.uniform(1.1, 1.6)),
        pattern,
        squeeze(random),
        octaves(random),
        period,
        part,
        shift,
    )


def building(random: Random, half_length: float) -> list[Part]:
    """Draw a house: a block, a smaller block for its roof, and a plinth. x runs along the road."""
    depth, height = random.uniform(3.0, 6.0), random.widened((2.5, 8.0), (1.5, 14.0))
    wall, roof = _facade(random), colour(random, (0.06, 0.3), (1, 0.6, 0.5))
    tiles = Material(
        scaled(roof, 0.6), scaled(roof, 1.3), scaled(roof, 0.5), period=(0.4, 0.35), part=(1, 0.2)
    )
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
    base = colour(random, (0.08, 0.22), (0.55, 1, 0.3))
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
        board = Material(
            colour(random, (0.4, 0.8)),
            colour(random, (0.4, 0.8)),
            colour(random, (0.05, 0.6), random.choice([(1, 0.1, 0.1), (0.1, 0.2, 1), (1, 1, 1)])),
            period=(0.7, 0.7),
            part=(0.7, 0.6),
        )
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
