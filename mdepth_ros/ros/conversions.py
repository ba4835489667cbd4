# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stamps, cameras, transforms and odometry <-> their messages.

Matrices are float64 NumPy arrays, T_a_b [4, 4] being the pose of frame b in frame a.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.geometry import (
    Camera,
    adjoint,
    quaternion_from_rotation,
    rotation_from_quaternion,
)
from mdepth_ros.limits import FARTHEST, FARTHEST_CAMERA, FASTEST, NANO, check_stamp, is_speed

Matrix = NDArray[np.float64]


def stamp_to_nanoseconds(stamp: Any) -> int:
    """Nanoseconds of a builtin_interfaces/Time."""
    return int(stamp.sec) * NANO + int(stamp.nanosec)


def nanoseconds_to_stamp(nanoseconds: int) -> Any:
    """builtin_interfaces/Time of nanoseconds; MdepthError for those that it cannot hold."""
    seconds, rest = divmod(check_stamp(int(nanoseconds)), NANO)
    return Time(sec=seconds, nanosec=rest)


def make_header(stamp: int, frame_id: str) -> Any:
    """std_msgs/Header of nanoseconds and a frame."""
    return Header(stamp=nanoseconds_to_stamp(stamp), frame_id=frame_id)


def camera_from_info(info: Any) -> Camera:
    """Camera of the image as it arrives, from a CameraInfo of ROS 2 (d k r p) or ROS 1 (D K R P).

    Raises CameraError for an uncalibrated or unknown camera.
    """
    d, k, r, p = (
        [float(x) for x in getattr(info, name if hasattr(info, name) else name.upper())]
        for name in 'dkrp'
    )
    roi = info.roi
    return Camera.from_info(
        int(info.width),
        int(info.height),
        info.distortion_model,
        d,
        k,
        r,
        p,
        int(info.binning_x),
        int(info.binning_y),
        (
            int(roi.x_offset),
            int(roi.y_offset),
            int(roi.height),
            int(roi.width),
            bool(roi.do_rectify),
        ),
    )


def model_by_length(info: Any, camera: Camera, whose: str) -> str:
    """What to say where the coefficients are of another model than `info` says; else ''."""
    if info.distortion_model == camera.model or camera.model != 'rational_polynomial':
        return ''
    return (
        f'{whose} says {shown(info.distortion_model)}, but has eight distortion '
        'coefficients: as in OpenCV they are taken as rational_polynomial'
    )


def camera_to_info(camera: Camera, header: Any) -> Any:
    """CameraInfo of a rectified image: D = 0, R = I, K = P[:3, :3] (sensor_msgs/CameraInfo.msg).

    Raises ValueError for a camera with distortion: its images are not rectified.
    """
    if camera.model != 'pinhole':
        raise ValueError(f'a {camera.model} camera is not rectified: use camera.pinhole()')
    k = np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]])
    return CameraInfo(
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=k.reshape(9),
        r=np.eye(3).reshape(9),
        p=np.column_stack([k, np.zeros(3)]).reshape(12),
    )


def transform_to_matrix(transform: Any) -> Matrix:
    """T [4, 4] of a geometry_msgs/Transform."""
    return _matrix(transform.translation, transform.rotation)


def pose_to_matrix(pose: Any) -> Matrix:
    """T [4, 4] of a geometry_msgs/Pose."""
    return _matrix(pose.position, pose.orientation)


def _matrix(translation: Any, rotation: Any) -> Matrix:
    quaternion = torch.tensor(
        [rotation.x, rotation.y, rotation.z, rotation.w], dtype=torch.float64
    )
    if not 0.5 < float(quaternion.norm()) < 2:
        raise MdepthError(
            'a transform has a rotation that is no unit quaternion: correct its source'
        )
    position = translation.x, translation.y, translation.z
    if not all(abs(value) <= FARTHEST for value in position):
        raise MdepthError(
            f'a transform has a translation of {", ".join(f"{v:g}" for v in position)} m, which '
            f'cannot be (at most {FARTHEST:g}): correct its source'
        )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_quaternion(quaternion).numpy()
    matrix[:3, 3] = position
    return matrix


def check_mount(T_base_camera: Matrix) -> Matrix:
    """The mount itself; MdepthError where the camera cannot be as far from the base."""
    distance = float(np.linalg.norm(T_base_camera[:3, 3]))
    if not distance <= FARTHEST_CAMERA:
        raise MdepthError(
            f'the camera would be {distance:g} m from the base frame, which cannot be (at most '
            f'{FARTHEST_CAMERA:g}): correct the transform, or name another base frame'
        )
    return T_base_camera


def matrix_to_transform(matrix: Matrix) -> Any:
    """geometry_msgs/Transform of T [4, 4]."""
    return Transform(translation=Vector3(**_position(matrix)), rotation=_orientation(matrix))


def matrix_to_pose(matrix: Matrix) -> Any:
    """geometry_msgs/Pose of T [4, 4]."""
    return Pose(position=Point(**_position(matrix)), orientation=_orientation(matrix))


def _position(matrix: Matrix) -> dict[str, float]:
    return {axis: float(value) for axis, value in zip('xyz', matrix[:3, 3], strict=True)}


def _orientation(matrix: Matrix) -> Any:
    rotation = torch.from_numpy(np.array(matrix[:3, :3], np.float64))
    return Quaternion(
        **dict(zip('xyzw', quaternion_from_rotation(rotation).tolist(), strict=True))
    )


def transform_stamped(matrix: Matrix, header: Any, child_frame_id: str) -> Any:
    """geometry_msgs/TransformStamped: T [4, 4] is the pose of the child in header.frame_id."""
    return TransformStamped(
        header=header, child_frame_id=child_frame_id, transform=matrix_to_transform(matrix)
    )


def pose_of_base(pose: Matrix, covariance: Matrix, T_base_camera: Matrix) -> tuple[Matrix, Matrix]:
    """T_odom_base and its covariance, from T_odom_camera and its covariance.

    Both covariances [6, 6] (x y z rotX rotY rotZ) are of a small shift along the axes of odom and
    a small rotation about these fixed axes (REP-103) through the origin of the frame in question.
    A rotation by e about the camera moves the base by e x (base - camera).
    """
    base = pose @ np.linalg.inv(T_base_camera)
    x, y, z = base[:3, 3] - pose[:3, 3]
    jacobian = np.eye(6)
    jacobian[:3, 3:] = [[0, z, -y], [-z, 0, x], [y, -x, 0]]
    return base, _symmetric(jacobian @ covariance @ jacobian.T)


def twist_of_base(
    twist: Matrix, covariance: Matrix, T_base_camera: Matrix
) -> tuple[Matrix, Matrix]:
    """Twist [6] of the base in its own frame and its covariance, from those of the camera.

    w_base = R w_camera, v_base = R v_camera + t x w_base with R, t of T_base_camera: the adjoint.
    """
    change = adjoint(torch.from_numpy(np.array(T_base_camera, np.float64))).numpy()
    return change @ twist, _symmetric(change @ covariance @ change.T)


def _symmetric(covariance: Matrix) -> Matrix:
    half: Matrix = (covariance + covariance.T) / 2
    return half


def speed_of(message: Any) -> float:
    """Speed in m/s, never negative, that a nav_msgs/Odometry or geometry_msgs/TwistStamped tells.

    The length of the linear twist, so that its frame does not matter. Raises MdepthError for one
    that no vehicle has.
    """
    twist = message.twist.twist if hasattr(message, 'pose') else message.twist
    velocity = twist.linear
    speed = math.hypot(velocity.x, velocity.y, velocity.z)
    if not is_speed(speed):
        raise MdepthError(f'a speed of {speed:g} m/s, which cannot be (at most {FASTEST:g})')
    return speed


def odometry_message(
    pose: tuple[Matrix, Matrix], twist: tuple[Matrix, Matrix], header: Any, child_frame_id: str
) -> Any:
    """nav_msgs/Odometry of (pose, covariance) in header.frame_id, (twist, covariance) in child."""
    message = Odometry(header=header, child_frame_id=child_frame_id)
    message.pose.pose = matrix_to_pose(pose[0])
    message.pose.covariance = pose[1].reshape(36)
    vx, vy, vz, wx, wy, wz = (float(value) for value in twist[0])
    message.twist.twist.linear = Vector3(x=vx, y=vy, z=vz)
    message.twist.twist.angular = Vector3(x=wx, y=wy, z=wz)
    message.twist.covariance = twist[1].reshape(36)
    return message
