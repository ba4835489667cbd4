# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is compared: the output of `mdepth run`, and the truth that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_files, read_poses, read_trajectory
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.report.bags import CLOUD, ODOMETRY, Bag
from mdepth_ros.ros.recording import remains
from mdepth_ros.sources.base import StaticTransforms, absolute
from mdepth_ros.sources.recording import is_recording
from mdepth_ros.sources.topics import IMAGE
from mdepth_ros.texts import read_json


@dataclass(frozen=True)
class Choice:
    """What the user asked for; None is found by itself.

    truth       bag or pose file; by default the bag or folder that the run read
    depth, lidar, odometry, moving  topics of the true depth image, lidar cloud, odometry, mask
    frame       frame whose poses a truth file gives
    """

    truth: Path | None = None
    depth: str | None = None
    lidar: str | None = None
    odometry: str | None = None
    moving: str | None = None
    frame: str | None = None


class Run:
    """The directory that `mdepth run` wrote. Raises MdepthError where it is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.info = dict[str, Any](read_json(path / 'run.json'))
        except (OSError, ValueError, TypeError):
            for folder in (path, path.with_name(f'{path.name}.partial')):
                if (left := remains(folder)) is not None:
                    raise MdepthError(
                        f'{folder} is of a run that was killed: run it again (its bag so far, '
                        f'{left}, can be played and read)'
                    ) from None
            raise MdepthError(
                f'{path} is not the output of a run (no readable run.json): '
                'make one with `mdepth run SOURCE -o OUT`'
            ) from None
        self.bag = Bag(path / 'bag')
        self.transforms = self.bag.transforms()
        depth = [t for t in self.bag.depth_topics() if t.endswith('/depth/image_rect')]
        self.depth_topic = depth[0] if depth else None
        self.info_topic = self.bag.info_topic(depth[0]) if depth else None
        confidence = f'{depth[0].rpartition("/")[0]}/confidence' if depth else ''
        known = confidence in self.bag.topics(IMAGE)
        self.confidence_topic = confidence if known else None

    @property
    def source(self) -> Path | None:
        """What the run read, as it was named; None where that is not there (any more)."""
        name = self.info.get('source')
        candidates = [Path(name), self.path / name] if isinstance(name, str) else []
        return next((path for path in candidates if path.exists()), None)

    @property
    def odometry_topic(self) -> str | None:
        """The topic of the estimated odometry."""
        topics = [t for t in self.bag.topics(ODOMETRY) if t.rpartition('/')[2] == 'odom']
        return topics[0] if topics else None

    def trajectory(self) -> tuple[Trajectory, str]:
        """The estimated poses and the frame that they are poses of."""
        if self.odometry_topic is not None:
            return self.bag.odometry(self.odometry_topic)
        file = self.path / 'trajectory.tum'
        if not file.is_file():
            raise MdepthError('the run wrote no odometry')
        return read_trajectory(file), str(self.info.get('base_frame', ''))


@dataclass(frozen=True)
class Truth:
    """Where the truth is: a bag with its topics, or poses from a file.

    depth_topic is a depth image or a lidar cloud; looked_at says what there was to choose from;
    horizontal are the two axes of the poses' fixed frame that a top view shows.
    """

    name: str
    poses: tuple[Trajectory, str] | None
    pose_name: str
    transforms: StaticTransforms
    looked_at: str
    bag: Bag | None = None
    depth_topic: str | None = None
    is_lidar: bool = False
    moving_topic: str | None = None
    horizontal: tuple[int, int] = (0, 1)  # REP-103: x forward, y left


def find_truth(run: Run, choice: Choice) -> Truth:
    """Find the truth of a run; raises MdepthError, listing what there is, where there is none."""
    path = choice.truth or run.source
    if path is None:
        raise MdepthError(
            f'the recording of this run ({run.info.get("source")}) is not there any more: '
            'name the truth with --truth BAG_OR_FILE'
        )
    if path.exists() and is_recording(path):
        return _from_bag(run, path, choice)
    topics = choice.depth, choice.lidar, choice.odometry, choice.moving
    return _from_file(run, pose_file(path, choice.truth is not None, topics), choice)


def _from_bag(run: Run, path: Path, choice: Choice) -> Truth:
    bag = Bag(path)
    images, clouds, odometry = bag.depth_topics(), bag.topics(CLOUD), bag.topics(ODOMETRY)
    # Pictures of 16UC1 look like depth, but they are what the run was made of.
    images = [topic for topic in images if topic != run.info.get('topic')]
    depth = lidar = None
    if choice.depth or not choice.lidar:
        depth = choose_topic(bag, images, choice.depth, '--depth-topic', 'depth images')
    if choice.lidar or (depth is None and not choice.depth):
        lidar = choose_topic(bag, clouds, choice.lidar, '--lidar-topic', 'point clouds')
    topic = choose_topic(bag, odometry, choice.odometry, '--odom-topic', 'odometry')
    poses = bag.odometry(topic) if topic else None
    if depth is None and lidar is None and poses is None:
        raise MdepthError(
            f'no truth in {path}: it has no depth image, point cloud or odometry; name another '
            f'with --truth BAG_OR_FILE (its topics: {bag.inventory()})'
        )
    transforms = bag.transforms()
    for edge in run.transforms.edges():
        if edge[1] not in transforms.frames():
            transforms.add(*edge)
    used_depth = lidar if choice.lidar or depth is None else depth
    return Truth(
        name=str(path),
        bag=bag,
        depth_topic=used_depth,
        is_lidar=used_depth is not None and used_depth == lidar,
        moving_topic=moving_mask(bag, used_depth, choice.moving),
        poses=poses,
        pose_name=topic or '',
        transforms=transforms,
        looked_at=bag.inventory(),
    )


def choose_topic(
    bag: Bag, found: Sequence[str], wanted: str | None, option: str, what: str
) -> str | None:
    """Return the topic asked for, the only one, or the only one that is called truth."""
    if wanted is not None:
        name = absolute(wanted)
        if name not in found:
            raise MdepthError(
                f'no {what} on {name}: {option} can be {" or ".join(found)}'
                if found
                else f'no {what} on {name}, nor anywhere in {bag.recording.path}'
            )
        return name
    named = [topic for topic in found if 'truth' in topic]
    chosen = named if len(named) == 1 else found
    if len(chosen) > 1:
        raise MdepthError(f'{len(found)} topics of {what}: add {option} {" or ".join(found)}')
    return chosen[0] if chosen else None


def moving_mask(bag: Bag, depth: str | None, wanted: str | None) -> str | None:
    """The mask of moving things that belongs to a depth image: its sibling `moving`."""
    name = absolute(wanted) if wanted else f'{(depth or "").rpartition("/")[0]}/moving'
    if name in bag.topics(IMAGE):
        return name
    if wanted is not None:
        raise MdepthError(f'no mask on {wanted}: image topics are {", ".join(bag.topics(IMAGE))}')
    return None


def pose_file(path: Path, named: bool, topics: Iterable[str | None]) -> Path:
    """The pose file that a path is, or that belongs to it where it is a KITTI sequence.

    named   whether a person named the path as the truth
    topics  what that person chose; a file has none

    Raises MdepthError where there is no such file.
    """
    if not path.exists():
        raise MdepthError(f'no such truth: {path}')
    if any(topics):
        raise MdepthError(f'{path} is not a bag: it has no topics to choose')
    if path.is_file():
        if not named:
            raise MdepthError(f'{path} holds no truth: name it with --truth BAG_OR_FILE')
        return path
    candidates = pose_files(path)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ', '.join(map(str, candidates))
    raise MdepthError(
        f'no truth for {path.resolve()} (looked for {looked}): name it with --truth FILE'
    )


def _from_file(run: Run, file: Path, choice: Choice) -> Truth:
    """Truth of a pose file: KITTI gives poses of the camera, TUM of the odometry's own frame."""
    poses, kitti = read_poses(file, run.source)
    frame = choice.frame
    if frame is None:
        frame = str(run.info.get('camera_frame', '')) if kitti else run.trajectory()[1]
    return Truth(
        name=str(file),
        poses=(poses, frame.lstrip('/')),
        pose_name=file.name,
        horizontal=(0, 2) if kitti else (0, 1),  # KITTI's first camera: x right, z forward
        transforms=run.transforms,
        looked_at=str(file),
    )
