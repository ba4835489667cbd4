# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses: of the papers, of SC-Depth, and of our own."""

from mdepth_training.losses.affine import Affine, align
from mdepth_training.losses.constant_velocity import velocity_change
from mdepth_training.losses.distillation import at_scale, distillation_loss
from mdepth_training.losses.finite import not_finite
from mdepth_training.losses.geometry_consistency import depth_inconsistency
from mdepth_training.losses.label import label_loss, masked_median, median_ratio
from mdepth_training.losses.normals import surface_normals
from mdepth_training.losses.photometric import (
    Moments,
    Photometric,
    auto_mask,
    box_mean,
    masked_mean,
    mean_over_processes,
    minimum_over_sources,
    photometric_error,
    ssim_error,
)
from mdepth_training.losses.pseudo_depth import (
    edge_normal_loss,
    log_depth_loss,
    normal_loss,
    ranking_loss,
)
from mdepth_training.losses.smoothness import (
    edge_aware_smoothness,
    masked_smoothness,
    smoothness_between_edges,
)
from mdepth_training.losses.sparsity import motion_sparsity

__all__ = [
    'Affine',
    'Moments',
    'Photometric',
    'align',
    'at_scale',
    'auto_mask',
    'box_mean',
    'depth_inconsistency',
    'distillation_loss',
    'edge_aware_smoothness',
    'edge_normal_loss',
    'label_loss',
    'log_depth_loss',
    'masked_mean',
    'masked_median',
    'masked_smoothness',
    'mean_over_processes',
    'median_ratio',
    'minimum_over_sources',
    'motion_sparsity',
    'normal_loss',
    'not_finite',
    'photometric_error',
    'ranking_loss',
    'smoothness_between_edges',
    'ssim_error',
    'surface_normals',
    'velocity_change',
]
