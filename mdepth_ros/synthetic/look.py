# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a drive looks: light, sky, the materials of the ground, and the camera's sensor."""

import math
from dataclasses import dataclass, replace

from mdepth_ros.synthetic.config import Random, Wave
from mdepth_ros.synthetic.scene import Colour, Material, colour, octaves, scaled, squeeze


@dataclass(frozen=True)
class Look:
    """Appearance of one drive.

    sun: unit vector towards the sun; direct, ambient: strength of its light and of the sky's.
    horizon, zenith, cloud: radiance; clouds: their amount; haze: metres to 63 % haze.
    cast: darkness of the shadows that things cast, 0 = none; sheen: how much more light the ground
    throws towards the sun's far side; glint: how much windows mirror the sky.
    patches: darkness of shadow patches 0..1, patch: their size in metres.
    road, pavement, verge: ground materials; paint: lane markings, None where there are none.
    level: mean radiance that the camera aims at; gain: exposure; adapt: how far the camera evens
    out brightness by itself (0 = not, 1 = fully);
    drift: amplitude of slow exposure changes; gamma; balance: white balance; blur: sigma in
    pixels, sharpen: how much of a blurred image is taken off again; black: level that is cut off;
    contrast: share of an S-shaped curve of brightness;
    noise: read and photon noise; vignette: darkening of the corners.
    """

    sun: tuple[float, float, float]
    direct: float
    ambient: float
    horizon: Colour
    zenith: Colour
    cloud: Colour
    clouds: float
    haze: float
    patches: float
    patch: float
    road: Material
    pavement: Material
    verge: Material
    paint: Colour | None
    gain: float
    adapt: float
    drift: float
    waver: Wave
    gamma: float
    balance: Colour
    blur: float
    noise: tuple[float, float]
    vignette: float
    cast: float = 0.0
    sheen: float = 0.0
    glint: float = 0.0
    level: float = 0.25
    sharpen: float = 0.0
    black: float = 0.0
    contrast: float = 0.0


def _ground(random: Random, plain: tuple[float, float], tint: Colour) -> Material:
    base = colour(random, plain, tint, wild=0.06, wide=(0.04, 0.95))
    contrast = random.widened((0.3, 0.5), (0.1, 0.7))
    tiles = random.chance(0.0, 0.12)
    return Material(
        scaled(base, 1 - contrast),
        scaled(base, 1 + contrast),
        pattern=scaled(base, random.uniform(0.4, 0.9)),
        scale=squeeze(random),
        octaves=octaves(random, 1.2),
        period=(random.uniform(0.4, 6.0), random.uniform(0.4, 3.0)),
        part=(random.uniform(0.8, 0.97), random.uniform(0.8, 0.97)) if tiles else (0.0, 0.0),
        shift=random.choice([0.0, 0.5]),
    )


def make_look(random: Random) -> Look:
    """Draw the appearance of a drive."""
    azimuth = random.uniform(0.0, 2 * math.pi)
    height = math.radians(random.widened((30.0, 60.0), (10.0, 80.0)))
    flat, tint = math.cos(height), ((0.97, 1.03), (0.8, 1.2))
    sun = (flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(height))
    overcast = random.chance(0.15, 0.35)
    white = random.chance(0.0, 0.35)  # an overexposed sky
    blue = colour(random, (0.5, 0.7), (0.45, 0.7, 1.0), wide=(0.05, 0.9))
    horizon = colour(random, (0.7, 0.9), (0.92, 0.97, 1.0), wide=(0.1, 1.2))
    if white:
        bright = random.uniform(1.5, 4.0)
        blue = horizon = (bright, bright, bright)
    look = Look(
        sun=sun,
        direct=random.uniform(0.1, 0.3) if overcast else random.widened((0.6, 0.9), (0.4, 2.6)),
        ambient=random.widened((0.45, 0.6), (0.08, 0.6)) + (0.3 if overcast else 0.0),
        horizon=horizon,
        zenith=blue,
        cloud=(0.95, 0.95, 0.97) if not white else blue,
        clouds=random.uniform(0.0, 0.8),
        haze=random.widened((400.0, 900.0), (300.0, 3000.0)),
        patches=0.0 if overcast else random.widened((0.0, 0.3), (0.0, 0.75)),
        patch=random.uniform(2.0, 8.0),
        road=_ground(random, (0.09, 0.2), (1, 1, 1.02)),
        pavement=_ground(random, (0.22, 0.4), (1, 0.97, 0.92)),
        verge=_ground(random, (0.08, 0.2), random.choice([(0.5, 1, 0.25), (0.7, 1, 0.4)])),
        paint=None if random.chance(0.0, 0.25) else colour(random, (0.6, 0.85)),
        gain=random.widened((0.85, 1.15), (0.6, 1.6)),
        adapt=random.widened((0.5, 0.9), (0.2, 1.0)),
        drift=random.widened((0.0, 0.08), (0.0, 0.25)),
        waver=Wave(random, (1.5, 8.0)),
        gamma=random.widened((2.1, 2.3), (1.4, 2.8)),
        balance=(random.widened(*tint), 1.0, random.widened(*tint)),
        blur=random.widened((0.0, 0.4), (0.0, 0.7)),
        noise=(
            random.widened((0.002, 0.006), (0.0, 0.015)),
            random.widened((0.002, 0.008), (0.0, 0.02)),
        ),
        vignette=random.widened((0.0, 0.1), (0.0, 0.35)),
    )
    if random.appearance <= 0:
        return look
    return replace(
        look,
        cast=0.0 if overcast else random.uniform(0.6, 1.0),
        sheen=random.uniform(0.0, 3.0) if random.uniform(0, 1) < 0.5 else 0.0,
        glint=random.uniform(0.0, 0.8),
        level=random.widened((0.25, 0.25), (0.07, 0.3)),
        sharpen=random.widened((0.0, 0.0), (0.0, 1.6)),
        black=random.widened((0.0, 0.0), (0.0, 0.08)),
        contrast=random.widened((0.0, 0.0), (0.0, 1.0)),
    )
