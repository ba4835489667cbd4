# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth of a run against its truth.

Lidar clouds and true depth images take the same way: both become points, the points go through
/tf_static and the camera of the estimate onto the estimated depth image, and the estimate is
sampled there. So the truth may have any resolution, crop and frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import match
from mdepth_ros.evaluation.depth import (
    Array,
    Crop,
    DepthErrors,
    errors_by_kind,
    means_by_kind,
    sample_depth,
    sample_nearest,
    scaled_relative_errors,
)
from mdepth_ros.evaluation.points import View, nearest_points, project_points
from mdepth_ros.evaluation.sparsification import (
    Sparsification,
    mean_sparsification,
    sparsification,
)
from mdepth_ros.geometry import Camera
from mdepth_ros.report.bags import Bag, ByStamp, Cameras, frame_transform
from mdepth_ros.report.run import Run, Truth
from mdepth_ros.ros import clouds, images

TOLERANCE = 0.05  # seconds between an estimate and its truth
DENSE_POINTS = 150_000  # of a true depth image that is larger, a regular subset is scored
LIDAR_CELL = 0.5  # pixels: of lidar points that fall together, the nearest hides the others


class ScoredFrame(NamedTuple):
    """Of one frame: seconds between truth and estimate, and the errors by kind."""

    stamp: int
    difference: float
    errors: dict[str, DepthErrors]


@dataclass
class DepthResult:
    """Scores of all frames.

    matches are the stamps of the estimates that have a truth, and of that truth. rankings, by
    stamp, tell how the confidence ranks the errors, where the run wrote one.
    """

    truth_topic: str
    estimates: int
    truths: int
    matches: dict[int, int]
    frames: list[ScoredFrame] = field(default_factory=list)
    means: dict[str, DepthErrors] = field(default_factory=dict)
    rankings: dict[int, Sparsification] = field(default_factory=dict)

    @property
    def ratios(self) -> Array:
        """Ratio of medians of each scored frame."""
        return np.array([frame.errors[''].ratio for frame in self.frames])

    @property
    def ranking(self) -> Sparsification | None:
        """Mean over the frames of how the confidence ranks the errors; None without one."""
        return mean_sparsification(list(self.rankings.values()))

    def ranked(self) -> list[int]:
        """Stamps of the best, the median and the worst frame by AbsRel."""
        order = sorted(self.frames, key=lambda frame: frame.errors[''].abs_rel)
        picks = [order[0], order[len(order) // 2], order[-1]]
        return list(dict.fromkeys(frame.stamp for frame in picks))


def score_depth(
    run: Run, truth: Truth, min_depth: float, max_depth: float, crop: Crop
) -> DepthResult:
    """Score every estimate that has a truth within TOLERANCE.

    Raises MdepthError where there is no depth on one side, or nothing that can be compared.
    """
    if truth.bag is None or truth.depth_topic is None:
        raise MdepthError(f'no true depth in {truth.name}')
    if run.depth_topic is None or run.info_topic is None:
        raise MdepthError('the run wrote no depth/image_rect with its camera_info')
    estimates, truths = run.bag.stamps(run.depth_topic), truth.bag.stamps(truth.depth_topic)
    matches = match(estimates, truths, TOLERANCE)
    if not matches:
        raise MdepthError(
            f'no estimate is within {TOLERANCE} s of a message on {truth.depth_topic}'
        )
    result = DepthResult(truth.depth_topic, len(estimates), len(truths), matches)
    scored: list[dict[str, DepthErrors]] = []
    limits = {'min_depth': min_depth, 'max_depth': max_depth}
    for view in views(run, truth, matches, crop):
        errors = errors_by_kind(view.sampled, view.truth, view.moving, **limits)
        scored.append(errors)
        if errors[''].pixels:
            result.frames.append(ScoredFrame(view.stamp, view.difference, errors))
            if view.confidence is not None:
                relative, usable = scaled_relative_errors(view.sampled, view.truth, **limits)
                result.rankings[view.stamp] = sparsification(relative, view.confidence[usable])
    result.means = means_by_kind(scored)
    if not result.frames:
        raise MdepthError(
            f'no point of {truth.depth_topic} between {min_depth:g} and {max_depth:g} m falls on '
            'a known pixel of the estimated depth: are the frames of /tf_static right?'
        )
    return result


def views(run: Run, truth: Truth, matches: Mapping[int, int], crop: Crop) -> Iterator[View]:
    """The estimates of `matches` (their stamps: those of the truths) with true points on them."""
    assert truth.bag and truth.depth_topic and run.depth_topic and run.info_topic
    wanted = dict(matches)
    points = TruePoints(
        truth.bag, truth.depth_topic, truth.is_lidar, truth.moving_topic, set(wanted.values())
    )
    cameras = run.bag.cameras(run.info_topic)
    sure = run.confidence_topic and ByStamp(run.bag, run.confidence_topic, set(wanted))
    for stamp, message in run.bag.messages(run.depth_topic):
        true_stamp = wanted.pop(stamp, None)
        if true_stamp is None:
            continue
        estimate = images.to_depth(message)
        camera, frame_id = cameras.at(stamp)
        confidence = sure.fetch(stamp) if sure else None
        found = points.at(true_stamp)
        if found is None:
            continue
        xyz, moving, their_frame = found
        T = frame_transform(
            truth.transforms, frame_id, their_frame, 'the truth cannot be projected'
        )
        xyz = xyz @ T[:3, :3].T + T[:3, 3]
        pixels, inside = project_points(xyz, camera, estimate.shape, crop)
        if truth.is_lidar:
            inside &= _visible(pixels, xyz[:, 2], inside, estimate.shape)
        pixels, depth = pixels[inside], xyz[inside, 2]
        yield View(
            stamp,
            (true_stamp - stamp) / 1e9,
            estimate,
            pixels,
            depth,
            sample_depth(estimate, pixels[:, 0], pixels[:, 1]),
            None if moving is None else moving[inside],
            None if confidence is None else sample_nearest(images.to_depth(confidence), pixels),
        )


def _visible(pixels: Array, z: Array, inside: Array, shape: tuple[int, ...]) -> Array:
    """Which points are the nearest of those in their cell.

    The lidar sits above the camera and sees things that are hidden from it.
    """
    # The image begins half a pixel before the centre of its first one.
    u, v = np.where(inside, np.floor(pixels.T / LIDAR_CELL) + round(0.5 / LIDAR_CELL), -1)
    height, width = (round(size / LIDAR_CELL) for size in shape)
    index = nearest_points(u, v, z, (height, width))
    visible = np.zeros(len(inside), bool)
    visible[index[index >= 0]] = True
    return visible


class TruePoints:
    """True points by stamp: of a lidar cloud, or of the pixels of a depth image.

    wanted are the stamps that will be asked for, each once; moving_topic is a mask of moving
    things that goes with a depth image. Raises MdepthError for depth without a camera_info.
    """

    def __init__(
        self,
        bag: Bag,
        topic: str,
        is_lidar: bool,
        moving_topic: str | None,
        wanted: Collection[int],
    ) -> None:
        self._topic, self._moving_topic = topic, moving_topic
        self._messages = ByStamp(bag, topic, wanted)
        self._masks = ByStamp(bag, moving_topic, wanted) if moving_topic else None
        self._cameras: Cameras | None = None
        self._rays: tuple[Camera, Array] | None = None
        if is_lidar:
            return
        info = bag.info_topic(topic)
        if info is None:
            raise MdepthError(f'no camera_info for the true depth on {topic}')
        self._cameras = bag.cameras(info)

    def at(self, stamp: int) -> tuple[Array, Array | None, str] | None:
        """Points [N,3], which of them move [N] (None if unknown), and their frame."""
        message = self._messages.fetch(stamp)
        if message is None:
            return None
        frame = message.header.frame_id.lstrip('/')
        if self._cameras is None:
            xyz = clouds.points_xyz(message).astype(np.float64)
            return xyz[np.isfinite(xyz).all(1)], None, frame
        depth = images.to_depth(message).astype(np.float64)
        camera, _ = self._cameras.at(stamp)
        if (camera.height, camera.width) != depth.shape:
            raise MdepthError(
                f'the true depth on {self._topic} has {depth.shape[1]} x '
                f'{depth.shape[0]} pixels, its camera_info {camera.width} x {camera.height}'
            )
        subset = _subset(depth.shape)
        known = np.isfinite(depth[subset])
        xyz = self._directions(camera)[subset][known] * depth[subset][known][:, None]
        mask = self._masks.fetch(stamp) if self._masks else None
        moving = None
        if mask is not None:
            moving = images.to_rgb(mask)[..., 0]
            if moving.shape != depth.shape:
                raise MdepthError(f'{self._moving_topic} is not of the size of the true depth')
            moving = moving[subset][known] > 0
        return xyz, moving, frame

    def _directions(self, camera: Camera) -> Array:
        """Rays [H,W,3] with z = 1 of all pixels, kept while the camera stays the same."""
        if self._rays is None or self._rays[0] != camera:
            v, u = torch.meshgrid(
                torch.arange(camera.height, dtype=torch.float64),
                torch.arange(camera.width, dtype=torch.float64),
                indexing='ij',
            )
            self._rays = camera, camera.unproject(torch.stack([u, v], -1)).numpy()
        return self._rays[1]


def _subset(shape: tuple[int, ...]) -> Any:
    """Every n-th pixel in both directions, so that at most DENSE_POINTS are left."""
    step = int(np.ceil(np.sqrt(shape[0] * shape[1] / DENSE_POINTS)))
    return slice(step // 2, None, step), slice(step // 2, None, step)
