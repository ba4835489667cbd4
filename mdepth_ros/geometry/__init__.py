# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras, rigid motion, warping and image sampling: torch and the standard library only.

Pixels: integer coordinates are pixel centres and (0, 0) is the centre of the top-left pixel.
Cameras look along +z with x right and y down (REP-103 optical frame). `T_a_b` maps points of
frame b into frame a.
"""

from mdepth_ros.geometry.camera import Camera, CameraError
from mdepth_ros.geometry.motion import (
    adjoint,
    axis_angle_from_rotation,
    focal_correction,
    interpolate,
    inverse_transform,
    quaternion_from_rotation,
    rotation_from_axis_angle,
    rotation_from_quaternion,
    se3_exp,
    se3_log,
    transform_from_axis_angle,
)
from mdepth_ros.geometry.sampling import ImageSampler, seen_pixels, target_camera
from mdepth_ros.geometry.splat import forward_warp, splat_depth, splat_ids
from mdepth_ros.geometry.warp import (
    backproject,
    in_view,
    pixel_grid,
    project,
    project_depth,
    sample,
    scaled_camera,
    warp,
)

__all__ = [
    'Camera',
    'CameraError',
    'ImageSampler',
    'adjoint',
    'axis_angle_from_rotation',
    'backproject',
    'focal_correction',
    'forward_warp',
    'in_view',
    'interpolate',
    'inverse_transform',
    'pixel_grid',
    'project',
    'project_depth',
    'quaternion_from_rotation',
    'rotation_from_axis_angle',
    'rotation_from_quaternion',
    'sample',
    'scaled_camera',
    'se3_exp',
    'se3_log',
    'seen_pixels',
    'splat_depth',
    'splat_ids',
    'target_camera',
    'transform_from_axis_angle',
    'warp',
]
