# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model as the vehicle runs it or on whole images as the papers do; depth at true pixels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from mdepth_ros.core.perception import build_perception
from mdepth_ros.core.types import Frame, FramePair, Prediction
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import in_image, sample_depth
from mdepth_ros.geometry import Camera
from mdepth_training.evaluation.shots import Array, Shot


class Predictor:
    """The model of a file, given shots.

    whole        the whole image is resized to the network's size; else it is cropped to the
                 network's aspect as on the vehicle
    first_frame  what a shot without a previous frame is paired with: itself, as the paper does and
                 as is possible on a vehicle, or the frame after it, as the paper's code does
    refined, cues  as in Estimator

    Raises MdepthError for another rule of first frames.
    """

    def __init__(
        self,
        model: Path,
        *,
        whole: bool = False,
        first_frame: str = 'duplicate',
        precision: str = 'auto',
        refined: bool = True,
        cues: bool = True,
    ) -> None:
        if first_frame not in ('duplicate', 'next'):
            raise MdepthError(f'--first-frame {first_frame}: duplicate or next')
        self.perception = build_perception(
            model, precision=precision, refined=refined, cues=cues, scale='none'
        )
        self.card = self.perception.estimator.card
        self.whole, self.first_frame = whole, first_frame
        self._resized: WeakKeyDictionary[Frame, Frame] = WeakKeyDictionary()

    def __call__(
        self, shot: Shot, parts: Collection[str] = ('image',)
    ) -> tuple[Prediction, FramePair]:
        """What the networks say, in network units, and the pair that they were given.

        parts  as in Estimator
        """
        partner, reason = shot.previous, ''
        if partner is None and self.first_frame == 'next':
            partner = shot.following
        if partner is None:
            partner, reason = shot.frame, 'no previous frame'
        interval = abs(shot.frame.stamp - partner.stamp) / 1e9
        pair = FramePair(self._view(shot.frame), self._view(partner), reason, interval)
        (estimate,) = self.perception.step([pair], parts)
        return estimate.prediction, FramePair(shot.frame, partner, reason, interval)

    def _view(self, frame: Frame) -> Frame:
        if not self.whole:
            return frame
        if frame.camera != frame.camera.pinhole():
            raise MdepthError(
                '--view whole squeezes the image as it is, and this camera distorts: use crop'
            )
        if frame not in self._resized:
            height, width = self.card.input_size
            shrinks = frame.camera.width > width and frame.camera.height > height
            rule = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(frame.image, (width, height), interpolation=rule))
            camera = frame.camera.pinhole().scaled(width, height)
            self._resized[frame] = replace(frame, image=image, camera=camera)
        return self._resized[frame]


def positions(camera: Camera, true_camera: Camera, rows: Array, columns: Array) -> Array:
    """Where pixels [N] of one pinhole camera lie in another at the same place: [N, 2] (u, v)."""
    u = (columns - true_camera.cx) * (camera.fx / true_camera.fx) + camera.cx
    v = (rows - true_camera.cy) * (camera.fy / true_camera.fy) + camera.cy
    return np.stack([u, v], 1)


def at_pixels(
    depth: Array,
    camera: Camera,
    true_camera: Camera,
    rows: Array,
    columns: Array,
    *,
    nearest: bool = False,
) -> Array:
    """Depth [h, w] of a camera at pixels [N] of another that looks from the same place.

    Bilinear in disparity; where the view is the same and only the size differs this is OpenCV's
    resize of 1 / depth. `nearest` is its INTER_NEAREST. NaN outside the view.
    """
    pixels = positions(camera, true_camera, rows, columns)
    inside, (u, v) = in_image(pixels, depth.shape), pixels.T
    if nearest:
        # OpenCV takes the pixel at floor(x * scale): half a target pixel before the centre's rule.
        u = np.floor(u + 0.5 - 0.5 * camera.fx / true_camera.fx + 1e-9)
        v = np.floor(v + 0.5 - 0.5 * camera.fy / true_camera.fy + 1e-9)
    return np.asarray(np.where(inside, sample_depth(depth, u, v), np.nan))
