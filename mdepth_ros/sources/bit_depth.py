# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""16-bit pixels -> 8 bits. A camera uses 10, 12 or 14 of the 16, and no message says how many.

The bits in use decide, not the darkest and brightest pixel of an image: the gain is a power of
two, is the same for all images that fit, and only ever falls, at most four times in a recording.
So the two images of a pair are equally bright, and none flickers with what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = (8, 10, 12, 14, 16)
WHITE = 0.01
"""Share of an image that may be white: lamps, dead pixels and rows that hold no picture."""
_SAMPLED = 20_000  # pixels of an image that are looked at


def bits_in_use(pixels: NDArray[Any]) -> int:
    """The fewest of STEPS that hold the pixels uint16 [H, W, ...], but for WHITE of them."""
    sample = _sample(pixels)
    allowed = WHITE * sample.size
    return next((n for n in STEPS if np.count_nonzero(sample >> n) <= allowed), STEPS[-1])


def to_eight(pixels: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """uint8 of uint16 pixels of which so many bits are in use; more than they hold is white."""
    return np.asarray(np.minimum(pixels >> (bits - 8), 255), np.uint8)


def bits_line(pixels: NDArray[Any], bits: int, grown: bool = False) -> str:
    """What to tell a person of 16-bit images; '' where all 16 bits are in use from the start."""
    top = 2**bits - 1
    low, high = np.percentile(_sample(pixels), (1, 99))
    line = ''
    if bits < 16 or grown:
        line = f'16-bit images of {bits} bits: 0 to {top} becomes 0 to 255'
    if high - low < top / 8 < low:
        line = f'{line}; they' if line else '16-bit images'
        line += (
            f' hardly have contrast ({low:.0f} to {high:.0f} of {top}): let the camera send '
            '8 bits with its own gain control'
        )
    return line


def _sample(pixels: NDArray[Any]) -> NDArray[Any]:
    # An odd step meets every place of a Bayer pattern.
    step = math.isqrt(pixels.shape[0] * pixels.shape[1] // _SAMPLED) | 1
    return pixels[::step, ::step]


class BitDepth:
    """How many bits the images of one stream use: the most that any image so far did.

    tell  gets a line when that is first known, and when it grows
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._bits = 0

    def take(self, pixels: NDArray[Any]) -> int:
        """Count an image uint16 [H, W, ...]; return the bits by which it is to be read."""
        bits = bits_in_use(pixels)
        if bits > self._bits:
            line = bits_line(pixels, bits, grown=self._bits > 0)
            self._bits = bits
            if line:
                self._tell(line)
        return self._bits
