# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers: how far depth and trajectories are from the truth. no messages, no networks."""

from mdepth_ros.evaluation.depth import (
    SCORES,
    DepthErrors,
    DepthScores,
    crop_box,
    depth_errors,
    in_image,
    mean_errors,
    sample_depth,
    scaled_relative_errors,
)
from mdepth_ros.evaluation.drives import (
    KITTI_LENGTHS,
    Drift,
    MotionErrors,
    five_frame_errors,
    kitti_drift,
    relative_motion_errors,
)
from mdepth_ros.evaluation.files import (
    layout,
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
    umeyama,
)

__all__ = [
    'KITTI_LENGTHS',
    'SCORES',
    'DepthErrors',
    'DepthScores',
    'Drift',
    'MotionErrors',
    'Sparsification',
    'Statistics',
    'Trajectory',
    'absolute_errors',
    'align',
    'crop_box',
    'depth_errors',
    'five_frame_errors',
    'in_image',
    'inverse',
    'kitti_drift',
    'layout',
    'mean_errors',
    'mean_sparsification',
    'pose_matrices',
    'read_trajectory',
    'relative',
    'relative_errors',
    'relative_motion_errors',
    'rotation_angle',
    'sample_depth',
    'scaled_relative_errors',
    'sparsification',
    'umeyama',
    'write_tum',
]
