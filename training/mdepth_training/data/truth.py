# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lidar, true depth and odometry of a bag as files beside a drive: for evaluation alone.

truth/depth/000000.png  uint16, metres * 256, 0 unknown (as KITTI has it), of the image with
                        that number; not every image has one
truth/poses.txt         TUM lines: seconds x y z qx qy qz qw of the camera in odom
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import match
from mdepth_ros.evaluation.files import write_tum
from mdepth_ros.geometry import Camera
from mdepth_ros.report.bags import CLOUD, ODOMETRY, Bag, frame_transform
from mdepth_ros.report.depth import TruePoints
from mdepth_ros.report.run import choose_topic
from mdepth_ros.sources.base import ImageSource
from mdepth_ros.sources.recording import is_recording
from mdepth_training.data.points import UNITS, depth_of_points, picked
from mdepth_training.data.view import rectification

TOLERANCE = 0.05  # seconds between an image and its truth


class BagTruth:
    """What a bag knows about depth and poses of one camera.

    Raises MdepthError where a topic is missing or /tf_static does not connect it with the camera:
    at once, not after the images.
    """

    def __init__(
        self,
        recording: Path,
        source: ImageSource,
        cloud: str | None,
        depth: str | None,
        odometry: str | None,
    ) -> None:
        if not is_recording(recording):
            raise MdepthError(f'{recording} is not a bag: it has no topics of truth')
        if cloud and depth:
            raise MdepthError('the true depth is of a cloud or of an image: name one of them')
        self._bag, self._frame_id = Bag(recording), source.frame_id
        self._tree = source.extrinsics
        self._is_lidar = cloud is not None
        topics = self._bag.topics(CLOUD) if cloud else self._bag.depth_topics()
        self._depth = self._topic(cloud or depth, topics, 'cloud' if cloud else 'depth')
        if self._depth is not None:
            first = self._bag.first(self._depth)
            frame = '' if first is None else first.header.frame_id.lstrip('/')
            self._transform(self._frame_id, frame)
        self._odometry = self._topic(odometry, self._bag.topics(ODOMETRY), 'odometry')
        if self._odometry is not None:
            poses, child = self._bag.odometry(self._odometry)
            self._poses = poses.of_frame(self._transform(child, self._frame_id))

    def _topic(self, wanted: str | None, found: Sequence[str], what: str) -> str | None:
        if wanted is None:
            return None
        return choose_topic(self._bag, found, wanted, f'--truth-{what}', f'true {what}')

    def _transform(self, parent: str, child: str) -> NDArray[np.float64]:
        mend = 'add the transform to the bag, or leave the truth away'
        return frame_transform(self._tree, parent, child, mend)

    def write(
        self,
        folder: Path,
        camera: Camera,
        view: Camera,
        stamps: Sequence[int],
        tick: Callable[[], None],
    ) -> dict[str, Any]:
        """Write the truth of images with these stamps in this view; return what was written.

        The view is that of the rectified camera: turned by its R against the frame of /tf_static.
        An image gets the truth nearest in time, once: a camera three times as fast as the lidar
        has depth for every third image. `tick` may raise to stop.
        """
        facts: dict[str, Any] = {}
        R = rectification(camera)
        if self._odometry is not None:
            folder.mkdir(exist_ok=True)
            write_tum(folder / 'poses.txt', self._poses.of_frame(R.T))
            facts |= {'odometry': self._odometry, 'poses': len(self._poses)}
        if self._depth is not None:
            (folder / 'depth').mkdir(parents=True, exist_ok=True)
            numbers = {stamp: number for number, stamp in enumerate(stamps)}
            # Each scan goes to one image, by the same rule as where a bag is scored.
            found = match(stamps, self._bag.stamps(self._depth), TOLERANCE)
            chosen = {true: image for image, true in found.items()}
            points = TruePoints(self._bag, self._depth, self._is_lidar, None, set(chosen))
            facts |= {'depth': self._depth, 'depths': 0}
            for stamp in sorted(chosen):
                tick()
                depth = self._image(points, stamp, R, view)
                if depth is not None:
                    data = cv2.imencode('.png', depth)[1]
                    name = f'{numbers[chosen[stamp]]:06d}.png'
                    (folder / 'depth' / name).write_bytes(bytes(data))
                    facts['depths'] += 1
        return facts

    def _image(
        self, points: TruePoints, stamp: int, R: NDArray[np.float64], view: Camera
    ) -> NDArray[np.uint16] | None:
        """Depth [h, w] of the points in the view; the nearest hides what is behind it."""
        found = points.at(stamp)
        if found is None:
            return None
        xyz, _, frame = found
        T = R @ self._transform(self._frame_id, frame)
        xyz = xyz @ T[:3, :3].T + T[:3, 3]
        units = np.rint(xyz[:, 2] * UNITS)
        fits = (units >= 1) & (units <= 65535)
        _, index = depth_of_points(xyz[fits], view)
        return picked(units[fits], index).astype(np.uint16)
