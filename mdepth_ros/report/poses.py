# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The true poses of a recording's camera, at the times of its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import pose_at
from mdepth_ros.evaluation.files import read_poses
from mdepth_ros.evaluation.trajectory import Array, Trajectory
from mdepth_ros.report.bags import ODOMETRY, Bag
from mdepth_ros.report.run import choose_topic, pose_file
from mdepth_ros.sources.base import ImageSource, StaticTransforms
from mdepth_ros.sources.recording import is_recording


def camera_poses(
    recording: Path,
    source: ImageSource,
    base_frame: str,
    truth: Path | None = None,
    odometry: str | None = None,
    frame: str | None = None,
) -> tuple[Trajectory, str]:
    """True poses of the camera of a recording, and the name of what they come from.

    source      the recording, opened
    base_frame  whose poses a TUM file gives, where nothing else is said; a KITTI file gives those
                of the camera, an odometry topic those of its child frame
    truth       bag or pose file; None: the recording itself, or poses.txt in its folder
    odometry    topic of the true odometry in a bag
    frame       whose poses the truth gives; None: as above

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
        moving, name = source.frame_id if of_camera else base_frame, str(file)
    moving = (frame or moving).lstrip('/')
    if moving == source.frame_id:
        return poses, name
    transforms = StaticTransforms()
    for edge in edges:
        transforms.add(*edge)
    mount = transforms.lookup(moving, source.frame_id)
    if mount is None:
        raise MdepthError(
            f'{name} holds poses of {moving or "an unnamed frame"}, which no static transform '
            f'connects with the camera ({source.frame_id}): name their frame with --truth-frame'
        )
    return poses.of_frame(mount), name


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
