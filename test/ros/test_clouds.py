# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rosbags.highlevel import AnyReader

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.ros.clouds import CloudError, PointCloudBuilder, flying, points_xyz
from mdepth_ros.ros.conversions import make_header

# isort: split
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField

RNG = np.random.default_rng(5)
CAMERA = Camera(10, 6, 8.0, 9.0, 4.25, 2.5)
HEADER = make_header(12, 'camera_optical_frame')
# A slope without edges.
DEPTH = np.geomspace(10.0, 40.0, 60).reshape(10, 6).T.astype(np.float32)
RGB = RNG.integers(0, 256, (6, 10, 3), dtype=np.uint8)


def test_the_cloud_is_organised_and_projects_to_its_pixels() -> None:
    cloud = PointCloudBuilder().build(DEPTH, RGB, CAMERA, HEADER)
    assert (cloud.header, cloud.height, cloud.width) == (HEADER, 6, 10)
    assert (cloud.point_step, cloud.row_step, len(cloud.data)) == (16, 160, 960)
    assert cloud.is_dense is True and cloud.is_bigendian is False
    assert [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields] == [
        (name, 4 * i, PointField.FLOAT32, 1) for i, name in enumerate(('x', 'y', 'z', 'rgb'))
    ]
    x, y, z = points_xyz(cloud).reshape(6, 10, 3).transpose(2, 0, 1)
    v, u = np.mgrid[:6, :10]
    np.testing.assert_array_equal(z, DEPTH)
    np.testing.assert_allclose(x / z * CAMERA.fx + CAMERA.cx, u, atol=1e-4)
    np.testing.assert_allclose(y / z * CAMERA.fy + CAMERA.cy, v, atol=1e-4)
    packed = np.frombuffer(cloud.data, '<u4').reshape(6, 10, 4)[..., 3]
    np.testing.assert_array_equal(packed, RGB.astype(np.uint32) @ [1 << 16, 1 << 8, 1])
    assert deserialize_message(serialize_message(cloud), PointCloud2) == cloud


def test_unknown_and_out_of_range_points_are_nan() -> None:
    depth = DEPTH.copy()
    depth[0, :5] = [np.nan, np.inf, -np.inf, 0.0, -1.0]
    depth[1, :2] = [1.9, 50.1]
    builder = PointCloudBuilder(min_range=2.0, max_range=50.0, max_step=0)
    cloud = builder.build(depth, RGB, CAMERA, HEADER)
    points = points_xyz(cloud).reshape(6, 10, 3)
    unknown = np.zeros((6, 10), bool)
    unknown[0, :5] = unknown[1, :2] = True
    np.testing.assert_array_equal(np.isnan(points), np.repeat(unknown[..., None], 3, 2))
    assert cloud.is_dense is False


@pytest.mark.parametrize('stride', [2, 3, 7])
def test_stride_keeps_every_nth_pixel(stride: int) -> None:
    whole = PointCloudBuilder().build(DEPTH, RGB, CAMERA, HEADER)
    thin = PointCloudBuilder(stride).build(DEPTH, RGB, CAMERA, HEADER)
    kept = np.frombuffer(whole.data, '<u4').reshape(6, 10, 4)[::stride, ::stride]
    assert (thin.height, thin.width) == kept.shape[:2]
    assert thin.row_step == thin.width * thin.point_step
    np.testing.assert_array_equal(np.frombuffer(thin.data, '<u4').reshape(kept.shape), kept)


def test_one_builder_serves_changing_frames_and_cameras() -> None:
    builder = PointCloudBuilder()
    first = builder.build(DEPTH, RGB, CAMERA, HEADER)
    before = first.data[:]
    second = builder.build(DEPTH * 2, RGB, CAMERA, HEADER)
    assert first.data == before and second.data != before
    other = Camera(5, 6, 8.0, 9.0, 2.0, 2.5)
    third = builder.build(DEPTH[:, :5], RGB[:, :5], other, HEADER)
    fresh = PointCloudBuilder().build(DEPTH[:, :5], RGB[:, :5], other, HEADER)
    assert third == fresh
    with pytest.raises(ValueError, match='do not fit'):
        builder.build(DEPTH[:, :4], RGB[:, :5], other, HEADER)


@pytest.mark.parametrize(
    'wrong', [{'stride': 0}, {'min_range': 5.0, 'max_range': 5.0}, {'max_step': -0.1}]
)
def test_senseless_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MdepthError, match=r'has no points|largest step'):
        PointCloudBuilder(**wrong)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('kind', ['f4', 'f8', 'i2'])
def test_any_layout_is_read(kind: str, big: bool) -> None:
    order = '>' if big else '<'
    layout = np.dtype(
        {
            'names': ['intensity', 'z', 'x', 'y'],
            'formats': ['u1', order + kind, order + kind, order + kind],
            'offsets': [0, 3, 13, 22],
            'itemsize': 33,
        }
    )
    xyz = RNG.integers(-100, 100, (2, 4, 3))
    points = np.zeros((2, 4), layout)
    for axis, name in enumerate('xyz'):
        points[name] = xyz[..., axis]
    rows = [row.tobytes() + b'pad' for row in points]
    datatype = {'f4': PointField.FLOAT32, 'f8': PointField.FLOAT64, 'i2': PointField.INT16}[kind]
    cloud = PointCloud2(
        height=2,
        width=4,
        point_step=33,
        row_step=33 * 4 + 3,
        is_bigendian=big,
        data=b''.join(rows),
        fields=[
            PointField(name=name, offset=offset, datatype=datatype, count=1)
            for name, offset in (('z', 3), ('x', 13), ('y', 22))
        ],
    )
    found = points_xyz(cloud)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, xyz.reshape(-1, 3))
    cloud.data = cloud.data[:-4]  # into the last point, beyond its padding
    with pytest.raises(CloudError, match='its header says'):
        points_xyz(cloud)


def test_empty_and_senseless_clouds() -> None:
    cloud = PointCloudBuilder().build(DEPTH, RGB, CAMERA, HEADER)
    fields = cloud.fields
    assert points_xyz(PointCloud2(fields=fields, point_step=16)).shape == (0, 3)
    with pytest.raises(CloudError, match='without x, y, z: its fields are x, y'):
        points_xyz(PointCloud2(fields=fields[:2]))
    fields[2].offset = 13
    with pytest.raises(CloudError, match='x, y, z of a cloud lie outside'):
        points_xyz(cloud)


def test_a_real_lidar_cloud(data_dir: Path) -> None:
    with AnyReader([data_dir / 'bags/kitti_city']) as reader:
        topic = [c for c in reader.connections if c.topic == '/velodyne_points']
        _, _, raw = next(reader.messages(topic))
    points = points_xyz(deserialize_message(raw, PointCloud2))
    assert len(points) > 1000 and np.isfinite(points).all()
    assert 0 < np.median(points[:, 0]) < 80 and np.median(points[:, 2]) < 0


def test_without_colours_there_are_no_colours() -> None:
    cloud = PointCloudBuilder().build(DEPTH, None, CAMERA, HEADER)
    assert [field.name for field in cloud.fields] == ['x', 'y', 'z']
    assert (cloud.point_step, cloud.row_step, len(cloud.data)) == (12, 120, 720)
    coloured = PointCloudBuilder().build(DEPTH, RGB, CAMERA, HEADER)
    np.testing.assert_array_equal(points_xyz(cloud), points_xyz(coloured))


@pytest.mark.parametrize('stride', [1, 2])
def test_depth_of_a_distorted_image_has_the_rays_of_its_pixels(stride: int) -> None:
    bent = Camera(10, 6, 8.0, 9.0, 4.25, 2.5, 'plumb_bob', (-0.2, 0.05, 0.001, 0.002))
    cloud = PointCloudBuilder(stride).build(DEPTH, None, bent, HEADER)
    points = points_xyz(cloud).reshape(cloud.height, cloud.width, 3)
    pixels = bent.project(torch.from_numpy(points).double()).numpy()
    v, u = np.mgrid[:6:stride, :10:stride]
    np.testing.assert_allclose(pixels[..., 0], u, atol=1e-3)
    np.testing.assert_allclose(pixels[..., 1], v, atol=1e-3)
    np.testing.assert_array_equal(points[..., 2], DEPTH[::stride, ::stride])


def test_what_hangs_at_an_edge_is_no_point() -> None:
    """A post 8 m away before a wall at 20 m; the network draws its edges 2 pixels wide."""
    depth = np.full((6, 12), 20.0, np.float32)
    depth[:, 4:8] = 8.0
    depth[:, [3, 8]] = 14.0
    camera = Camera(12, 6, 8.0, 9.0, 5.5, 2.5)
    kept = np.isfinite(points_xyz(PointCloudBuilder().build(depth, None, camera, HEADER))[:, 2])
    np.testing.assert_array_equal(
        kept.reshape(6, 12), [[True] * 2 + [False] * 3 + [True] * 2 + [False] * 3 + [True] * 2] * 6
    )
    every = PointCloudBuilder(max_step=0).build(depth, None, camera, HEADER)
    assert every.is_dense and np.isfinite(points_xyz(every)).all()
    # Every second pixel: the neighbours are still those of the depth.
    thin = points_xyz(PointCloudBuilder(2).build(depth, None, camera, HEADER))[:, 2]
    np.testing.assert_array_equal(
        np.isfinite(thin).reshape(3, 6), [[True, False, False, True, False, True]] * 3
    )


def test_the_edge_is_where_the_share_is_exceeded() -> None:
    depth = np.array([[10.0, 10.0, 13.9, 13.9, 19.6, 19.6]], np.float32)
    np.testing.assert_array_equal(flying(depth, 0.4), [[False, False, False, True, True, False]])
    np.testing.assert_array_equal(flying(depth, 0.38), [[False, True, True, True, True, False]])


def test_what_is_unknown_makes_no_edge() -> None:
    depth = np.full((5, 5), 10.0, np.float32)
    depth[2, :4] = [np.nan, np.inf, 0.0, -1.0]
    assert not flying(depth, 0.4).any()
    depth[2, 4] = 20.0
    assert flying(depth, 0.4)[1:4, 3:].all() and not flying(depth, 0.4)[:, :3].any()


def test_a_road_has_no_edge_until_far_away() -> None:
    """Its depth grows by 1 / (rows below the horizon) from row to row."""
    rows = np.arange(1, 49)
    depth = np.repeat((185 * 1.65 / rows).astype(np.float32)[:, None], 20, 1)
    edge = flying(depth, 0.4).any(1)
    assert edge[:4].all() and not edge[6:].any()
