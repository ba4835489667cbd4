# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses, in the order of the paper (Implicit Cues, Eq. 2-6), and one of our own."""

from mdepth_training.losses.photometric import (
    Moments,
    Photometric,
    auto_mask,
    masked_mean,
    mean_over_processes,
    minimum_over_sources,
    photometric_error,
    ssim_error,
)
from mdepth_training.losses.smoothness import edge_aware_smoothness
from mdepth_training.losses.steadiness import relative_change

__all__ = [
    'Moments',
    'Photometric',
    'auto_mask',
    'edge_aware_smoothness',
    'masked_mean',
    'mean_over_processes',
    'minimum_over_sources',
    'photometric_error',
    'relative_change',
    'ssim_error',
]
