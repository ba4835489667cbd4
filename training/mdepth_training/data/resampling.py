# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What mdepth_ros.geometry.ImageSampler does, by OpenCV on bytes: three times as fast."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, ImageSampler, target_camera
from mdepth_training.data.drive import Drive
from mdepth_training.data.view import seen_mask


def drive_view(drive: Drive, input_size: tuple[int, int]) -> Camera:
    """The pinhole camera of the network's input (height, width) that sees most of a drive."""
    rows = round(drive.camera.height * drive.kept_rows)
    seen = drive.camera.pinhole().cropped(0, 0, drive.camera.width, rows)
    return target_camera(seen, *input_size)


def resampled(image: NDArray[np.uint8], source: Camera, target: Camera) -> NDArray[np.uint8]:
    """An image [H, W, 3] as another, a pinhole camera, sees it: [3, h, w].

    The pixels come from where ImageSampler takes them; each is within a grey level of it. Raises
    MdepthError for another size than the camera's.
    """
    size = image.shape[1], image.shape[0]
    if size != (source.width, source.height):
        raise MdepthError(
            f'the image is {size[0]}x{size[1]}, its camera {source.width}x{source.height}'
        )
    sampler = _sampler(source, target)
    positions = sampler.positions.numpy()
    fine = cv2.remap(image, positions, None, cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    if sampler.samples != (1, 1):
        # Whole numbers of samples for each pixel: their plain mean.
        fine = cv2.resize(fine, (target.width, target.height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(fine.transpose(2, 0, 1))


def usable_pixels(drive: Drive, view: Camera) -> NDArray[np.bool_]:
    """Which pixels [h, w] of a view of a drive may be learned from; all without a mask.

    Raises MdepthError for a mask of another size than the images.
    """
    if drive.mask is None:
        return np.ones((view.height, view.width), bool)
    return seen_mask(drive.mask, _sampler(drive.camera, view)).usable


_sampler = lru_cache(maxsize=64)(ImageSampler)  # one to four megabytes each
