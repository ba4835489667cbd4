# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers: how far depth and trajectories are from the truth. no messages, no networks."""

from mdepth_ros.evaluation.depth import (
    SCORES,
    DepthErrors,
    crop_box,
    errors_by_kind,
    in_image,
    means_by_kind,
    sample_depth,
    sample_nearest,
    scaled_relative_errors,
)
from mdepth_ros.evaluation.drives import (
    Drift,
    MotionErrors,
    five_frame_errors,
    kitti_drift,
    relative_motion_errors,
)
from mdepth_ros.evaluation.files import (
    pose_matrices,
    read_trajectory,
    write_tum,
)
from mdepth_ros.evaluation.sparsification import (
    Sparsification,
    mean_sparsification,
    sparsification,
)
from mdepth_ros.evaluation.trajectory import (
    Statistics,
    Trajectory,
    absolute_errors,
    align,
    inverse,
    relative,
    relative_errors,
    rotation_angle,
)

__all__ = [
    'SCORES',
    'DepthErrors',
    'Drift',
    'MotionErrors',
    'Sparsification',
    'Statistics',
    'Trajectory',
    'absolute_errors',
    'align',
    'crop_box',
    'errors_by_kind',
    'five_frame_errors',
    'in_image',
    'inverse',
    'kitti_drift',
    'mean_sparsification',
    'means_by_kind',
    'pose_matrices',
    'read_trajectory',
    'relative',
    'relative_errors',
    'relative_motion_errors',
    'rotation_angle',
    'sample_depth',
    'sample_nearest',
    'scaled_relative_errors',
    'sparsification',
    'write_tum',
]
