# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from mdepth_training.data.static import static_frames

from mdepth_ros.sources.standing import small_grey

TENTH = 100_000_000


def scene(shift: float = 0.0) -> np.ndarray:
    """A textured picture [96, 320, 3], moved by `shift` pixels."""
    coarse = np.random.default_rng(7).uniform(30, 220, (24, 80)).astype(np.float32)
    picture = cv2.resize(coarse, (400, 120), interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpAffine(picture, np.float32([[1, 0, -shift - 20], [0, 1, -12]]), (320, 96))
    return np.repeat(np.clip(moved, 0, 255).astype(np.uint8)[..., None], 3, 2)


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
