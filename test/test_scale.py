# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where metres come from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.frame import Frame
from mdepth_ros.geometry import Camera
from mdepth_ros.scale import FixedScale, NoScale, Scale

FRAME = Frame(0, np.zeros((4, 4, 3), np.uint8), Camera(4, 4, 4.0, 4.0, 1.5, 1.5))


def test_none_and_fixed() -> None:
    depth, motion = np.ones((4, 4), np.float32), np.eye(4)
    assert NoScale().update(depth, motion, FRAME) == Scale(1.0, 0.0, 'none')
    assert FixedScale(5.4, 0.2).update(depth, motion, FRAME) == Scale(5.4, 0.2, 'fixed')


@pytest.mark.parametrize(
    ('value', 'spread'), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, -1.0)]
)
def test_no_factor_at_all(value: float, spread: float) -> None:
    with pytest.raises(MdepthError, match='metres per network unit'):
        FixedScale(value, spread)
