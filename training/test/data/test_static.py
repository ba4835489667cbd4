# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from mdepth_training.data.static import WIDTH, is_static, median_flow, small_grey, static_frames

TENTH = 100_000_000


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


@pytest.mark.parametrize('rate', [10, 30])
def test_a_stop_is_left_out_but_for_its_first_and_last_frames(rate: int) -> None:
    """Two seconds of driving, two of standing, two of driving; neighbours are 0.1 s apart."""
    times = np.arange(6 * rate) / rate
    position = 10 * np.minimum(times, 2) + 10 * np.maximum(times - 4, 0)
    frames = [(round(t * 1e9), small_grey(scene(x))) for t, x in zip(times, position, strict=True)]
    verdicts = list(static_frames(iter(frames), 0.1))
    expected = [2.09 < t < 3.91 for t in times.tolist()]
    assert verdicts == expected


def test_a_verdict_needs_a_neighbour_in_time() -> None:
    grey = small_grey(scene())
    assert list(static_frames([], 0.1)) == []
    assert list(static_frames([(0, grey)], 0.1)) == [False]
    assert list(static_frames([(0, grey), (10 * TENTH, grey)], 0.1)) == [False, False]
    gap = [0, TENTH, 2 * TENTH, 50 * TENTH, 51 * TENTH]
    assert list(static_frames([(stamp, grey) for stamp in gap], 0.1)) == [True] * 5
