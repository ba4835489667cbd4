# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""16-bit pixels: the bits in use decide, and images of one recording have one gain."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mdepth_ros.core.types import Frame, Levels
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.bit_depth import BitDepth, levels_of, to_eight

RAMP = np.linspace(0, 1, 120 * 80).reshape(80, 120)


def scene(top: int) -> np.ndarray:
    return (RAMP * top).astype(np.uint16)


@pytest.mark.parametrize(
    ('top', 'bits'),
    [(0, 8), (255, 8), (300, 10), (1023, 10), (1100, 12), (4095, 12), (9000, 14), (16383, 14),
     (20000, 16), (65535, 16)],
)  # fmt: skip
def test_the_fewest_bits_that_hold_it(top: int, bits: int) -> None:
    for order in '<>':
        assert levels_of(scene(top).astype(f'{order}u2')) == (0, bits)


@pytest.mark.parametrize('shift', [2, 4, 6, 8])
def test_all_bits_in_use_become_eight(shift: int) -> None:
    eight = (RAMP * 255).astype(np.uint8)
    wide = eight.astype(np.uint16) << shift
    np.testing.assert_array_equal(to_eight(wide, levels_of(wide)), eight)


def test_aligned_to_the_upper_bits_nothing_changes() -> None:
    """12 bits as the upper ones of 16: what many GigE cameras send."""
    wide = scene(4095) << 4
    assert levels_of(wide) == (0, 16)
    np.testing.assert_array_equal(to_eight(wide, Levels(0, 16)), (wide >> 8).astype(np.uint8))


def test_a_row_that_is_no_picture_and_dead_pixels_do_not_count() -> None:
    image = np.kron(scene(3000), np.ones((4, 4), np.uint16))
    image[0], image[100, 100] = 65535, 65535
    assert levels_of(image) == (0, 12)
    assert to_eight(image, Levels(0, 12))[0].min() == 255  # white, not wrapped round


def test_the_gain_only_ever_falls() -> None:
    lines: list[str] = []
    depth = BitDepth(lines.append)
    spot = scene(1000)
    spot[:6, :6] = 16000  # a lamp
    tops = [100, 900, 3000, 200, 4000, 9000, 50]
    assert [depth.take(scene(top)).bits for top in tops] == [8, 10, 12, 12, 12, 14, 14]
    assert len(lines) == 4 and lines[2] == '16-bit images of 12 bits: 0 to 4095 becomes 0 to 255'
    assert depth.take(scene(60000)) == (0, 16)
    assert lines[4] == '16-bit images of 16 bits: 0 to 65535 becomes 0 to 255'
    other = BitDepth(lines.append)
    assert {other.take(image) for image in (scene(1000), spot, scene(1000))} == {(0, 10)}


def heat(low: float, high: float) -> np.ndarray:
    return (low + RAMP * (high - low)).astype(np.uint16)


@pytest.mark.parametrize(('low', 'high'), [(7000, 8500), (29300, 31200), (30000, 30010)])
def test_raw_temperatures_have_contrast(low: int, high: int) -> None:
    """Of 14 bits, and hundredths of a kelvin: with the same gain for all images."""
    lines: list[str] = []
    depth = BitDepth(lines.append)
    image = heat(low, high)
    levels = depth.take(image)
    assert levels.lowest <= low and high <= levels.highest
    eight = to_eight(image, levels)
    # What is shown grows as the temperature, by the same steps, and is never wrapped round.
    np.testing.assert_array_equal(eight, (image.astype(int) - levels.lowest) >> levels.bits - 8)
    most = 255 if high - low > 255 else high - low
    assert int(eight.max()) - int(eight.min()) >= 0.24 * most
    assert lines == [
        f'16-bit images that use a small part of their range: {levels.lowest} to {levels.highest} '
        'becomes 0 to 255'
    ]
    # Warmer and colder by little, a shutter, a lamp: the same levels.
    middle = (low + high) / 2
    for other in (heat(low - 3, high - 3), heat(low + 3, high + 3), heat(middle, middle)):
        assert depth.take(other) == levels
    image[:4, :4] = 65535
    assert depth.take(image) == levels
    assert to_eight(image, levels)[0, 0] == 255
    dark = np.zeros_like(image)
    assert not to_eight(dark, levels).any()


def test_a_larger_range_of_temperatures_makes_the_levels_grow() -> None:
    lines: list[str] = []
    depth = BitDepth(lines.append)
    assert depth.take(np.zeros((80, 120), np.uint16)) == (0, 8) and not lines  # a closed shutter
    spans = [depth.take(heat(30000 - r, 30000 + r)) for r in (10, 100, 900, 50, 20000)]
    assert spans[2] == spans[3] and spans[4] == (0, 16) and len(lines) == 3
    for before, after in pairwise(spans):
        assert after.lowest <= before.lowest and after.highest >= before.highest


def test_the_earlier_image_of_a_pair_is_taken_to_the_levels_of_the_later() -> None:
    warm = heat(29900, 30100)
    depth = BitDepth(lambda line: None)
    first, second = depth.take(warm), depth.take(heat(29000, 31000))
    assert second.bits > first.bits
    rgb = np.repeat(to_eight(warm, first)[..., None], 3, 2)
    frame = Frame(0, rgb, Camera(120, 80, 100, 100, 59.5, 39.5), levels=first)
    later = Frame(1, rgb, frame.camera, levels=second)
    expected = to_eight(warm, second).astype(int)
    assert np.abs(frame.as_dark_as(later).image[..., 0] - expected).max() <= 1
    assert frame.as_dark_as(later).levels == second and later.as_dark_as(frame) is later
