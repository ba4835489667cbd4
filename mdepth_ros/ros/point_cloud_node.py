# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth and, where there are any, colours in; an organised point cloud out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.geometry import Camera, ImageSampler
from mdepth_ros.ros.bridge import bridge_problem
from mdepth_ros.ros.clouds import cloud_builder
from mdepth_ros.ros.conversions import camera_from_info, stamp_to_nanoseconds
from mdepth_ros.ros.diagnostics import steady_timer
from mdepth_ros.ros.image_topic import ImageTopic, TopicChoice, info_choice
from mdepth_ros.ros.images import to_depth, to_rgb
from mdepth_ros.ros.no_output import CHECK_PERIOD, GRACE, Announcer
from mdepth_ros.ros.node import BaseNode
from mdepth_ros.ros.parameters import POINT_CLOUD, RECTIFIED
from mdepth_ros.ros.qos import Endpoints
from mdepth_ros.ros.settings import Settings, unknown_keys
from mdepth_ros.sources.topics import as_arrives

KEPT = 4  # messages of a stream that wait for those of the others


class PointCloudNode(BaseNode):
    """depth/image_rect, its camera_info and image -> points.

    Depth is 32FC1 (metres) or 16UC1 (millimetres) along z. The cloud is in the frame of the depth
    and of its size (divided by cloud_stride), NaN where depth is unknown. While somebody publishes
    `image`, a depth waits for the image with its stamp, which gives the colours; where nobody
    does, the points have none. An image of another size, crop or distortion, but from the same
    place, is sampled as the depth's camera would have seen it.

    Nothing is listened to while nobody listens to `points`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('point_cloud', **options)
        self.settings = Settings(self, POINT_CLOUD, on_change=self._rebuild)
        self._endpoints = Endpoints(self)
        self._points = self._endpoints.publisher(PointCloud2, 'points')
        transport = self.settings.values['image_transport']
        depth = self.resolve_topic_name('depth/image_rect')
        self._depth = TopicChoice(self, self._endpoints, [(depth, 'Image')], self._on_depth)
        self._image = ImageTopic(self, self._endpoints, 'image', transport, self._on_image)
        of_depth = ('depth/image_rect', 'depth/camera_info')
        self._calibration = _Calibration(self, self._endpoints, *of_depth, None, self.warn_once)
        self._calibration.images = depth
        said = RECTIFIED[self.settings.values['rectification']]
        of_image = ('image', 'camera_info')
        self._of_image = _Calibration(self, self._endpoints, *of_image, said, self.warn_once)
        # What belongs to an image is taken before the image. Depth and image may well have one
        # camera_info: then it has two subscriptions.
        self._inputs = (self._calibration.infos, self._of_image.infos, self._depth, self._image)
        self._depths: dict[int, Any] = {}  # by stamp, in order of arrival
        self._images: dict[int, Any] = {}
        self._sampler: ImageSampler | None = None
        self._coloured = False
        self._announcer, self._since = Announcer(), time.monotonic()
        self._rebuild(self.settings.values)
        places = [place for one in self._inputs for place in one.candidates] + self._image.others
        for line in unknown_keys(self, POINT_CLOUD, [topic for topic, _ in places]):
            self.warn_once(line)
        line = (
            f'depth from {self._depth} with {self._calibration.infos}, colours from {self._image} '
            f'with {self._of_image.infos}: points to {self._points.topic_name}'
        )
        self.get_logger().info(shown(line))
        if problem := bridge_problem():
            self.warn_once(f'{problem}. Only images of unusual encodings need it')
        self._check_graph()
        steady_timer(self, CHECK_PERIOD, self._check_graph)

    def _rebuild(self, values: Any) -> None:
        self._builder = cloud_builder(values)

    def _check_graph(self) -> None:
        """Listen while somebody listens to the cloud; find out whether there are colours."""
        if not self._points.get_subscription_count():
            for one in self._inputs:
                one.stop()
            self._depths.clear()
            self._images.clear()
            self._since = time.monotonic()
            return
        for one in self._inputs:
            one.choose()
        now = time.monotonic()
        if self._announcer.due(self._no_depth(now), now):
            self.get_logger().warning(shown(self._no_depth(now)))
        self._coloured = bool(self._image.publishers(self._image.topic, self._image.kind))
        self._match()

    def _no_depth(self, now: float) -> str:
        """Why there is no depth; '' where there is, or may still have to come."""
        if now - self._since < GRACE:
            return ''
        topic = self._depth.topic
        if self._depth.publishers(topic, 'Image'):
            return f'no cloud: {topic} is published, but no depth arrives'
        kinds = {info.topic_type for info in self.get_publishers_info_by_topic(topic)}
        but = f', which is {", ".join(sorted(kinds))}' if kinds else ''
        return f'no cloud: nobody publishes an Image on {topic}{but}: remap depth/image_rect'

    def _on_depth(self, message: Any) -> None:
        self._since = time.monotonic()
        self._depths[stamp_to_nanoseconds(message.header.stamp)] = message
        self._match()
        if len(self._depths) > KEPT:
            del self._depths[next(iter(self._depths))]
            reason = (
                f'no image on {self._image.topic} has the stamp of a depth, so there is no cloud: '
                'set stamp_tolerance, or remap image to that from which the depth was made'
                if self._calibration.known
                else f'no cloud: depth comes, but no camera_info on {self._calibration.infos}; '
                'remap depth/camera_info'
            )
            self.get_logger().warning(shown(reason), throttle_duration_sec=5.0)

    def _on_image(self, message: Any) -> None:
        self._images[stamp_to_nanoseconds(message.header.stamp)] = message
        self._match()
        if len(self._images) > KEPT:
            del self._images[next(iter(self._images))]

    def _match(self) -> None:
        """Publish the newest depth for which everything is there, and drop older ones."""
        if not self._calibration.known:
            return
        tolerance = self.settings.values['stamp_tolerance'] * 1e9
        for stamp, depth in reversed(list(self._depths.items())):
            image = None
            if self._coloured:
                nearest = min(self._images, key=lambda t: abs(t - stamp), default=None)
                if nearest is None or abs(nearest - stamp) > tolerance:
                    continue
                image = self._images[nearest]
            stamps = list(self._depths)
            for older in stamps[: stamps.index(stamp) + 1]:
                del self._depths[older]
            self._publish(depth, image)
            return

    def _publish(self, depth: Any, image: Any) -> None:
        try:
            metres = to_depth(depth)
            camera = self._calibration.camera(metres.shape[1], metres.shape[0])
            colours = None if image is None else self._colours(image, camera)
            if image is not None and image.header.frame_id != depth.header.frame_id:
                self.get_logger().warning(
                    shown(
                        f'the depth is of {depth.header.frame_id}, the image of '
                        f'{image.header.frame_id}: colours are right only if both are one place'
                    ),
                    once=True,
                )
            self._points.publish(self._builder.build(metres, colours, camera, depth.header))
        except MdepthError as error:
            self.get_logger().error(shown(f'no cloud: {error}'), throttle_duration_sec=5.0)

    def _colours(self, image: Any, camera: Camera) -> NDArray[np.uint8]:
        """Colours [h, w, 3] of an image as the camera of the depth sees them."""
        rgb = to_rgb(image)
        width, height = rgb.shape[1], rgb.shape[0]
        if camera.model != 'pinhole':  # depth and image are of the same lens
            return np.asarray(cv2.resize(rgb, (camera.width, camera.height)))
        self._of_image.images = self._image.topic
        own = self._of_image.known
        source = self._of_image.camera(width, height) if own else camera.scaled(width, height)
        if source == camera:
            return rgb
        sampler = self._sampler
        if sampler is None or (sampler.source, sampler.target) != (source, camera):
            sampler = self._sampler = ImageSampler(source, camera)
        sampled = sampler(torch.from_numpy(np.require(rgb, np.uint8, ['C', 'W'])))[0]
        colours: NDArray[np.uint8] = sampled.permute(1, 2, 0).mul(255).round().byte().numpy()
        return colours


class _Calibration:
    """The latest camera_info of an image: of rectified ones P holds.

    image, info      relative names
    rectified, tell  see `as_arrives`; tell gets its line
    """

    def __init__(
        self,
        node: Any,
        endpoints: Endpoints,
        image: str,
        info: str,
        rectified: bool | None,
        tell: Callable[[str], None],
    ) -> None:
        self.infos = info_choice(node, endpoints, image, info, self._take)
        self.images = ''
        self._rectified, self._tell = rectified, tell
        self._message: Any = None

    @property
    def known(self) -> bool:
        """Whether there was a camera_info."""
        return self._message is not None

    def _take(self, message: Any) -> None:
        self._message = message

    def camera(self, width: int, height: int) -> Camera:
        """Camera of an image of this size, scaled where the camera_info is for another one.

        Raises CameraError for an uncalibrated camera.
        """
        camera = camera_from_info(self._message)
        camera, line = as_arrives(camera, self.images, self._rectified, 'set rectification: {}')
        self._tell(line)
        if (camera.width, camera.height) == (width, height):
            return camera
        return camera.scaled(width, height)
