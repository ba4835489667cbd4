# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The step: frames in, metric depth and odometry out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.core.estimator import PARTS, Estimator
from mdepth_ros.core.motion_noise import card_noise
from mdepth_ros.core.mount_check import MountCheck
from mdepth_ros.core.odometry import Odometry
from mdepth_ros.core.pairing import Pairing
from mdepth_ros.core.quality import MotionValidator
from mdepth_ros.core.scale import Height, scale_source
from mdepth_ros.core.types import (
    Estimate,
    Frame,
    FramePair,
    Pose,
    Prediction,
    Scale,
    TrackingStatus,
)
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import axis_angle_from_rotation
from mdepth_ros.limits import DEPTH_RANGE, MAX_RANGE
from mdepth_ros.model.file import ModelCard, load_model


class Tracker:
    """Follows one camera from frame to frame: its pairing, scale, validator and odometry.

    card                    of the model
    scale, camera_height, warnings  as in `scale_source`
    frame_interval, tolerance, keyframes  as in Pairing; the interval is the card's where not given
    max_range       depth beyond it (in the unit of the depth) is given as +Inf
    min_confidence  depth whose confidence is below it is given as NaN; 0: none
    initial_pose    T_odom_camera at the first frame, as in Odometry
    mount           what compares the mount with the images, where the mount is known

    Raises MdepthError for a setting that cannot be met.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        scale: str | float = 'model',
        camera_height: Height | None = None,
        warnings: list[str] | None = None,
        frame_interval: float | None = None,
        tolerance: float | None = None,
        keyframes: bool = False,
        max_range: float = MAX_RANGE,
        min_confidence: float = 0.0,
        initial_pose: NDArray[Any] | None = None,
        mount: MountCheck | None = None,
    ) -> None:
        if not 0 < max_range <= DEPTH_RANGE[1]:
            raise MdepthError(
                f'maximal range {max_range}: give a distance above zero, up to {DEPTH_RANGE[1]:g}'
            )
        if not 0 <= min_confidence <= 1:
            raise MdepthError(f'minimal confidence {min_confidence}: give a number from 0 to 1')
        interval = card.frame_interval if frame_interval is None else frame_interval
        self.pairing = Pairing(interval, tolerance, keyframes)
        self.scale = scale_source(scale, card, camera_height, warnings)
        self.validator = MotionValidator()
        self.odometry = Odometry(initial_pose, card_noise(card))
        self.mount = mount
        self.max_range = max_range
        self.min_confidence = min_confidence
        self._last_scale: Scale | None = None
        self._unheard: tuple[tuple[int, float], ...] = ()

    def pair(self, frame: Frame | FramePair) -> FramePair:
        """The frame with its partner; a pair is taken as it is."""
        if isinstance(frame, FramePair):
            return frame
        # Speeds that came with a late frame are given to the next frame that is not late.
        frame = replace(frame, speeds=(*self._unheard, *frame.speeds)) if self._unheard else frame
        pair = self.pairing.pair(frame)
        self._unheard = frame.speeds if pair.stale else ()
        return pair

    def update_scale(self, prediction: Prediction, pair: FramePair) -> Scale:
        """Metres per network unit; a late frame changes nothing."""
        if not pair.stale or self._last_scale is None:
            self._last_scale = self.scale.update(prediction, pair)
        return self._last_scale

    def estimate(
        self,
        pair: FramePair,
        prediction: Prediction,
        scale: Scale,
        tracking: TrackingStatus,
        pose: Pose,
        watch: _Watch,
    ) -> Estimate:
        """Everything that is known at a frame, in metres."""
        depth: NDArray[np.float32] = prediction.depth * np.float32(scale.value)
        depth[depth > self.max_range] = np.inf  # REP-117: +Inf is too far, NaN is unknown
        if self.min_confidence:
            depth[prediction.confidence < self.min_confidence] = np.nan
        depth[~prediction.visible] = np.nan
        motion = prediction.motion.copy()
        motion[:3, 3] *= scale.value
        return Estimate(
            stamp=pair.current.stamp,
            frame_id=pair.current.frame_id,
            image=prediction.image,
            depth=depth,
            camera=prediction.camera,
            confidence=prediction.confidence,
            motion=motion,
            interval=pair.interval,
            pose=pose.pose,
            twist=pose.twist,
            pose_covariance=pose.pose_covariance,
            twist_covariance=pose.twist_covariance,
            scale=scale,
            status=pose.status,
            reason=tracking.reason,
            timings={**watch.total(), **prediction.timings},
            prediction=prediction,
            stale=pair.stale,
        )


class Perception:
    """The networks, and a tracker for each camera, by `Frame.camera_name`."""

    def __init__(
        self, estimator: Estimator, trackers: Mapping[str, Tracker] | None = None
    ) -> None:
        self.estimator = estimator
        self.trackers = dict(trackers or {})

    @property
    def warnings(self) -> list[str]:
        """Lines for the user so far, each once."""
        mounts = [tracker.mount for tracker in self.trackers.values()]
        return [*self.estimator.warnings, *(m.line for m in mounts if m is not None and m.line)]

    def step(
        self, frames: Sequence[Frame | FramePair], parts: Collection[str] = PARTS
    ) -> list[Estimate]:
        """Estimate everything at new frames: one of each camera that has one, mostly one in all.

        frames  from call to call about in the order in which they were taken. A FramePair is
                taken as it is: for callers that choose the pairs themselves
        parts   as in Estimator: image and confidence are empty where they are not needed

        'pairing', 'estimator' and 'step' of the timings are those of all cameras.
        """
        watch = _Watch()
        # The earlier frame at the trained time difference, or the frame twice.
        trackers = [self._tracker(frame) for frame in frames]
        pairs = [tracker.pair(frame) for tracker, frame in zip(trackers, frames, strict=True)]
        watch.lap('pairing')
        # Depth, motion and confidence in network units: one call of the networks for all cameras.
        sure = {'confidence'} if any(tracker.min_confidence for tracker in trackers) else set()
        predictions = self.estimator(pairs, {*parts, *sure})
        watch.lap('estimator')
        estimates = []
        for tracker, pair, prediction in zip(trackers, pairs, predictions, strict=True):
            # Metres per network unit.
            scale = tracker.update_scale(prediction, pair)
            watch.lap('scale')
            # Whether the motion can be used.
            tracking = tracker.validator(prediction.evidence, prediction.motion, scale, pair)
            if tracker.pairing.keyframes:
                tracker.pairing.adapt(pair, *parallax(prediction))
            # The motion as a velocity moves the pose; it is held where there is none to use.
            pose = tracker.odometry.advance(
                prediction.motion, scale, pair, tracking, prediction.std
            )
            watch.lap('odometry')
            if tracker.mount is not None:
                tracker.mount.add(self.estimator, pair, prediction, tracking)
                watch.lap('mount')
            estimates.append(tracker.estimate(pair, prediction, scale, tracking, pose, watch))
        return estimates

    def _tracker(self, frame: Frame | FramePair) -> Tracker:
        frame = frame.current if isinstance(frame, FramePair) else frame
        return self.trackers[frame.camera_name]


def parallax(prediction: Prediction) -> tuple[float, float]:
    """Length of the motion over the middle depth, and its angle in rad."""
    turn = axis_angle_from_rotation(torch.from_numpy(prediction.motion[:3, :3])).norm()
    length = np.linalg.norm(prediction.motion[:3, 3])
    return float(length / np.median(prediction.depth[::4, ::4])), float(turn)


class _Watch:
    """Seconds between laps."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = now - self._last, now

    def total(self) -> dict[str, float]:
        return {**self._laps, 'step': time.perf_counter() - self._start}


def make_perception(
    estimator: Estimator, cameras: Sequence[str] = ('',), **settings: Any
) -> Perception:
    """The step on an estimator; `cameras` are the names in its frames, with settings of Tracker.

    Raises MdepthError for a setting that cannot be met.
    """
    card, warnings = estimator.card, estimator.warnings
    return Perception(
        estimator, {name: Tracker(card, warnings=warnings, **settings) for name in cameras}
    )


def build_perception(
    model: Path,
    *,
    device: str = 'auto',
    precision: str = 'auto',
    threads: int | None = None,
    refined: bool = True,
    cues: bool = True,
    **settings: Any,
) -> Perception:
    """The step of a model file, for one camera.

    device, precision, threads, refined, cues   as in Estimator
    settings                                    as in Tracker

    Raises MdepthError for a model that cannot be read or a setting that cannot be met.
    """
    network, card = load_model(Path(model))
    Tracker(card, **settings)  # refuses a wrong setting before the seconds that networks take
    return make_perception(
        Estimator(network, card, device, precision, threads, refined, cues), **settings
    )
