# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The step: one frame in, metric depth and odometry out."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.estimator import PARTS, Estimator, Prediction
from mdepth_ros.core.motion_noise import card_noise
from mdepth_ros.core.mount_check import MountCheck
from mdepth_ros.core.odometry import Matrix, Odometry
from mdepth_ros.core.pairing import FramePair, Pairing
from mdepth_ros.core.quality import MotionValidator
from mdepth_ros.core.scale import Height, Scale, ScaleSource, scale_source
from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import DEPTH_RANGE
from mdepth_ros.model.file import load_model


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is known at one frame; metres, or network units where `scale.state` is 'none'.

    stamp, frame_id   of the frame: nanoseconds, optical frame
    image             uint8 [h, w, 3] RGB, the rectified view that belongs to depth
    depth             float32 [h, w] along optical z; NaN where the view has no image or the
                      confidence is below the minimal one, else +Inf beyond the maximal range
    camera            pinhole camera of image and depth
    confidence        float32 [h, w] in 0..1 (see Prediction)
    motion            4x4, T_previous_current of the pair; identity where held
    interval          seconds from the pair's previous frame to this one; 0 where held
    pose              4x4, T_odom_camera
    twist             (vx vy vz wx wy wz) in the camera frame
    pose_covariance   6x6 about the fixed axes of odom, twist_covariance 6x6 in the camera frame
    scale             metres per network unit
    status, reason    'tracking', 'standing', 'degraded', 'lost' or 'held', and why: see
                      `mdepth_ros.core.quality`
    stale             the frame comes late, or again: it has a depth, but the pose is that of a
                      newer frame, and is not to be published with this stamp
    timings           seconds: 'pairing', 'estimator' ('sample', 'network', 'refine' and
                      'post' of it), 'scale', 'odometry', in the first seconds 'mount', and
                      'step' for all
    """

    stamp: int
    frame_id: str
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    camera: Camera
    confidence: NDArray[np.float32]
    motion: Matrix
    interval: float
    pose: Matrix
    twist: Matrix
    pose_covariance: Matrix
    twist_covariance: Matrix
    scale: Scale
    status: str
    reason: str
    timings: dict[str, float]
    stale: bool = False


class Perception:
    """Pairing, estimator, scale and odometry of one camera, tied together.

    max_range       depth beyond it (in the unit of the depth) is given as +Inf
    min_confidence  depth whose confidence is below it is given as NaN; 0: none
    """

    def __init__(
        self,
        pairing: Pairing,
        estimator: Estimator,
        scale: ScaleSource,
        odometry: Odometry,
        max_range: float = 80.0,
        min_confidence: float = 0.0,
    ) -> None:
        if not 0 < max_range <= DEPTH_RANGE[1]:
            raise MdepthError(
                f'maximal range {max_range}: give a distance above zero, up to {DEPTH_RANGE[1]:g}'
            )
        if not 0 <= min_confidence <= 1:
            raise MdepthError(f'minimal confidence {min_confidence}: give a number from 0 to 1')
        self.pairing = pairing
        self.estimator = estimator
        self.scale = scale
        self.odometry = odometry
        self.validator = MotionValidator()
        self.mount: MountCheck | None = None  # of who knows where the camera sits
        self._last_scale: Scale | None = None
        self._unheard: tuple[tuple[int, float], ...] = ()
        self.max_range = max_range
        self.min_confidence = min_confidence

    @property
    def warnings(self) -> list[str]:
        """What the user should know; grows, and says each thing once."""
        of_mount = [self.mount.line] if self.mount is not None and self.mount.line else []
        return [*self.estimator.warnings, *of_mount]

    def step(self, frame: Frame, parts: Collection[str] = PARTS) -> Estimate:
        """Everything that one frame tells. Frames come about in the order they were taken in.

        parts  as in Estimator: image and confidence are empty where they are not needed
        """
        watch = _Watch()
        # The earlier frame at the trained time difference, or the frame twice.
        pair = self._pair(frame)
        watch.lap('pairing')
        # The networks: depth, motion and confidence in network units.
        prediction = self.estimator(pair, {*parts, *self._parts})
        watch.lap('estimator')
        return self._conclude(pair, prediction, watch)

    @property
    def _parts(self) -> tuple[str, ...]:
        """What the step itself needs of the estimator."""
        return ('confidence',) if self.min_confidence else ()

    def _pair(self, frame: Frame) -> FramePair:
        # The speeds that came with a late frame are for the next one that has its turn.
        frame = replace(frame, speeds=(*self._unheard, *frame.speeds)) if self._unheard else frame
        pair = self.pairing.pair(frame)
        self._unheard = frame.speeds if pair.stale else ()
        return pair

    def _scale(self, prediction: Prediction, pair: FramePair) -> Scale:
        if not pair.stale or self._last_scale is None:
            self._last_scale = self.scale.update(prediction, pair)
        return self._last_scale

    def _conclude(self, pair: FramePair, prediction: Prediction, watch: _Watch) -> Estimate:
        frame = pair.current
        # Metres per network unit.
        scale = self._scale(prediction, pair)
        watch.lap('scale')
        # How far the motion can be believed.
        tracking = self.validator(prediction.evidence, prediction.motion, scale, pair)
        if self.pairing.keyframes:
            self.pairing.adapt(pair, *prediction.parallax())
        # The motion as a velocity moves the pose; held where there is none to believe.
        pose = self.odometry.advance(prediction.motion, scale, pair, tracking)
        watch.lap('odometry')
        if self.mount is not None:
            self.mount.add(self.estimator, pair, prediction, tracking)
            watch.lap('mount')
        # Metres; NaN is 'unknown' and +Inf 'too far' (REP-117).
        depth, motion = self._metric(prediction, scale)
        return Estimate(
            stamp=frame.stamp,
            frame_id=frame.frame_id,
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
            stale=pair.stale,
        )

    def _metric(self, prediction: Prediction, scale: Scale) -> tuple[NDArray[np.float32], Matrix]:
        depth: NDArray[np.float32] = prediction.depth * np.float32(scale.value)
        depth[depth > self.max_range] = np.inf
        if self.min_confidence:
            depth[prediction.confidence < self.min_confidence] = np.nan
        depth[~prediction.visible] = np.nan
        motion = prediction.motion.copy()
        motion[:3, 3] *= scale.value
        return depth, motion


def step_together(
    items: Sequence[tuple[Perception, Frame]], parts: Collection[str] = PARTS
) -> list[Estimate]:
    """The step of several cameras that share an estimator, with one call of the networks.

    'pairing', 'estimator' and 'step' of the timings are those of all cameras.
    """
    watch = _Watch()
    pairs = [perception._pair(frame) for perception, frame in items]
    watch.lap('pairing')
    needed = {*parts, *(part for perception, _ in items for part in perception._parts)}
    predictions = items[0][0].estimator.batch(pairs, needed)
    watch.lap('estimator')
    return [
        perception._conclude(pair, prediction, watch)
        for (perception, _), pair, prediction in zip(items, pairs, predictions, strict=True)
    ]


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


def build_perception(
    model: Path,
    *,
    device: str = 'auto',
    precision: str = 'auto',
    threads: int | None = None,
    refined: bool = True,
    cues: bool = True,
    scale: str | float = 'model',
    camera_height: float | None = None,
    frame_interval: float | None = None,
    tolerance: float | None = None,
    keyframes: bool = False,
    max_range: float = 80.0,
    min_confidence: float = 0.0,
    initial_pose: NDArray[Any] | None = None,
) -> Perception:
    """The step of a model file.

    device, precision, threads, refined, cues   as in Estimator
    scale, camera_height        as in `scale_source`
    frame_interval, tolerance, keyframes  as in Pairing; the interval is the card's where not given
    max_range, min_confidence   as in Perception
    initial_pose                T_odom_camera at the first frame, as in Odometry

    Raises MdepthError for a model that cannot be read or a setting that cannot be met.
    """
    network, card = load_model(Path(model))
    scale_source(scale, card, camera_height)  # before the networks take their seconds
    return make_perception(
        Estimator(network, card, device, precision, threads, refined, cues),
        scale=scale,
        camera_height=camera_height,
        frame_interval=frame_interval,
        tolerance=tolerance,
        keyframes=keyframes,
        max_range=max_range,
        min_confidence=min_confidence,
        initial_pose=initial_pose,
    )


def make_perception(
    estimator: Estimator,
    *,
    scale: str | float = 'model',
    camera_height: Height | None = None,
    frame_interval: float | None = None,
    tolerance: float | None = None,
    keyframes: bool = False,
    max_range: float = 80.0,
    min_confidence: float = 0.0,
    initial_pose: NDArray[Any] | None = None,
) -> Perception:
    """The step of one camera on an estimator, which cameras may share: see `build_perception`."""
    card = estimator.card
    interval = card.frame_interval if frame_interval is None else frame_interval
    return Perception(
        Pairing(interval, tolerance, keyframes),
        estimator,
        scale_source(scale, estimator.card, camera_height, estimator.warnings),
        Odometry(initial_pose, card_noise(card)),
        max_range,
        min_confidence,
    )
