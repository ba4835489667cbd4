# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of one camera as they arrive, raw or compressed, with their camera_info."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mdepth_ros.core.pairing import BACKWARD, LATE, Order, Recent
from mdepth_ros.core.types import Frame, Mask
from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import check_stamp
from mdepth_ros.ros.conversions import camera_from_info, model_by_length, stamp_to_nanoseconds
from mdepth_ros.ros.image_topic import ImageTopic, info_choice
from mdepth_ros.ros.images import ImageReader
from mdepth_ros.ros.qos import Endpoints
from mdepth_ros.ros.statistics import Statistics
from mdepth_ros.sources.topics import as_arrives, camera_frame

MOST_CHANGES = 3
"""Changes of a camera_info within 5 s; more of them come from several publishers."""


@dataclass(frozen=True)
class Arrival:
    """An image message, when it came (seconds of a steady clock), and from which topic."""

    message: Any
    time: float
    topic: str


class CameraInput:
    """Newest image and camera_info of one camera.

    namespace  of the camera below the node's; '' for the node's own
    notify     called, in the executor's thread, when `take` has something to give
    rectified  whether the images are rectified already; None: the name of their topic tells
    mask       which of their pixels are never used

    `assumed` says, for a person, what of the images is not certain; '' where all is.

    The executor's thread fills it, and the thread of the networks takes the newest image. An image
    that was not taken in time is replaced and counted, so that no queue of old images builds up; a
    late one (see `Order`) replaces none that is newer. The images of the last nanoseconds
    (`remember`) stay here undecoded, because a later one may need them as its partner.
    """

    def __init__(
        self,
        node: Any,
        endpoints: Endpoints,
        namespace: str,
        transport: str,
        statistics: Statistics,
        notify: Callable[[], None],
        rectified: bool | None = None,
        mask: Mask | None = None,
    ) -> None:
        self._node, self._statistics, self._notify = node, statistics, notify
        self._rectified, self.mask = rectified, mask
        prefix = f'{namespace}/' if namespace else ''
        image, info = f'{prefix}image', f'{prefix}camera_info'
        self.images = ImageTopic(node, endpoints, image, transport, self._on_image)
        self.infos = info_choice(node, endpoints, image, info, self._on_info)
        self.camera_problem = self.assumed = ''
        self._reader = ImageReader(
            lambda line: self._node.warn_once(f'{self.images.topic}: {line}')
        )
        self._calibration: tuple[Any, Camera | None] = (None, None)
        self._lock = threading.Lock()
        self._newest: Arrival | None = None
        self._recent: Recent[Arrival] = Recent(0)
        self._order, self._reach = Order(0), 0
        # When camera_info changed, and to what.
        self._changes: deque[tuple[float, tuple[Any, ...]]] = deque(maxlen=MOST_CHANGES + 1)
        self._info_frame = ''
        self.infos.choose()

    def start(self) -> None:
        """Listen to images and camera_info, where they are published now."""
        self.images.choose()
        self.infos.choose()

    @property
    def info(self) -> str:
        """Topic of the camera_info."""
        return self.infos.topic

    @property
    def camera_known(self) -> bool:
        """Whether a camera_info came that can be used."""
        return self._calibration[1] is not None

    @property
    def waiting(self) -> bool:
        """Whether `take` has something to give."""
        return self._newest is not None and self.camera_known

    def take(self) -> Arrival | None:
        """The newest image that was not taken yet, if its camera is known."""
        with self._lock:
            if not self.camera_known:
                return None
            arrival, self._newest = self._newest, None
            return arrival

    def drop(self) -> None:
        """Forget every image."""
        with self._lock:
            self._newest = None
            self._recent.clear()
            self._order = Order(self._reach)

    def remember(self, span: int, reach: int = 0) -> None:
        """Keep the images of the last `span` ns for `earlier`; a fast camera is thinned out.

        reach  ns that an image may be late
        """
        with self._lock:
            self._recent, self._order, self._reach = Recent(span), Order(reach), reach

    def earlier(self, stamp: int, within: int, before: int) -> Frame | None:
        """The image nearest to a stamp, if it is within so many ns of it and before another."""
        with self._lock:
            found = self._recent.nearest(stamp, before)
        if found is None or abs(found[0] - stamp) > within:
            return None
        with suppress(MdepthError):  # it counts when it is taken itself
            return self._decoded(found[1])
        return None

    def frame(self, arrival: Arrival) -> Frame:
        """Decode an image. Raises MdepthError, counted, for one that cannot be used."""
        try:
            frame = self._decoded(arrival)
        except MdepthError as error:
            self._statistics.lost('unreadable')
            self.camera_problem = str(error)
            raise
        self.camera_problem = ''
        return frame

    def _decoded(self, arrival: Arrival) -> Frame:
        message = arrival.message
        try:
            levels, image = self._reader.read(message)
        except MdepthError as error:  # of several cameras, which one
            raise MdepthError(f'{arrival.topic}: {error}') from error
        camera = self._calibration[1]
        size = image.shape[1], image.shape[0]
        if camera is None or (camera.width, camera.height) != size:
            of = 'no camera' if camera is None else f'{camera.width}x{camera.height}'
            raise MdepthError(
                f'{arrival.topic} has images of {size[0]}x{size[1]}, but {self.info} is for '
                f'{of}: they are not used; correct the camera_info'
            )
        of_info = self._info_frame.lstrip('/')
        frame_id = camera_frame(message.header.frame_id, of_info)
        if not message.header.frame_id:
            self._node.warn_once(
                f'{arrival.topic}: images name no frame_id: {frame_id} is assumed'
            )
        elif of_info not in ('', frame_id):
            self._node.warn_once(
                f'{self.info} is of the frame {of_info}, but the images are of {frame_id}, which '
                'is used: correct the camera driver'
            )
        stamp = check_stamp(
            stamp_to_nanoseconds(message.header.stamp), f'{arrival.topic}: an image'
        )
        return Frame(stamp, image, camera, frame_id, levels=levels, mask=self.mask)

    def _on_image(self, message: Any) -> None:
        arrival = Arrival(message, time.monotonic(), self.images.topic)
        stamp = stamp_to_nanoseconds(message.header.stamp)
        self._statistics.received((self._node.get_clock().now().nanoseconds - stamp) / 1e9)
        if stamp == 0:
            self._node.warn_once(
                f'{arrival.topic}: images have the stamp 0, so no two make a pair and there is no '
                'odometry: make the camera driver fill header.stamp'
            )
        with self._lock:
            place, replaced = self._order.add(stamp), self._newest
            if place == BACKWARD:
                self._recent.clear()
            self._recent.add(stamp, arrival)
            if place != LATE or replaced is None:
                self._newest = arrival
        if replaced is not None and self.camera_known:
            self._statistics.lost('superseded')
        if self.camera_known:
            self._notify()

    def _on_info(self, message: Any) -> None:
        self._info_frame = message.header.frame_id
        key = _content(message)
        if key == self._calibration[0]:
            return
        self._see_change(key)
        camera = None
        problem = ''
        try:
            camera = camera_from_info(message)
            self._node.warn_once(model_by_length(message, camera, self.info))
            camera, self.assumed = as_arrives(
                camera, self.images.topic, self._rectified, 'set rectification: {}'
            )
            self._node.warn_once(self.assumed)
        except MdepthError as error:
            problem = f'{self.info}: {error}'
            line = f'{problem}; no depth until it is corrected'
            self._node.get_logger().error(shown(line), throttle_duration_sec=5.0)
        if self._calibration[1] is not None and camera is not None:
            line = f'{self.info}: the camera changed, to {_shown(camera)}'
            self._node.get_logger().info(shown(line), throttle_duration_sec=5.0)
            with self._lock:
                self._recent.clear()
        self._calibration = (key, camera)
        self.camera_problem = problem
        if self.waiting:
            self._notify()

    def _see_change(self, content: tuple[Any, ...]) -> None:
        """Warn of a camera_info that comes back several times; those of a zoom are always new."""
        changes = self._changes
        changes.append((time.monotonic(), content))
        if len(changes) <= MOST_CHANGES or changes[-1][0] - changes[0][0] > 5.0:
            return
        # Their names may be known later than their messages.
        names = ', '.join(filter(None, self.infos.publishers(self.info, 'CameraInfo')))
        if names and len({content for _, content in changes}) < len(changes):
            self._node.warn_once(
                f'{self.info} changes back and forth, published by {names}: an image is used '
                'with the last one; leave only one publisher, or remap camera_info'
            )


def _content(info: Any) -> tuple[Any, ...]:
    """What the camera is made of; the header, which changes with every message, is left out."""
    roi = info.roi
    return (
        info.width,
        info.height,
        info.distortion_model,
        *(bytes(memoryview(numbers)) for numbers in (info.d, info.k, info.r, info.p)),
        info.binning_x,
        info.binning_y,
        (roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )


def _shown(camera: Camera) -> str:
    return f'{camera.width}x{camera.height}, focal length {camera.fx:.0f} px, {camera.model}'
