# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The truth of a bag: a lidar cloud or a depth image, and odometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import match, pose_at
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.report.bags import CLOUD, ODOMETRY, Bag, frame_transform
from mdepth_ros.report.depth import TruePoints
from mdepth_ros.report.run import moving_mask
from mdepth_ros.sources import ImageSource, open_source
from mdepth_ros.sources.topics import choose_image
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

    def read(shots: Shots) -> Iterator[Shot]:
        source = open_source(
            path,
            topic=options.topic,
            intrinsics=options.intrinsics,
            rectified=options.rectified,
        )
        points = poses = None
        if truth is not None:
            mask = moving_mask(bag, truth, None) if truth in depths else None
            points = TruePoints(bag, truth, truth not in depths, mask, set(matches.values()))
        if odometry is not None:
            poses, child = bag.odometry(odometry)
            poses = poses.of_frame(_transform(source, child, source.frame_id))
        given = (_shot(frame, source, points, matches.get(frame.stamp), poses) for frame in source)
        for shot in with_neighbours(given, options.interval):
            yield replace(shot, drive=path.name)
        for line in source.losses:
            shots.note(line)

    return Shots(path.name, len(images), read)


def _shot(
    frame: Frame,
    source: ImageSource,
    points: TruePoints | None,
    stamp: int | None,
    poses: Trajectory | None,
) -> Shot:
    """A frame with the points of this stamp in it and its pose."""
    depth = moving = None
    camera, R = frame.camera.pinhole(), rectification(frame.camera)
    found = points.at(stamp) if points is not None and stamp is not None else None
    if found is not None:
        xyz, moves, place = found
        T = R @ _transform(source, frame.frame_id, place)
        depth, index = depth_of_points(xyz @ T[:3, :3].T + T[:3, 3], camera)
        moving = None if moves is None else picked(moves, index) > 0
    pose = None if poses is None else pose_at(poses, frame.stamp)
    return Shot(
        f'{frame.stamp / 1e9:.3f}',
        frame,
        truth=depth,
        camera=camera,
        moving=moving,
        pose=None if pose is None else pose @ R.T,
    )


def _transform(source: ImageSource, parent: str, child: str) -> Array:
    consequence = 'the truth cannot be brought to the camera'
    return frame_transform(source.extrinsics, parent, child, consequence)


def _only(topics: list[str], what: str) -> str | None:
    """The only topic, or the only one that is called truth."""
    named = [topic for topic in topics if 'truth' in topic] or topics
    if len(named) > 1:
        raise MdepthError(
            f'{len(named)} topics of {what} ({", ".join(named)}): choose one with '
            '`mdepth-train extract --truth-...` and score the folder that it makes'
        )
    return named[0] if named else None
