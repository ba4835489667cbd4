# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The view that the files of a drive show, and its camera as a file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, ImageSampler, target_camera
from mdepth_ros.sources.base import Item
from mdepth_ros.sources.intrinsics import CalibrationError

LARGER = 1.5  # than the network's input: room for a crop, without storing what it never sees
Rgb = NDArray[np.uint8]


def choose_view(
    camera: Camera, input_size: tuple[int, int], size: tuple[int, int] | None = None
) -> Camera:
    """The pinhole camera of the files: the largest centred cut-out of their aspect, resized.

    The files are LARGER times the network's input_size (height, width), or as large as the images
    are where that is less; or of `size` (width, height).
    """
    if size is not None:
        return target_camera(camera, size[1], size[0])
    height, width = (round(LARGER * side) for side in input_size)
    box = camera.pinhole().largest_crop(width / height)
    if box[2] <= width:
        return camera.pinhole().cropped(*box)
    return target_camera(camera, height, width)


def rectification(camera: Camera) -> NDArray[np.float64]:
    """T_rectified_camera [4, 4], R of camera_info: /tf_static speaks of the camera as it hangs."""
    R = np.eye(4)
    R[:3, :3] = np.reshape(camera.rectification, (3, 3))
    return R


class Eye:
    """One camera of a drive: its images as the view that the first of them decides shows them.

    camera  of the images; as the next, there from the first picture on
    view    the pinhole camera of what `picture` returns
    unseen  share of the view that is outside the image, and black
    mask    of the images at first, from the first picture on of the view; None: all is used
    """

    camera: Camera | None
    view: Camera
    unseen: float

    def __init__(
        self,
        input_size: tuple[int, int],
        size: tuple[int, int] | None,
        mask: Mask | None = None,
    ) -> None:
        self._wanted = input_size, size
        self.camera, self.mask = None, mask

    @property
    def open(self) -> bool:
        """Whether there was a first picture."""
        return self.camera is not None

    def picture(self, image: Rgb, camera: Camera) -> Rgb:
        """Image [H, W, 3] of a camera -> the view [h, w, 3]; MdepthError for another camera."""
        if self.camera is None:
            self.view = choose_view(camera, *self._wanted)
            self._sampler = ImageSampler(camera, self.view)
            white = torch.full((camera.height, camera.width, 3), 255, dtype=torch.uint8)
            self.unseen = float((self._sampler(white)[0, 0] < 0.5).float().mean())
            if self.mask is not None:
                self.mask = seen_mask(self.mask, self._sampler)
            self.camera = camera
        if camera != self.camera:
            raise MdepthError('another camera_info than that of the first image')
        # torch warns of memory that must not be written, as that of messages is.
        pixels = image if image.flags.writeable and image.flags.contiguous else image.copy()
        sampled = self._sampler(torch.from_numpy(pixels))[0]
        view: Rgb = sampled.mul_(255).round_().byte().permute(1, 2, 0).contiguous().numpy()
        return view


def seen_mask(mask: Mask, sampler: ImageSampler) -> Mask:
    """A mask as a sampler shows it: usable is what is made of nothing but usable pixels.

    Raises CalibrationError for a mask of another size than the images.
    """
    source = sampler.source
    try:
        mask.check_size(source.width, source.height)
    except MdepthError as error:
        raise CalibrationError(str(error)) from None
    usable = torch.from_numpy(mask.usable)[..., None].byte().mul(255).expand(-1, -1, 3)
    return Mask((sampler(usable)[0, 0] > 0.99).cpu().numpy(), mask.name)


def decoded(item: Item) -> Callable[[], Rgb]:
    """The image of an item whose turn to be decoded is now, or the error that this gave."""
    future: Future[Rgb] = Future()
    try:
        future.set_result(item.image())
    except MdepthError as error:
        future.set_exception(error)
    return future.result


def write_camera(path: Path, camera: Camera) -> None:
    """Write a pinhole camera as camera_calibration does; `read_intrinsics` reads it."""
    fx, fy, cx, cy = (repr(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
    path.write_text(
        f"""\
image_width: {camera.width}
image_height: {camera.height}
camera_name: rectified
camera_matrix: {{rows: 3, cols: 3, data: [{fx}, 0, {cx}, 0, {fy}, {cy}, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}
rectification_matrix: {{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}}
projection_matrix: {{rows: 3, cols: 4, data: [{fx}, 0, {cx}, 0, 0, {fy}, {cy}, 0, 0, 0, 1, 0]}}
"""
    )
