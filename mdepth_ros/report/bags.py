# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What evaluation reads from bags: messages by topic and stamp, cameras, poses, transforms."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import nearest
from mdepth_ros.evaluation.trajectory import Array, Trajectory
from mdepth_ros.geometry import Camera
from mdepth_ros.ros import conversions
from mdepth_ros.sources.base import RawMessage, StaticTransforms, known_time
from mdepth_ros.sources.messages import Messages
from mdepth_ros.sources.topics import CAMERA_INFO, IMAGE

CLOUD = 'sensor_msgs/msg/PointCloud2'
ODOMETRY = 'nav_msgs/msg/Odometry'
DEPTH_ENCODINGS = ('32FC1', '16UC1')


class Bag(Messages):
    """A bag as topics of messages that have a header."""

    def inventory(self) -> str:
        """All topics with their types, for an error message."""
        topics = self.recording.topics.values()
        return ', '.join(sorted(f'{t.name} ({t.type.rpartition("/")[2]})' for t in topics))

    def stamps(self, topic: str) -> list[int]:
        """Header stamps in ns of all messages, in the order of the bag."""
        return [_stamp(raw) for raw in self.recording.messages([topic]) if len(raw.data) >= 12]

    def messages(self, topic: str) -> Iterator[tuple[int, Any]]:
        """Header stamp in ns and message, in the order of the bag."""
        return ((_stamp(raw), message) for raw, message in self.read(topic))

    def depth_topics(self) -> list[str]:
        """Image topics that hold depth."""
        found = []
        for topic in self.topics(IMAGE):
            message = self.first(topic)
            if message is not None and message.encoding in DEPTH_ENCODINGS:
                found.append(topic)
        return found

    def transforms(self) -> StaticTransforms:
        """Every /tf_static of the bag, whatever its namespace."""
        topics = [
            topic
            for topic in self.topics('tf2_msgs/msg/TFMessage')
            if topic.rpartition('/')[2] == 'tf_static'
        ]
        return self.static_transforms(*topics)

    def cameras(self, topic: str) -> Cameras:
        """The cameras of a camera_info topic."""
        return Cameras(
            [
                (stamp, conversions.camera_from_info(message), message.header.frame_id.lstrip('/'))
                for stamp, message in self.messages(topic)
            ]
        )

    def info_topic(self, topic: str) -> str | None:
        """The camera_info of an image topic: beside it, one level up, or the only one."""
        infos = self.topics(CAMERA_INFO)
        parent = topic.rpartition('/')[0]
        for candidate in (f'{parent}/camera_info', f'{parent.rpartition("/")[0]}/camera_info'):
            if candidate in infos:
                return candidate
        return infos[0] if len(infos) == 1 else None

    def odometry(self, topic: str) -> tuple[Trajectory, str]:
        """Poses of an Odometry topic, sorted by stamp, and the frame they are poses of."""
        rows, child, problem = [], '', ''
        for stamp, message in self.messages(topic):
            try:
                rows.append((stamp, conversions.pose_to_matrix(message.pose.pose)))
            except MdepthError as error:
                problem = str(error)
                self.recording.losses.add(f'poses of {topic} skipped', problem)
                continue
            child = message.child_frame_id.lstrip('/')
        if problem and not rows:
            raise MdepthError(f'{topic} holds no pose that can be: {problem}')
        rows.sort(key=lambda row: row[0])
        poses = np.array([row[1] for row in rows], np.float64).reshape(-1, 4, 4)
        return Trajectory(np.array([row[0] for row in rows], np.int64), poses), child


class Cameras:
    """The cameras of a camera_info topic: (stamp, camera, frame id), found by stamp."""

    def __init__(self, entries: Sequence[tuple[int, Camera, str]]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry[0])
        self._stamps = [entry[0] for entry in self._entries]

    def at(self, stamp: int) -> tuple[Camera, str]:
        """Camera and frame id nearest in time."""
        _, camera, frame_id = self._entries[nearest(self._stamps, stamp)]
        return camera, frame_id


class ByStamp:
    """Messages of a topic by their stamp, read in one pass and forgotten once they are fetched."""

    def __init__(self, bag: Bag, topic: str, wanted: Collection[int]) -> None:
        self._messages = bag.messages(topic)
        self._wanted = set(wanted)
        self._waiting: dict[int, Any] = {}

    def fetch(self, stamp: int) -> Any:
        """The message with this stamp; None if there is none or it was fetched already."""
        while stamp not in self._waiting:
            found = next(self._messages, None)
            if found is None:
                return None
            if found[0] in self._wanted:
                self._waiting[found[0]] = found[1]
        return self._waiting.pop(stamp)


def frame_transform(
    transforms: StaticTransforms, parent: str, child: str, consequence: str
) -> Array:
    """T_parent_child [4, 4]; MdepthError with the consequence where /tf_static does not tell."""
    T = np.eye(4) if parent == child else transforms.lookup(parent, child)
    if T is None:
        raise MdepthError(f'/tf_static does not connect {child!r} with {parent!r}: {consequence}')
    return T


def _stamp(raw: RawMessage) -> int:
    """Stamp of a message that begins with a std_msgs/Header; the bag's time where it is zero."""
    order = '<' if raw.data[1] & 1 else '>'  # CDR: the second byte is the byte order
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', raw.data, 4)
    return known_time(int(seconds) * 10**9 + int(nanoseconds), raw.time)
