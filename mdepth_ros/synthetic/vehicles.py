# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, trucks and tankers, as parts."""

from dataclasses import replace

from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.scene import (
    AXLE,
    BOX,
    TANK,
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
    if random.appearance > 0:  # most are white, grey or black, and the dark ones are very dark
        tint = tint if random.uniform(0, 1) < 0.4 else (1, 1, 1.03)
        level = 0.02 * 45 ** random.uniform(0.0, 1.0)
        base = colour(random, (level, level), tint, wild=0.05, wide=(level, level))
    else:
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
    windows = replace(
        paint, pattern=GLASS, scale=(1, 1), period=(cabin_length, 2 * cabin), part=(0.86, 0.68)
    )
    radius = random.uniform(0.29, 0.36)
    top = floor + 2 * body
    parts = [
        Part(BOX, (0, 0, floor + body), (length, width, body), paint),
        Part(BOX, (back, 0, top + cabin), (cabin_length, 0.86 * width, cabin), windows),
        Part(AXLE, (0.62 * length, 0, radius), (radius, width + 0.02, radius), TYRE),
        Part(AXLE, (-0.62 * length, 0, radius), (radius, width + 0.02, radius), TYRE),
        Part(BOX, (0, 0, 0.005), (length + 0.1, width + 0.12, 0.005), SHADE),
    ]
    if random.appearance > 0:
        parts += _panes(random, back, top, cabin_length, 0.86 * width, cabin)
        parts += _ends(random, length, width, floor, 2 * body)
    return parts


def _panes(
    random: Random, x: float, top: float, length: float, width: float, height: float
) -> list[Part]:
    """Draw the windscreens, sloped in two steps in front of and behind the cabin."""
    glass = Material(GLASS, scaled(GLASS, random.uniform(1.0, 4.0)), gloss=0.9)
    parts = []
    for end in (-1.0, 1.0):
        reach = random.uniform(0.03, 0.35)  # upright on vans, long on saloons
        for share, tall in ((1.0, 0.35), (0.5, 0.75)):
            at, low = x + end * (length + share * reach), tall * height
            parts.append(Part(BOX, (at, 0, top + low), (share * reach, 0.97 * width, low), glass))
    return parts


def _ends(random: Random, length: float, width: float, floor: float, height: float) -> list[Part]:
    """Draw lights, a number plate and a bumper at the back, lights and a grille in front."""
    lit = random.uniform(0.1, 0.9)
    red = Material((0.3 * lit, 0.01, 0.01), (0.9 * lit, 0.03, 0.02), gloss=0.3)
    white = Material((0.5, 0.5, 0.5), (0.9, 0.9, 0.85), gloss=0.6)
    plate = Material((0.6, 0.6, 0.5), (0.9, 0.9, 0.85))
    dark = scaled((0.05, 0.05, 0.05), random.uniform(0.4, 6.0))
    bumper = Material(scaled(dark, 0.6), dark)
    lamp = floor + height * random.uniform(0.6, 0.85)
    tall, wide = random.uniform(0.06, 0.22), random.uniform(0.1, 0.25)
    parts = [
        Part(BOX, (-length, 0, lamp - 0.12), (0.03, 0.26, 0.065), plate),
        Part(BOX, (-length, 0, floor + 0.1), (0.06, width, 0.12), bumper),
        Part(BOX, (length, 0, floor + 0.12), (0.05, 0.8 * width, 0.14), bumper),
    ]
    for side in (-1.0, 1.0):
        place = side * (width - wide)
        parts.append(Part(BOX, (-length, place, lamp), (0.04, wide, tall), red))
        parts.append(Part(BOX, (length, place, lamp - 0.05), (0.04, wide, 0.09), white))
    return parts


def truck(random: Random) -> list[Part]:
    """Draw a truck or a bus: a long high box, a cab in front of it, wheels, and its shade."""
    if random.appearance > 0 and random.uniform(0, 1) < 0.35:
        return tanker(random)
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


def tanker(random: Random) -> list[Part]:
    """Draw a tank on a trailer: a lying cylinder, its frame, a cab and wheels."""
    length, radius = random.uniform(2.5, 5.0), random.uniform(0.85, 1.15)
    middle = random.uniform(1.9, 2.5)
    paint = _paint(random)
    band = (random.uniform(1.0, 4.0), random.uniform(0.5, 2.0))
    steel = Material(
        scaled(paint.a, 0.8),
        paint.b,
        pattern=colour(random, (0.1, 0.6)),
        octaves=octaves(random),
        period=band,
        part=(random.uniform(0.05, 0.3), random.uniform(0.3, 1.0)),
        gloss=random.uniform(0.2, 0.9),
    )
    cab = Material(paint.a, paint.b, GLASS, period=(2.0, 1.6), part=(0.8, 0.4), gloss=paint.gloss)
    front, floor = length + 0.9, middle - radius - 0.25
    parts = [
        Part(TANK, (-0.9, 0, middle), (length, radius, radius), steel),
        Part(BOX, (-0.9, 0, floor), (length, 0.45, 0.2), SHADE),
        Part(BOX, (-0.9, 0, 0.75), (0.35 * length, 1.1, 0.25), SHADE),
        Part(BOX, (front, 0, 1.75), (0.9, 1.2, 1.25), cab),
        Part(BOX, (0, 0, 0.005), (length + 1.0, 1.25, 0.005), SHADE),
    ]
    for x in (front, -0.9 - 0.7 * length, -0.9 - 0.45 * length, -0.9 + 0.8 * length):
        parts.append(Part(AXLE, (x, 0, 0.48), (0.48, 1.2, 0.48), TYRE))
    return parts
