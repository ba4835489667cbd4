# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Transforms as messages of TF and as matrices, by formulas of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from ros2_standalone.messages import message_class
from ros2_standalone.tf2 import Buffer
from ros2_standalone.time import Time

SECOND = 10**9
Matrix = Any


def matrix(t: Any, q: Any) -> Matrix:
    """4x4 of a translation and a quaternion (x, y, z, w), by the formula of textbooks."""
    x, y, z, w = q
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, t
    return T


def quaternion(R: Matrix) -> Any:
    """Quaternion of a rotation, as the eigenvector of Bar-Itzhack's matrix."""
    K = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], 0, 0, 0],
            [R[1, 0] + R[0, 1], R[1, 1] - R[0, 0] - R[2, 2], 0, 0],
            [R[2, 0] + R[0, 2], R[2, 1] + R[1, 2], R[2, 2] - R[0, 0] - R[1, 1], 0],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], np.trace(R)],
        ]
    )
    return np.linalg.eigh(K / 3)[1][:, -1]


def stamped(parent: str, child: str, T: Matrix, seconds: float = 0.0) -> Any:
    message = message_class('geometry_msgs/msg/TransformStamped')(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=round(seconds * SECOND)).to_msg()
    t, q = T[:3, 3].tolist(), quaternion(T[:3, :3]).tolist()
    (message.transform.translation.x, message.transform.translation.y) = t[:2]
    message.transform.translation.z = t[2]
    rotation = message.transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = q
    return message


def found(message: Any) -> Matrix:
    t, q = message.transform.translation, message.transform.rotation
    return matrix((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * SECOND))


def shift(x: float) -> Matrix:
    return matrix((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def turn(angle: float) -> Matrix:
    return matrix((0.0, 0.0, 0.0), (0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2)))


def moving() -> Buffer:
    buffer = Buffer()
    for second in (10.0, 12.0):
        buffer.set_transform(stamped('odom', 'base', shift(second), second), 'test')
    buffer.set_transform_static(stamped('base', 'cam', shift(1.0)), 'test')
    buffer.set_transform_static(stamped('world', 'tree', shift(1.0)), 'test')
    return buffer
