# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where metres come from: one image sequence fixes depth and motion only up to a common factor."""

from mdepth_ros.core.scale.base import FixedScale, NoScale, RateLimitedScale, ScaleSource
from mdepth_ros.core.scale.choice import scale_source
from mdepth_ros.core.scale.filter import Measurement, ScaleFilter
from mdepth_ros.core.scale.ground import GroundPlane, ground_plane
from mdepth_ros.core.scale.measured import (
    Height,
    HeightSource,
    MeasuredScale,
    SpeedSource,
    is_height,
)

__all__ = [
    'FixedScale',
    'GroundPlane',
    'Height',
    'HeightSource',
    'MeasuredScale',
    'Measurement',
    'NoScale',
    'RateLimitedScale',
    'ScaleFilter',
    'ScaleSource',
    'SpeedSource',
    'ground_plane',
    'is_height',
    'scale_source',
]
