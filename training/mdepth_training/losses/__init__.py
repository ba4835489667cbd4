# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses: Implicit Cues, Eq. 2-6, SC-Depth's of two depths, and one of our own."""

from mdepth_training.losses.constant_velocity import velocity_change
from mdepth_training.losses.finite import not_finite
from mdepth_training.losses.geometry_consistency import depth_inconsistency
from mdepth_training.losses.label import label_loss, masked_median, median_ratio
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
from mdepth_training.losses.smoothness import (
    edge_aware_smoothness,
    masked_smoothness,
    smoothness_between_edges,
)
from mdepth_training.losses.sparsity import motion_sparsity

__all__ = [
    'Moments',
    'Photometric',
    'auto_mask',
    'depth_inconsistency',
    'edge_aware_smoothness',
    'label_loss',
    'masked_mean',
    'masked_median',
    'masked_smoothness',
    'mean_over_processes',
    'median_ratio',
    'minimum_over_sources',
    'motion_sparsity',
    'not_finite',
    'photometric_error',
    'smoothness_between_edges',
    'ssim_error',
    'velocity_change',
]
