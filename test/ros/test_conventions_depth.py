# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The conventions of depth, camera_info and clouds; each test names its rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from live import CAMERA, stamp_of
from oracle import SIZE, Oracle, drive, node

from mdepth_ros.ros.clouds import points_xyz
from mdepth_ros.ros.conversions import camera_from_info
from mdepth_ros.ros.images import to_depth, to_rgb


def test_7_depth_is_in_metres_along_z(model: Path, oracle: Oracle) -> None:
    """Rule 7 (REP-118): a wall at 5 m is 5.0 in every pixel, not the length of the ray."""
    with node(model) as (running, heard):
        drive(running, heard, 1)
        (depth,) = heard['/depth/image_rect']
        assert depth.encoding == '32FC1'
        assert (depth.height, depth.width, depth.step) == (64, 96, 4 * 96)
        assert len(depth.data) == depth.step * depth.height
        assert (to_depth(depth) == 5.0).all()


def test_7_millimetres_never_wrap(model: Path, oracle: Oracle) -> None:
    """Rule 7: in 16UC1 unknown and what is beyond 65.535 m are 0."""
    oracle.depth = np.full(SIZE, 2.5, np.float32)
    oracle.depth[0, :3] = [65.5355 / 4, 70 / 4, 1000]
    with node(model, depth_encoding='16UC1') as (running, heard):
        drive(running, heard, 1)
        (depth,) = heard['/depth/image_rect']
        values = np.frombuffer(depth.data, '<u2').reshape(SIZE)
        assert depth.encoding == '16UC1' and (values[1:] == 10000).all()
        assert not values[0, 1:3].any() and values[0, 0] in (0, 65535)


def test_8_unknown_is_nan_and_too_far_is_infinite(model: Path, oracle: Oracle) -> None:
    """Rule 8 (REP-117): NaN and +Inf, never 0 or the maximal range."""
    oracle.depth = np.full(SIZE, 2.5, np.float32)
    oracle.depth[5] = 1000.0
    with node(model) as (running, heard):
        # P sees more than the sensor: the border of the rectified view has no image.
        wide = [50.0, 0.0, 59.5, 0.0, 0.0, 50.0, 39.5, 0.0, 0.0, 0.0, 1.0, 0.0]
        source = running.node.cameras[0].input
        before = source._calibration
        running.info(d=[1e-9, 0.0, 0.0, 0.0, 0.0], p=wide)
        running.until(lambda: source._calibration is not before, 'the camera')
        drive(running, heard, 1)
        depth = to_depth(heard['/depth/image_rect'][0])
        assert np.isnan(depth[0, 0]) and depth[32, 48] == 10.0
        oracle.depth = np.full(SIZE, 1000.0, np.float32)
        drive(running, heard, 1, first=1)
        depth = to_depth(heard['/depth/image_rect'][1])
        assert np.isposinf(depth[32, 48]) and np.isnan(depth[0, 0])
        assert not (np.isfinite(depth)).any()
        cloud = heard['/depth/points'][1]
        assert np.isnan(points_xyz(cloud)).all() and not cloud.is_dense


def test_9_the_camera_info_belongs_to_the_depth(model: Path, oracle: Oracle) -> None:
    """Rule 9: stamp, frame and size of the depth; K by the rule of pixel centres, P = K, D = 0."""
    with node(model) as (running, heard):
        drive(running, heard, 1)
        (info,), (depth,) = heard['/depth/camera_info'], heard['/depth/image_rect']
        assert info.header == depth.header and info.header.frame_id == 'camera'
        assert (info.width, info.height) == (depth.width, depth.height)
        expected = CAMERA.cropped(*CAMERA.largest_crop(96 / 64)).scaled(96, 64)
        assert camera_from_info(info) == expected
        k, p = np.reshape(info.k, (3, 3)), np.reshape(info.p, (3, 4))
        np.testing.assert_array_equal(p[:, :3], k)
        np.testing.assert_array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
        assert not np.any(info.d) and k[0, 2] == pytest.approx((59.5 + 0.5) * 0.8 - 0.5)


def test_10_depth_and_camera_info_are_what_depth_image_proc_wants(
    model: Path, oracle: Oracle
) -> None:
    """Rule 10: equal stamps and sizes, and its formula on our topics gives our cloud.

    x = (u - cx) z / fx with K of the camera_info (depth_image_proc/depth_conversions.hpp).
    """
    oracle.depth = np.random.default_rng(0).uniform(1, 10, SIZE).astype(np.float32)
    with node(model, cloud_max_step=0.0) as (running, heard):
        drive(running, heard, 1)
        (info,), (depth,) = heard['/depth/camera_info'], heard['/depth/image_rect']
        (colour,) = heard['/depth/image_rect_color']
        assert stamp_of(info) == stamp_of(depth) == stamp_of(colour)
        assert info.header.frame_id == depth.header.frame_id == colour.header.frame_id
        assert {(m.height, m.width) for m in (info, depth, colour)} == {SIZE}
        k = np.reshape(info.k, (3, 3))
        z = np.frombuffer(depth.data, '<f4').reshape(SIZE)
        v, u = np.mgrid[: SIZE[0], : SIZE[1]]
        expected = np.stack([(u - k[0, 2]) * z / k[0, 0], (v - k[1, 2]) * z / k[1, 1], z], -1)
        points = points_xyz(heard['/depth/points'][0]).reshape(*SIZE, 3)
        np.testing.assert_allclose(points, expected, rtol=1e-5, atol=1e-5)
        packed = np.frombuffer(heard['/depth/points'][0].data, np.uint8).reshape(*SIZE, 16)
        np.testing.assert_array_equal(packed[..., [14, 13, 12]], to_rgb(colour))


def test_11_the_cloud_is_organised_as_the_depth(model: Path, oracle: Oracle) -> None:
    """Rule 11: height, width and row_step are not swapped (common_interfaces#236)."""
    with node(model, cloud_stride=2) as (running, heard):
        drive(running, heard, 1)
        (cloud,) = heard['/depth/points']
        assert (cloud.height, cloud.width) == (32, 48)
        assert cloud.row_step == 48 * cloud.point_step
        assert len(cloud.data) == cloud.row_step * cloud.height
