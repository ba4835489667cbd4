# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""16-bit pixels: the bits in use decide, and images of one recording have one gain."""

from __future__ import annotations

import numpy as np
import pytest

from mdepth_ros.sources.bit_depth import BitDepth, bits_in_use, to_eight

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
        assert bits_in_use(scene(top).astype(f'{order}u2')) == bits


@pytest.mark.parametrize('shift', [2, 4, 6, 8])
def test_all_bits_in_use_become_eight(shift: int) -> None:
    eight = (RAMP * 255).astype(np.uint8)
    wide = eight.astype(np.uint16) << shift
    np.testing.assert_array_equal(to_eight(wide, bits_in_use(wide)), eight)


def test_aligned_to_the_upper_bits_nothing_changes() -> None:
    """12 bits as the upper ones of 16: what many GigE cameras send."""
    wide = scene(4095) << 4
    assert bits_in_use(wide) == 16
    np.testing.assert_array_equal(to_eight(wide, 16), (wide >> 8).astype(np.uint8))


def test_a_row_that_is_no_picture_and_dead_pixels_do_not_count() -> None:
    image = np.kron(scene(3000), np.ones((4, 4), np.uint16))
    image[0], image[100, 100] = 65535, 65535
    assert bits_in_use(image) == 12
    assert to_eight(image, 12)[0].min() == 255  # white, not wrapped round


def test_the_gain_only_ever_falls() -> None:
    lines: list[str] = []
    depth = BitDepth(lines.append)
    spot = scene(1000)
    spot[:6, :6] = 16000  # a lamp
    tops = [100, 900, 3000, 200, 4000, 9000, 50]
    assert [depth.take(scene(top)) for top in tops] == [8, 10, 12, 12, 12, 14, 14]
    assert len(lines) == 4 and lines[2] == '16-bit images of 12 bits: 0 to 4095 becomes 0 to 255'
    assert depth.take(scene(60000)) == 16
    assert lines[4] == '16-bit images of 16 bits: 0 to 65535 becomes 0 to 255'
    other = BitDepth(lines.append)
    assert [other.take(image) for image in (scene(1000), spot, scene(1000))] == [10, 10, 10]


def test_images_with_hardly_any_contrast_are_told() -> None:
    """Raw temperatures: 7000 to 8500 of 14 bits."""
    lines: list[str] = []
    BitDepth(lines.append).take((7000 + RAMP * 1500).astype(np.uint16))
    assert len(lines) == 1 and 'hardly have contrast (7015 to 8484 of 16383)' in lines[0]
    # All 16 bits in use and contrast: nothing is done, nothing is said.
    BitDepth(lines.append).take(scene(65535))
    assert len(lines) == 1
