# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""16-bit pixels -> 8 bits. A camera uses 10, 12 or 14 of the 16, and no message says how many.

The bits in use decide, not the darkest and brightest pixel of an image: the gain is a power of
two, is the same for all images that fit, and only ever falls, a few times in a recording. So the
two images of a pair are equally bright, and none flickers with what it shows.

Raw temperatures lie in a small part of the range, far from 0: there the levels begin at another
than 0, with some room around.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import EIGHT, Levels

STEPS = (8, 10, 12, 14, 16)
WHITE = 0.01
"""Share of an image that may be out of the levels: lamps, dead pixels and rows of no picture."""
NARROW = 8
"""A range that many times smaller than all that the bits in use can say is a small part of it."""
ROOM = 1.25
"""Of such a part to the range of the pixels."""
_SAMPLED = 20_000  # pixels of an image that are looked at


def to_eight(pixels: NDArray[Any], levels: Levels) -> NDArray[np.uint8]:
    """uint8 of uint16 pixels; what is out of the levels is black, or white."""
    if levels.lowest:
        pixels = np.maximum(pixels, levels.lowest) - levels.lowest
    return np.asarray(np.minimum(pixels >> (levels.bits - 8), 255), np.uint8)


def levels_of(pixels: NDArray[Any], before: Levels | None = None) -> Levels:
    """Levels for pixels uint16 [H, W, ...]; those before, if they hold all but WHITE of them."""
    # An odd step meets every place of a Bayer pattern.
    step = math.isqrt(pixels.shape[0] * pixels.shape[1] // _SAMPLED) | 1
    sample = pixels[::step, ::step]
    allowed = WHITE * sample.size
    if before is not None:
        out = (sample < before.lowest) | (sample > before.highest)
        if np.count_nonzero(out) <= allowed:
            return before
    bits = next((n for n in STEPS if np.count_nonzero(sample >> n) <= allowed), STEPS[-1])
    low, high = (int(value) for value in np.percentile(sample, (1, 99)))
    if before is not None:
        low, high = min(low, before.lowest), max(high, before.highest)
        bits = next(n for n in STEPS if n >= max(bits, before.bits) and high < 2**n)
    if not (high - low) * NARROW < 2**bits - 1 < low * NARROW:
        return Levels(0, bits)
    few = max(8, round(ROOM * (high - low)).bit_length())
    return Levels(max(0, (low + high) // 2 - 2 ** (few - 1)), few)


class BitDepth:
    """The levels of the images of one stream: they hold what every image so far needed.

    tell  gets a line when they are first known, and when they grow
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._levels: Levels | None = None

    def take(self, pixels: NDArray[Any]) -> Levels:
        """Count an image uint16 [H, W, ...]; return the levels by which it is to be read."""
        if self._levels is None and not pixels.any():
            return EIGHT  # the shutter is closed: that tells nothing
        levels = levels_of(pixels, self._levels)
        if levels != self._levels:
            known, self._levels = self._levels is not None, levels
            used = f'of {levels.bits} bits'
            if levels.lowest:
                used = 'that use a small part of their range'
            if known or levels.bits < 16:
                self._tell(
                    f'16-bit images {used}: {levels.lowest} to {levels.highest} becomes 0 to 255'
                )
        return levels
