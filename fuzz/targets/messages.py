# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages: CDR of every type that the nodes and the offline run read, spoilt."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.mutations import bytes_like
from fuzz.runner import Files, Target, sound
from mdepth_ros.ros import clouds, conversions, images
from mdepth_ros.sources.base import Losses
from mdepth_ros.sources.messages import static_transforms

# isort: split
from geometry_msgs.msg import TransformStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

MAY_REFUSE = (RuntimeError,)  # what deserialize_message raises, as rclpy does


def sound_image(image: Any) -> None:
    """Refuse what is no RGB image."""
    sound(image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8, 'no RGB image')


@cache
def _seeds() -> dict[str, list[bytes]]:
    header = conversions.make_header(100_000_000_000, 'camera')
    rgb = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    depth = np.linspace(1, 50, 384, dtype=np.float32).reshape(16, 24)
    from mdepth_ros.geometry import Camera

    camera = Camera(24, 16, 20.0, 20.0, 11.5, 7.5)
    info = conversions.camera_to_info(camera, header)
    info.d = [-0.2, 0.05, 1e-3, 1e-3, 0.01]
    cloud = clouds.PointCloudBuilder().build(depth, rgb, camera, header)
    edge = TransformStamped(header=header, child_frame_id='base_link')
    edge.transform.rotation.w = 1.0
    odometry = Odometry(header=header, child_frame_id='base_link')
    odometry.pose.pose.orientation.w = 1.0
    depths = [images.depth_message(depth, header, kind) for kind in ('32FC1', '16UC1')]
    messages = {
        'image': [images.image_message(rgb, header, 'rgb8')],
        'depth': depths,
        'compressed': [images.jpeg_message(rgb, header)],
        'camera-info': [info],
        'cloud': [cloud],
        'transforms': [TFMessage(transforms=[edge, edge])],
        'odometry': [odometry],
        'speed': [TwistStamped(header=header)],
    }
    return {name: [serialize_message(one) for one in some] for name, some in messages.items()}


def _image(message: Any) -> None:
    sound_image(images.to_rgb(message))


def _depth(message: Any) -> None:
    sound(not (images.to_depth(message) <= 0).any(), 'a depth that is not above zero')


def _camera(message: Any) -> None:
    camera = conversions.camera_from_info(message)
    sound(np.isfinite(camera.normalised).all(), 'a camera that is not finite')


def _cloud(message: Any) -> None:
    sound(clouds.points_xyz(message).ndim == 2, 'no points')


def _transforms(message: Any) -> None:
    for _, _, matrix in static_transforms([message], Losses()).edges():
        sound(np.isfinite(matrix).all(), 'a transform that is not finite')


def _odometry(message: Any) -> None:
    sound(np.isfinite(conversions.pose_to_matrix(message.pose.pose)).all(), 'a pose not finite')


def _speed(message: Any) -> None:
    sound(conversions.speed_of(message) >= 0, 'a speed that is none')


KINDS: dict[str, tuple[Any, Callable[[Any], None]]] = {
    'image': (Image, _image),
    'depth': (Image, _depth),
    'compressed': (CompressedImage, _image),
    'camera-info': (CameraInfo, _camera),
    'cloud': (PointCloud2, _cloud),
    'transforms': (TFMessage, _transforms),
    'odometry': (Odometry, _odometry),
    'speed': (TwistStamped, _speed),
}


def _make(kind: str, rng: Random) -> Files:
    return {'message.cdr': bytes_like(rng, rng.choice(_seeds()[kind]))}


def _use(kind: str, folder: Path, rng: Random) -> None:
    type_, use = KINDS[kind]
    message = deserialize_message((folder / 'message.cdr').read_bytes(), type_)
    header = getattr(message, 'header', None)
    if isinstance(header, Header):
        conversions.stamp_to_nanoseconds(header.stamp)
    use(message)


TARGETS = {
    f'message-{kind}': Target(partial(_make, kind), partial(_use, kind), MAY_REFUSE)
    for kind in KINDS
}
