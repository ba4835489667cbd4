# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag as a stream of frames: the camera topic, its camera_info and the static transforms."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.ros import conversions, images  # before any message: makes them importable
from mdepth_ros.sources import topics
from mdepth_ros.sources.base import ImageSource, Item, Losses, RawMessage, absolute, known_time
from mdepth_ros.sources.intrinsics import ACCEPTED, Intrinsics
from mdepth_ros.sources.messages import Messages
from mdepth_ros.sources.picture_header import check_size

DEPTH_ENCODINGS = {'16UC1', '32FC1', '64FC1'}


def _encoding(message: Any) -> str:
    """What the pixels of an image message are, or were before they were compressed."""
    if message is None:
        return ''
    name = getattr(message, 'encoding', None) or message.format.partition(';')[0]
    return str(name).strip()


class BagSource(ImageSource):
    """The images of one camera of a bag.

    topic        image topic, raw or compressed; needed where there are several cameras
    camera_info  its camera_info topic where that is not the sibling of the image topic
    intrinsics   used instead of camera_info
    speed        topic of the vehicle's speed (Odometry or TwistStamped)
    rectified    whether the images are rectified already; None: their topic's name tells

    As attributes, topic and info_topic are those that were found (None: intrinsics were given).
    Stamps are those of the headers, the bag's where a header has none. An image gets the latest
    camera_info at or before it, the first of the bag if there is none.
    """

    def __init__(
        self,
        path: Path,
        topic: str | None = None,
        camera_info: str | None = None,
        speed: str | None = None,
        intrinsics: Intrinsics | None = None,
        rectified: bool | None = None,
    ) -> None:
        self._bag = Messages(path)
        self._topics = self._bag.recording.topics
        self._intrinsics, self._rectified = intrinsics, rectified
        self.topic = self._find_images(topic)
        self.info_topic = None if intrinsics else self._find_info(camera_info)
        self._speed = self._find_speed(speed)
        self.has_speed = self._speed is not None
        first = self._bag.first(self.topic)
        of_image = first.header.frame_id if first is not None else ''
        info = self._bag.first(self.info_topic) if self.info_topic and not of_image else None
        frame_id = topics.camera_frame(of_image, info.header.frame_id if info is not None else '')
        if not of_image:
            self._bag.recording.losses.note(f'the images name no frame_id: {frame_id} is assumed')
        total, tree = self._topics[self.topic].messages, self._bag.static_transforms('/tf_static')
        losses = self._bag.recording.losses
        super().__init__(path.name, total=total, frame_id=frame_id, extrinsics=tree, losses=losses)

    def _find_images(self, wanted: str | None) -> str:
        if wanted is not None:
            # Whoever names a topic knows what it holds: cameras for heat send 16UC1 too.
            topic = topics.choose_image(self._topics, wanted)
            if _encoding(self._bag.first(topic)) in {'32FC1', '64FC1'}:
                raise MdepthError(f'{topic} holds depth, no pictures: choose a camera by --topic')
            return topic
        there = self._bag.topics(topics.IMAGE, topics.COMPRESSED)
        encodings = {name: _encoding(self._bag.first(name)) for name in there}
        depth = {name for name, encoding in encodings.items() if encoding in DEPTH_ENCODINGS}
        try:
            return topics.choose_image(self._topics, None, depth)
        except MdepthError as error:
            found = [name for name in sorted(depth) if encodings[name] == '16UC1']
            if set(encodings) - depth or not found:
                raise
            raise MdepthError(
                f'{error}; {" and ".join(found)} may be depth or pictures (16UC1): name it by '
                '--topic if it holds pictures'
            ) from None

    def _find_info(self, wanted: str | None) -> str:
        infos = self._bag.topics(topics.CAMERA_INFO)
        near = topics.sibling_infos(self.topic) if wanted is None else (absolute(wanted),)
        topic = next((one for one in near if one in infos), near[-1])
        if topic not in infos:
            there = f'; --camera-info can be {" or ".join(infos)}' if infos else ''
            raise MdepthError(
                f'no camera_info on {topic} for {self.topic}: add --intrinsics with '
                f'{ACCEPTED}{there}'
            )
        return topic

    def _find_speed(self, topic: str | None) -> str | None:
        topic = None if topic is None else absolute(topic)
        known = self._topics.get(topic or '')
        accepted = {'nav_msgs/msg/Odometry', 'geometry_msgs/msg/TwistStamped'}
        if topic is not None and (known is None or known.type not in accepted):
            raise MdepthError(f'no Odometry or TwistStamped on {topic}: choose another --speed')
        return topic

    def _as_arrives(self, camera: Camera) -> Camera:
        camera, line = topics.as_arrives(camera, self.topic, self._rectified)
        self._lost.note(line)
        return camera

    def items(self) -> Iterator[Item]:
        """Yield the images with their camera and speed; see ImageSource."""
        wanted = [t for t in (self.topic, self.info_topic, self._speed) if t is not None]
        cameras = _Cameras(self._as_arrives, self._intrinsics, self._lost)
        reader = images.ImageReader(self._lost.note)
        if self.info_topic is not None:
            first = self._bag.first(self.info_topic)
            if first is None:
                raise MdepthError(
                    f'no camera_info on {self.info_topic} can be read: '
                    f'add --intrinsics with {ACCEPTED}'
                )
            cameras.add(0, first)
        speeds: list[tuple[int, float]] = []
        inputs: list[RawMessage] = []
        # An image whose camera_info may come behind it, with the speeds that came before it.
        waiting: tuple[int, Any, tuple[tuple[int, float], ...]] | None = None

        def item(stamp: int, message: Any, heard: tuple[tuple[int, float], ...]) -> Item:
            levels, image = reader.later(message)
            return Item(stamp, image, cameras.at(stamp), heard, tuple(inputs), levels)

        for raw, message in self._bag.read(*wanted):
            stamp = conversions.stamp_to_nanoseconds(message.header.stamp)
            if raw.topic == self._speed:
                try:
                    speeds.append((known_time(stamp, raw.time), conversions.speed_of(message)))
                except MdepthError as error:
                    self._lost.add('speeds skipped', str(error))
                continue
            if stamp <= 0:
                none = 'without a stamp' if stamp == 0 else 'of a time before 1970 or after 2038'
                self._lost.note(f'headers {none}: the time of recording is used')
                stamp = raw.time
            raw = raw._replace(time=stamp)
            if raw.topic == self.info_topic:
                cameras.add(stamp, message)
            if waiting is None or (raw.topic == self.info_topic and stamp <= waiting[0]):
                inputs.append(raw)
            if waiting is not None and (raw.topic == self.topic or stamp >= waiting[0]):
                yield item(*waiting)
                inputs = [raw] if raw.topic == self.topic or stamp > waiting[0] else []
                waiting = None
            if raw.topic == self.topic:
                waiting = (stamp, message, tuple(speeds))
                speeds.clear()
        if waiting is not None:
            yield item(*waiting)


class _Cameras:
    """The calibration of an image: supplied, or the latest camera_info at or before its stamp."""

    def __init__(
        self,
        as_arrives: Callable[[Camera], Camera],
        intrinsics: Intrinsics | None,
        losses: Losses,
    ) -> None:
        self._as_arrives, self._losses = as_arrives, losses
        self._supplied = intrinsics.for_images() if intrinsics is not None else None
        # Only a few: what comes behind an image is at most a little younger than it.
        self._recent: deque[tuple[int, Camera | MdepthError]] = deque(maxlen=8)

    def add(self, stamp: int, message: Any) -> None:
        camera: Camera | MdepthError
        try:
            camera = conversions.camera_from_info(message)
            if odd := conversions.model_by_length(message, camera, 'its camera_info'):
                self._losses.note(odd)
            camera = self._as_arrives(camera)
        except MdepthError as error:
            camera = error
        self._recent.append((stamp, camera))

    def at(self, stamp: int) -> Callable[[int, int], Camera]:
        """Return what gives the camera for the size of the image taken at `stamp`."""
        if (supplied := self._supplied) is not None:
            return lambda width, height: self._as_arrives(supplied(width, height))
        before = [camera for time, camera in self._recent if time <= stamp]
        known = before[-1] if before else self._recent[0][1]

        def camera(width: int, height: int) -> Camera:
            if isinstance(known, MdepthError):
                raise known
            check_size('its camera_info is', (known.width, known.height), (width, height))
            return known

        return camera
