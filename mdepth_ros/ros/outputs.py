# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the step knows at one frame, as messages by topic."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from numpy.typing import NDArray
from tf2_msgs.msg import TFMessage

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.clouds import MAX_STEP, PointCloudBuilder
from mdepth_ros.ros.conversions import (
    camera_to_info,
    make_header,
    matrix_to_pose,
    odometry_message,
    pose_of_base,
    transform_stamped,
    twist_of_base,
)
from mdepth_ros.ros.images import colorize, depth_message, image_message

if TYPE_CHECKING:
    from mdepth_ros.core.types import Estimate

# Every output: its name as a choice and, under the namespace, as a topic; its type.
TOPICS = {
    'depth/image_rect': 'sensor_msgs/msg/Image',
    'depth/camera_info': 'sensor_msgs/msg/CameraInfo',
    'depth/image_rect_color': 'sensor_msgs/msg/Image',
    'depth/confidence': 'sensor_msgs/msg/Image',
    'depth/color': 'sensor_msgs/msg/Image',
    'depth/points': 'sensor_msgs/msg/PointCloud2',
    'odom': 'nav_msgs/msg/Odometry',
    'path': 'nav_msgs/msg/Path',
    'tf': 'tf2_msgs/msg/TFMessage',
}
# What of the estimate an output needs beyond depth, motion and pose.
NEEDS = {
    'depth/image_rect_color': 'image',
    'depth/points': 'image',
    'depth/confidence': 'confidence',
}
_GLOBAL = {'tf', 'tf_static'}
PATH_POSES = 1000


def topic_name(name: str, namespace: str = '') -> str:
    """Absolute topic of an output; /tf and /tf_static are in no namespace."""
    parts = [name] if name in _GLOBAL else [*namespace.split('/'), name]
    return '/' + '/'.join(part for part in parts if part)


class Outputs:
    """Makes the messages of the chosen topics; all of one frame carry the stamp of its image.

    topics           names from `TOPICS`
    T_base_camera    4x4, pose of the camera in base_frame; without it odom, path and tf are
                     withheld: where the base is cannot be known, and identity would be a guess
    encoding         of depth/image_rect: 32FC1 (metres) or 16UC1 (millimetres)
    cloud_stride     every how many pixels depth/points has a point
    cloud_max_step   see PointCloudBuilder
    path_every       every how many frames path is published

    The last five may be changed from frame to frame: the attributes T_base_camera, encoding, cloud
    (a PointCloudBuilder) and path_every.

    Raises MdepthError for an unknown topic.
    """

    def __init__(
        self,
        topics: Collection[str] = tuple(TOPICS),
        *,
        namespace: str = '',
        odom_frame: str = 'odom',
        base_frame: str = 'base_link',
        T_base_camera: NDArray[np.float64] | None = None,
        encoding: str = '32FC1',
        cloud_stride: int = 1,
        cloud_max_step: float = MAX_STEP,
        path_every: int = 10,
    ) -> None:
        unknown = [name for name in topics if name not in TOPICS]
        if unknown:
            raise MdepthError(f'unknown topic {unknown[0]!r}: choose from {", ".join(TOPICS)}')
        self._names = {name: topic_name(name, namespace) for name in TOPICS if name in topics}
        self._odom_frame, self._base_frame = odom_frame, base_frame
        self.T_base_camera = T_base_camera
        self.encoding = encoding
        self.cloud = PointCloudBuilder(cloud_stride, max_step=cloud_max_step)
        self.path_every = path_every
        self._trail = _Trail()

    def messages(self, estimate: Estimate) -> Iterator[tuple[str, Any]]:
        """(absolute topic, message) of every chosen output, in the order of `TOPICS`."""
        for name, message in self.make(estimate, self._names):
            yield self._names[name], message

    def make(self, estimate: Estimate, names: Collection[str]) -> Iterator[tuple[str, Any]]:
        """(name, message) of the outputs named, in the order of `TOPICS`.

        Each message is made when the iterator comes to it. The path remembers the pose even where
        it is not named, if it is one of the chosen topics.
        """
        yield from self._of_camera(estimate, names)
        # tf2 and filters take no stamp that is older than one before.
        if self.T_base_camera is not None and not estimate.stale:
            yield from self._of_base(estimate, self.T_base_camera, names)

    def start_again(self) -> None:
        """Forget the path."""
        self._trail = _Trail()

    def _of_camera(self, estimate: Estimate, names: Collection[str]) -> Iterator[tuple[str, Any]]:
        header = make_header(estimate.stamp, estimate.frame_id)
        depth = estimate.depth
        if (name := 'depth/image_rect') in names:
            yield name, depth_message(depth, header, self.encoding)
        if (name := 'depth/camera_info') in names:
            yield name, camera_to_info(estimate.camera, header)
        if (name := 'depth/image_rect_color') in names:
            yield name, image_message(estimate.image, header, 'rgb8')
        if (name := 'depth/confidence') in names:
            yield name, image_message(estimate.confidence, header, '32FC1')
        if (name := 'depth/color') in names:
            yield name, image_message(colorize(depth), header, 'bgr8')
        if (name := 'depth/points') in names:
            yield name, self.cloud.build(depth, estimate.image, estimate.camera, header)

    def _of_base(
        self, estimate: Estimate, T_base_camera: NDArray[np.float64], names: Collection[str]
    ) -> Iterator[tuple[str, Any]]:
        header = make_header(estimate.stamp, self._odom_frame)
        pose = pose_of_base(estimate.pose, estimate.pose_covariance, T_base_camera)
        if (name := 'odom') in names:
            twist = twist_of_base(estimate.twist, estimate.twist_covariance, T_base_camera)
            yield name, odometry_message(pose, twist, header, self._base_frame)
        if (name := 'path') in self._names:
            poses = self._trail.add(PoseStamped(header=header, pose=matrix_to_pose(pose[0])))
            if name in names and (self._trail.count - 1) % self.path_every == 0:
                yield name, Path(header=header, poses=poses)
        if (name := 'tf') in names:
            transform = transform_stamped(pose[0], header, self._base_frame)
            yield name, TFMessage(transforms=[transform])


class _Trail:
    """The poses of a run of any length, at most `PATH_POSES` of them.

    When it is full every second pose is dropped, and from then on half as many are kept: the poses
    stay evenly spaced and reach from the first to the latest.
    """

    def __init__(self) -> None:
        self.count = 0
        self._every = 1
        self._poses: list[Any] = []

    def add(self, pose: Any) -> list[Any]:
        """Take the next pose; return the path so far, which ends with it."""
        path = [*self._poses, pose]
        if self.count % self._every == 0:
            self._poses.append(pose)
            if len(self._poses) == PATH_POSES:
                del self._poses[1::2]
                self._every *= 2
        self.count += 1
        return path
