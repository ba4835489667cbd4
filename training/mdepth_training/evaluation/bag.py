# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The truth of a bag: a lidar cloud or a depth image, and odometry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import Trajectory
from mdepth_ros.report.bags import CLOUD, ODOMETRY, Bag, match
from mdepth_ros.report.depth import TruePoints
from mdepth_ros.report.poses import pose_at
from mdepth_ros.sources import StaticTransforms, open_source
from mdepth_ros.sources.topics import IMAGE, choose_image
from mdepth_training.data.points import depth_of_points, picked
from mdepth_training.data.view import rectification
from mdepth_training.evaluation.shots import (
    TOLERANCE,
    Array,
    Options,
    Shot,
    Shots,
    with_neighbours,
)


def open_bag(path: Path, options: Options) -> Shots:
    """The images of a bag, with the depth and the pose that it knows for their time.

    Raises MdepthError where it knows neither, or where there are several to choose from.
    """
    bag = Bag(path)
    # A topic that is named holds pictures, also where they look like depth (16UC1).
    named = '/' + (options.topic or '').lstrip('/')
    depths = [topic for topic in bag.depth_topics() if topic != named]
    truth = _only(depths, 'depth images') or _only(bag.topics(CLOUD), 'point clouds')
    odometry = _only(bag.topics(ODOMETRY), 'odometry')
    if truth is None and odometry is None:
        raise MdepthError(
            f'no truth in {path}: it has no depth image, point cloud or odometry '
            f'(its topics: {bag.inventory()})'
        )
    images = bag.stamps(choose_image(bag.recording.topics, options.topic, set(depths)))
    matches = match(images, bag.stamps(truth), TOLERANCE) if truth else {}
    mask: str | None = f'{(truth or "").rpartition("/")[0]}/moving'
    mask = mask if truth in depths and mask in bag.topics(IMAGE) else None

    def read(shots: Shots) -> Iterator[Shot]:
        source = open_source(
            path,
            topic=options.topic,
            intrinsics=options.intrinsics,
            rectified=options.rectified,
        )
        points = None
        if truth is not None:
            points = TruePoints(bag, truth, truth not in depths, mask, set(matches.values()))
        poses = _poses(bag, odometry, source.extrinsics, source.frame_id) if odometry else None
        for frame, previous, following in with_neighbours(source, options.interval):
            camera = frame.camera.pinhole()
            stamp = matches.get(frame.stamp)
            found = points.at(stamp) if points is not None and stamp is not None else None
            depth = moving = None
            pose = None if poses is None else pose_at(poses, frame.stamp)
            if found is not None:
                xyz, moves, place = found
                T = _transform(source.extrinsics, frame, place.lstrip('/'))
                depth, index = depth_of_points(xyz @ T[:3, :3].T + T[:3, 3], camera)
                moving = None if moves is None else picked(moves, index) > 0
            yield Shot(
                f'{frame.stamp / 1e9:.3f}',
                frame,
                previous,
                following,
                depth,
                camera,
                moving,
                None if pose is None else pose @ rectification(frame.camera).T,
                path.name,
            )
        for line in source.losses:
            shots.note(line)

    return Shots(path.name, len(images), read)


def _only(topics: list[str], what: str) -> str | None:
    """The only topic, or the only one that is called truth."""
    named = [topic for topic in topics if 'truth' in topic] or topics
    if len(named) > 1:
        raise MdepthError(
            f'{len(named)} topics of {what} ({", ".join(named)}): choose one with '
            '`mdepth-train extract --truth-...` and score the folder that it makes'
        )
    return named[0] if named else None


def _transform(extrinsics: StaticTransforms, frame: Frame, other: str) -> Array:
    """T_camera_other, of the camera rectified as its calibration says."""
    T = np.eye(4) if other == frame.frame_id else extrinsics.lookup(frame.frame_id, other)
    if T is None:
        raise MdepthError(
            f'/tf_static does not connect {frame.frame_id!r} (images) with {other!r} (truth): '
            'the truth cannot be projected'
        )
    return np.asarray(rectification(frame.camera) @ T)


def _poses(bag: Bag, topic: str, extrinsics: StaticTransforms, camera: str) -> Trajectory:
    """Poses of the camera, from an odometry topic."""
    trajectory, child = bag.odometry(topic)
    T = np.eye(4) if child == camera else extrinsics.lookup(child, camera)
    if T is None:
        raise MdepthError(f'/tf_static does not connect {child!r} ({topic}) with {camera!r}')
    return trajectory.of_frame(T)
