# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the camera's image to the network's input: rectify, crop and resize in one step."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.geometry.camera import Camera, CameraError
from mdepth_ros.geometry.warp import pixel_grid


def target_camera(source: Camera, height: int, width: int) -> Camera:
    """Pinhole camera of size width x height that sees the most of the rectified source.

    It is the largest centred crop of that aspect, scaled.
    """
    pinhole = source.pinhole()
    return pinhole.cropped(*pinhole.largest_crop(width / height)).scaled(width, height)


def seen_pixels(source: Camera, target: Camera) -> Tensor:
    """Source pixels (u, v) [h, w, 2], float64, of all pixels of a pinhole camera at its place.

    NaN where the source is blind.
    """
    rays = target.unproject(pixel_grid(target.height, target.width, dtype=torch.float64))
    # R turns the source's directions into rectified ones; a row times R is turned back.
    R = torch.tensor(source.rectification, dtype=torch.float64).view(3, 3)
    return source.project(rays @ R)


LARGEST_SHRINK = 1000.0
"""Of the source in the target: more is of a calibration that cannot be."""


class ImageSampler:
    """Images of one camera as another, a pinhole camera, would take them from the same place.

    Bilinear. Where the image shrinks by more than two, several samples at most two source pixels
    apart are averaged, so that no source pixel is passed over. What the source does not show is
    black. The sampling grid is computed once and stays on the device.

    Raises CameraError where the two cameras have too little to do with each other.
    """

    def __init__(self, source: Camera, target: Camera, device: torch.device | str = 'cpu') -> None:
        if target != target.pinhole():
            raise CameraError('an image can only be sampled into a pinhole camera')
        self.source, self.target = source, target
        shrink_y, shrink_x = source.fy / target.fy, source.fx / target.fx
        if not max(shrink_y, shrink_x) <= LARGEST_SHRINK:
            raise CameraError(
                f'a focal length of {source.fx:g} px is too far from that of the rectified image: '
                'correct K and P of the camera_info'
            )
        # Rounding must not turn an exact 2 into two samples. A target that sees far more than the
        # source would take memory without end: it gets no more samples than the source has pixels.
        self._samples = (
            max(1, min(math.ceil(shrink_y / 2 - 1e-6), math.ceil(source.height / target.height))),
            max(1, min(math.ceil(shrink_x / 2 - 1e-6), math.ceil(source.width / target.width))),
        )
        pixels = self._sample_positions()
        # The outer half of the edge pixels has no neighbour to blend with: it repeats the edge.
        size = pixels.new_tensor([source.width, source.height])
        seen = ((pixels >= -0.5) & (pixels <= size - 0.5)).all(-1, keepdim=True)
        if not seen.any():
            raise CameraError('the camera sees nothing of the view that it is sampled into')
        pixels = pixels.clamp(min=0).minimum(size - 1)
        # Rows that no sample touches need no conversion to float.
        v = pixels[..., 1:][seen]
        self._rows = slice(int(v.min().floor()), int(v.max().ceil()) + 1)
        pixels[..., 1] -= self._rows.start
        size[1] = self._rows.stop - self._rows.start
        grid = torch.where(seen, (2 * pixels + 1) / size - 1, -4.0)
        self._grid = grid[None].to(device, torch.float32)

    @property
    def samples(self) -> tuple[int, int]:
        """Samples along y and x that are averaged for one pixel of the target."""
        return self._samples

    @property
    def positions(self) -> Tensor:
        """Source pixels (u, v) of all samples, [h * samples, w * samples, 2] float32.

        Inside the image, or farther outside than half its size where the source shows nothing.
        """
        size = self._grid.new_tensor([self.source.width, self._rows.stop - self._rows.start])
        offset = self._grid.new_tensor([0, self._rows.start])
        return ((self._grid[0] + 1) * size - 1) / 2 + offset

    def _sample_positions(self) -> Tensor:
        """Source pixels [h, w, 2] of all samples in float64; NaN where the source is blind."""
        rows, columns = self._samples
        fine = self.target.scaled(self.target.width * columns, self.target.height * rows)
        return seen_pixels(self.source, fine)

    def __call__(self, image: Tensor) -> Tensor:
        """uint8 [H, W, 3] or [B, H, W, 3] of the source -> float32 [B, 3, h, w] in 0..1."""
        images = image if image.dim() == 4 else image[None]
        size = images.shape[2], images.shape[1]
        if size != (self.source.width, self.source.height):
            raise CameraError(
                f'the image is {size[0]} x {size[1]}, its calibration is for '
                f'{self.source.width} x {self.source.height}: correct the camera_info'
            )
        # Permuting a view keeps the memory as it is: grid_sample reads any layout at one speed.
        planes = images[:, self._rows].to(self._grid.device).permute(0, 3, 1, 2).float()
        out = functional.grid_sample(
            planes, self._grid.expand(len(planes), -1, -1, -1), align_corners=False
        )
        if self._samples != (1, 1):
            out = functional.avg_pool2d(out, self._samples)
        return out.contiguous().mul_(1 / 255)
