# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The true poses of a recording's camera, at the times of its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import Trajectory, relative
from mdepth_ros.evaluation.trajectory import Array
from mdepth_ros.geometry import se3_exp, se3_log
from mdepth_ros.report.bags import ODOMETRY, Bag
from mdepth_ros.report.run import choose_topic, pose_file, read_poses
from mdepth_ros.sources.base import ImageSource, StaticTransforms
from mdepth_ros.sources.recording import is_recording

LONGEST_HOLE = 0.25
"""Seconds between two true poses across which nothing is interpolated."""
AT_ONCE = 0.01
"""Seconds from a true pose within which it counts where nothing can be interpolated."""


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


def pose_at(truth: Trajectory, stamp: int) -> Array | None:
    """Pose [4, 4] at a time, see `poses_at`; None where it is not known."""
    known, poses = poses_at(truth, np.array([stamp], np.int64))
    return np.asarray(poses[0]) if known[0] else None


def poses_at(truth: Trajectory, stamps: Array) -> tuple[Array, Array]:
    """Whether the pose is known at times [N] ns, bool [N], and the poses [N, 4, 4].

    Between two poses no further apart than LONGEST_HOLE the twist is constant; elsewhere a pose
    no further than AT_ONCE counts for the time. Where it is not known, the pose is the identity.
    """
    poses = np.tile(np.eye(4), (len(stamps), 1, 1))
    if not len(truth) or not len(stamps):
        return np.zeros(len(stamps), bool), poses
    after = np.searchsorted(truth.stamps, stamps).clip(1, max(len(truth) - 1, 1))
    before, after = after - 1, np.minimum(after, len(truth) - 1)
    start, end = truth.stamps[before], truth.stamps[after]
    nearest = np.where(stamps - start <= end - stamps, before, after)
    known = np.abs(truth.stamps[nearest] - stamps) <= AT_ONCE * 1e9
    poses[known] = truth.poses[nearest[known]]
    between = (start < stamps) & (stamps < end) & (end - start <= LONGEST_HOLE * 1e9)
    if between.any():
        first, second = truth.poses[before[between]], truth.poses[after[between]]
        share = (stamps - start)[between] / (end - start)[between]
        twists = se3_log(torch.from_numpy(relative(first, second)))
        poses[between] = first @ se3_exp(twists * torch.from_numpy(share)[:, None]).numpy()
    return known | between, poses
