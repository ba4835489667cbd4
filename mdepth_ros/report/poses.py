# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The true poses of a recording's camera, at the times of its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import pose_at
from mdepth_ros.evaluation.files import read_poses
from mdepth_ros.evaluation.trajectory import Array, Trajectory
from mdepth_ros.report.bags import ODOMETRY, Bag
from mdepth_ros.report.run import choose_topic, pose_file
from mdepth_ros.ros import conversions
from mdepth_ros.sources.base import ImageSource, StaticTransforms
from mdepth_ros.sources.recording import is_recording

BASE_FRAMES = ('base_link', 'camera_link')


def find_base(source: ImageSource, wanted: str | None = None) -> tuple[str, Array | None]:
    """Return the frame whose odometry is given, and T_base_camera [4, 4], the camera's pose in it.

    The frame is the one asked for, else the first of BASE_FRAMES that the source connects with its
    camera. The pose is None where the source does not know it; it is never assumed.
    """
    for name in BASE_FRAMES if wanted is None else (wanted.lstrip('/'),):
        mount = np.eye(4) if name == source.frame_id else None
        mount = source.extrinsics.lookup(name, source.frame_id) if mount is None else mount
        if mount is not None:
            return name, conversions.check_mount(mount)
    return wanted or BASE_FRAMES[0], None


def camera_poses(
    recording: Path,
    source: ImageSource,
    truth: Path | None = None,
    odometry: str | None = None,
    frame: str | None = None,
) -> tuple[Trajectory, str, str]:
    """True poses of a recording's camera, what they come from, and the frame that it speaks of.

    source    the recording, opened
    truth     bag or pose file; None: the recording itself, or what `pose_files` names
    odometry  topic of the true odometry in a bag
    frame     whose poses the truth gives; None: a TUM file those of the frame of `find_base`, a
              KITTI file those of the camera, an odometry topic those of its child frame

    Raises MdepthError where there are no true poses, or /tf_static does not lead to the camera.
    """
    path = truth or recording
    edges = source.extrinsics.edges()
    if path.exists() and is_recording(path):
        bag = Bag(path)
        topics = bag.topics(ODOMETRY)
        topic = choose_topic(bag, topics, odometry, '--odom-topic', 'odometry')
        if topic is None:
            raise MdepthError(
                f'no true poses in {path}: it has no odometry; name them with --truth BAG_OR_FILE '
                f'(its topics: {bag.inventory()})'
            )
        poses, moving = bag.odometry(topic)
        name = f'{path.name}{topic}'
        edges = [*bag.transforms().edges(), *edges]
    else:
        file = pose_file(path, truth is not None, [odometry])
        poses, of_camera = read_poses(file, recording)
        moving, name = source.frame_id if of_camera else find_base(source)[0], str(file)
    moving = (frame or moving).lstrip('/')
    if moving == source.frame_id:
        return poses, name, moving
    transforms = StaticTransforms()
    for edge in edges:
        transforms.add(*edge)
    mount = transforms.lookup(moving, source.frame_id)
    if mount is None:
        raise MdepthError(
            f'{name} holds poses of {moving or "an unnamed frame"}, which no static transform '
            f'connects with the camera ({source.frame_id}): name their frame with --truth-frame'
        )
    return poses.of_frame(mount), name, moving


def with_poses(
    frames: Iterable[Frame], truth: Trajectory, name: str
) -> Iterator[tuple[Frame, Array | None]]:
    """Frames with the pose [4, 4] at their time; None where it is not known.

    Raises MdepthError after the last frame where no pose was known.
    """
    stamps: list[int] = []
    known = False
    for frame in frames:
        pose = pose_at(truth, frame.stamp)
        stamps.append(frame.stamp)
        known |= pose is not None
        yield frame, pose
    if not known:
        times = [f'{t[0] / 1e9:.3f} to {t[-1] / 1e9:.3f} s' for t in (stamps, truth.stamps)]
        raise MdepthError(
            f'no image ({times[0]}) is at the time of the true poses of {name} ({times[1]}): are '
            'their stamps of one clock?'
        )
