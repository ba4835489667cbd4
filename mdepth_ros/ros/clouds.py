# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/PointCloud2: organised coloured clouds out, the points of any cloud in.

The node's clouds are filled in a buffer that is kept from frame to frame; `create_cloud` of
sensor_msgs_py makes the message of it. Clouds are read by their layout as sensor_msgs_py has it,
but not by its `read_points`, which does not see padded rows, swaps the bytes of a big-endian
cloud in the message itself, and takes no cloud of a bag.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from sensor_msgs.msg import PointField
from sensor_msgs_py.point_cloud2 import create_cloud, dtype_from_fields

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, pixel_grid

MAX_STEP = 0.4
"""On drives of the synthetic world it removes 8 % of the points: 46 % of those that hang in free
air and 3 % of those that are off by less than 10 %. Of the removed points 85 % are off by more."""


class CloudError(MdepthError):
    """A point cloud that cannot be read."""


class PointCloudBuilder:
    """Depth and colours -> an organised cloud, xyzrgb or xyz, in the camera's optical frame.

    stride      keep every stride-th row and column
    min_range   metres along z: nearer and farther points are NaN
    max_range
    max_step    points are NaN where the depths of the 3x3 pixels around differ by more than this
                share of the nearest: at the edge of a thing the depth of a network slides from
                the thing to what is behind it, and those points hang in free air. 0: none

    The grid of rays and the buffer are kept from frame to frame, for as long as the camera stays.
    """

    def __init__(
        self,
        stride: int = 1,
        min_range: float = 0.0,
        max_range: float = math.inf,
        max_step: float = MAX_STEP,
    ) -> None:
        if stride < 1 or not 0 <= min_range < max_range:
            raise MdepthError(
                f'a cloud of every {stride}th pixel, {min_range} to {max_range} m, has no points: '
                'the stride is 1 or more, the range above zero'
            )
        if not max_step >= 0:
            raise MdepthError(f'the largest step of a cloud is {max_step}: give a share, or 0')
        self.stride, self.min_range, self.max_range = stride, min_range, max_range
        self.max_step = max_step
        self._camera: Camera | None = None

    def build(
        self,
        depth: NDArray[np.float32],
        rgb: NDArray[np.uint8] | None,
        camera: Camera,
        header: Any,
    ) -> Any:
        """PointCloud2 of depth [h, w] (metres along z) and rgb [h, w, 3] of the same camera.

        NaN where depth is NaN or infinite, out of range or at an edge. `rgb` is packed in the bits
        of a float32, as PCL and RViz have it; without colours there is no such field. Depth of an
        image with distortion keeps its pixels.
        """
        shapes = {depth.shape, (camera.height, camera.width)}
        if len(shapes | {depth.shape if rgb is None else rgb.shape[:2]}) > 1:
            raise ValueError(f'depth {depth.shape}, its colours and {camera} do not fit')
        if camera != self._camera:
            self._prepare(camera)
        step = self.stride
        z = depth[::step, ::step]
        good = np.isfinite(z) & (z > 0) & (z >= self.min_range) & (z <= self.max_range)
        if self.max_step:
            good &= ~flying(depth, self.max_step)[::step, ::step]
        points = self._buffer
        points[..., 2] = np.where(good, z, np.float32(np.nan))
        np.multiply(self._rays_x, points[..., 2], out=points[..., 0])
        np.multiply(self._rays_y, points[..., 2], out=points[..., 1])
        colours = points.view(np.uint8)
        if rgb is not None:
            for channel in range(3):
                colours[..., 14 - channel] = rgb[::step, ::step, channel]

        # One row of points: of several, create_cloud exchanges height and width
        # (ros2/common_interfaces#236).
        fields = [
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(('x', 'y', 'z', 'rgb')[: 3 + (rgb is not None)])
        ]
        rows = np.ascontiguousarray(points[..., : len(fields)])
        message = create_cloud(header, fields, rows.reshape(-1).view(dtype_from_fields(fields)))
        message.height, message.width = z.shape
        message.row_step = message.point_step * message.width
        message.is_dense = bool(good.all())
        return message

    def _prepare(self, camera: Camera) -> None:
        columns = np.arange(0, camera.width, self.stride)
        rows = np.arange(0, camera.height, self.stride)
        if camera.model == 'pinhole':
            self._rays_x = ((columns - camera.cx) / camera.fx).astype(np.float32)
            self._rays_y = ((rows - camera.cy) / camera.fy).astype(np.float32)[:, None]
        else:
            pixels = pixel_grid(camera.height, camera.width, dtype=torch.float64)
            rays = camera.unproject(pixels[:: self.stride, :: self.stride]).float().numpy()
            self._rays_x, self._rays_y = rays[..., 0], rays[..., 1]
        self._buffer = np.zeros((len(rows), len(columns), 4), '<f4')
        self._camera = camera


def cloud_builder(values: Mapping[str, Any]) -> PointCloudBuilder:
    """The builder that the parameters of a node ask for."""
    names = ('stride', 'min_range', 'max_range', 'max_step')
    return PointCloudBuilder(*(values[f'cloud_{name}'] for name in names))


def flying(depth: NDArray[np.float32], max_step: float) -> NDArray[np.bool_]:
    """Where the 3x3 pixels around differ in depth by more than a share of the nearest, [h, w].

    Unknown depths and those beyond range (NaN, infinite, not above 0) take no part.
    """
    known = np.isfinite(depth) & (depth > 0)
    window = np.ones((3, 3), np.uint8)
    outside = {'borderType': cv2.BORDER_REPLICATE}
    nearest = cv2.erode(np.where(known, depth, np.float32(np.inf)), window, **outside)
    farthest = cv2.dilate(np.where(known, depth, np.float32(0)), window, **outside)
    return np.asarray(farthest > (1 + max_step) * nearest)


def points_xyz(message: Any) -> NDArray[np.float32]:
    """x, y, z of every point of a PointCloud2 as float32 [N, 3], NaN points included.

    Any layout: offsets, number types, byte order and row padding are those of the message.

    Raises CloudError where a coordinate or a part of the data is missing.
    """
    fields = {field.name: field for field in message.fields}
    if not {'x', 'y', 'z'} <= fields.keys():
        raise CloudError(f'a cloud without x, y, z: its fields are {", ".join(fields) or "none"}')
    height, width, point = int(message.height), int(message.width), int(message.point_step)
    if not height * width:
        return np.empty((0, 3), np.float32)
    row = int(message.row_step) or width * point
    data = np.asarray(memoryview(message.data))
    needed = (height - 1) * row + width * point
    if len(data) < needed:
        raise CloudError(f'cloud data has {len(data)} bytes, its header says {needed}')
    try:
        layout = dtype_from_fields([fields[name] for name in 'xyz'], point)
    except (AssertionError, KeyError, ValueError) as error:
        raise CloudError(f'x, y, z of a cloud lie outside of its points ({error})') from error
    layout = layout.newbyteorder('>' if message.is_bigendian else '<')
    points = np.ndarray((height, width), layout, data, strides=(row, point))
    return structured_to_unstructured(points, np.dtype(np.float32)).reshape(-1, 3)
