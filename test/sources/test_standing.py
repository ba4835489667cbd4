# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a camera stood, from two images of a picture that is moved by a known shift."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mdepth_ros.sources.standing import WIDTH, is_static, median_flow, small_grey


def scene(shift: float = 0.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A textured picture [96, 320, 3], moved by `shift` pixels, with noise of the sensor."""
    coarse = np.random.default_rng(7).uniform(30, 220, (24, 80)).astype(np.float32)
    picture = cv2.resize(coarse, (400, 120), interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpAffine(picture, np.float32([[1, 0, -shift - 20], [0, 1, -12]]), (320, 96))
    noisy = moved + noise * np.random.default_rng(seed).normal(size=moved.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize('shift', [0.2, 1.0])
def test_the_flow_of_a_camera_that_turns(shift: float) -> None:
    first, second = small_grey(scene()), small_grey(scene(shift))
    assert median_flow(first, second) == pytest.approx(shift * WIDTH / 320, rel=0.2)
    assert median_flow(first, first) == 0


def test_a_standing_camera() -> None:
    first = small_grey(scene(noise=4))
    assert is_static(first, small_grey(scene(noise=4, seed=1)))
    traffic = scene(noise=4, seed=2)
    traffic[20:90, 40:200] = scene(shift=9)[20:90, 40:200]  # more than a third of the picture
    assert is_static(first, small_grey(traffic))
    darker = (scene(noise=4, seed=3) * 0.95).astype(np.uint8)
    assert is_static(first, small_grey(darker))


def test_a_moving_camera() -> None:
    assert not is_static(small_grey(scene()), small_grey(scene(shift=0.5)))
    assert not is_static(small_grey(scene(noise=4)), small_grey(scene(shift=5, noise=4, seed=1)))


def test_where_nothing_tells_nothing_is_left_out() -> None:
    black = small_grey(np.zeros((96, 320, 3), np.uint8))
    assert not is_static(black, black)
    assert not is_static(small_grey(scene()), small_grey(scene()[:48]))
