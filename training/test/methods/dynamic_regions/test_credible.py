# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""On a flat road, seen from 1.6 m: a box of the size of a car, and what is no car."""

from __future__ import annotations

import numpy as np
import pytest
from mdepth_training.methods.dynamic_regions.credible import credible_things

HEIGHT, WIDTH, FOCAL, HORIZON, CAMERA = 96, 160, 90.0, 40.0, 1.6
K = np.array([[FOCAL, 0, 80], [0, FOCAL, HORIZON], [0, 0, 1]])


def kept(
    high: float,
    wide: float,
    to_previous: tuple[float, float] | None,
    sees_ground: bool = True,
) -> bool:
    """Whether a box 9 m ahead stays, of this size in metres; the depth is in other units."""
    rows = np.arange(HEIGHT)[:, None] - HORIZON
    depth = np.where(rows > 0.5, FOCAL * CAMERA / np.maximum(rows, 0.5), 80.0).repeat(WIDTH, 1)
    bottom = round(HORIZON + FOCAL * CAMERA / 9.0)
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    top, half = bottom - round(FOCAL * high / 9.0), round(FOCAL * wide / 18.0)
    ids[max(top, 0) : bottom + 1, 60 - half : 60 + half] = 3
    depth[ids > 0] = 27.0
    flows = None
    if to_previous is not None:
        flows = np.zeros((2, 2, HEIGHT, WIDTH))
        flows[0, :, ids > 0], flows[1, :, ids > 0] = to_previous, (2.0, 0.5)
    ground = (rows > 0.5) & (ids == 0) & sees_ground
    after = credible_things(ids, flows, (depth / 5.4).astype(np.float32), ground, K)
    assert set(np.unique(after)) <= {0, 3}
    assert ((after == ids) | (after == 0)).all()
    return bool(after.any())


@pytest.mark.parametrize(
    ('high', 'wide', 'to_previous', 'credible'),
    [
        (1.5, 1.8, (-2.0, -0.5), True),  # a car
        (1.7, 0.6, (-1.0, -0.5), True),  # a person
        (0.4, 1.8, (-2.0, -0.5), False),  # a kerb
        (4.4, 1.0, (-2.0, -0.5), False),  # a tree
        (1.5, 14.0, (-2.0, -0.5), False),  # a wall
        (1.5, 1.8, (2.0, 0.5), False),  # goes the same way before and after
        (1.5, 1.8, (-0.5, 2.0), False),
        (1.5, 1.8, None, True),
        (0.4, 1.8, None, False),
    ],
)
def test_size_and_both_motions_count(
    high: float, wide: float, to_previous: tuple[float, float] | None, credible: bool
) -> None:
    assert kept(high, wide, to_previous) == credible


def test_without_ground_only_the_motion_counts() -> None:
    assert kept(0.4, 1.8, (-2.0, -0.5), sees_ground=False)
    assert not kept(0.4, 1.8, (2.0, 0.5), sees_ground=False)
