# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
import ros2_standalone
from ros2_standalone.messages import message_class
from ros2_standalone.point_cloud2 import (
    create_cloud,
    create_cloud_xyz32,
    dtype_from_fields,
    read_points,
    read_points_list,
    read_points_numpy,
)

NAN = float('nan')
HEADER = message_class('std_msgs/msg/Header')(frame_id='lidar')
Field = message_class('sensor_msgs/msg/PointField')
XYZ = [Field(name=name, offset=4 * i, datatype=7, count=1) for i, name in enumerate('xyz')]


def cloud(data: bytes, width: int, fields: Any, step: int, height: int = 1, **more: Any) -> Any:
    made = message_class('sensor_msgs/msg/PointCloud2')(
        header=HEADER, width=width, height=height, fields=fields, point_step=step, **more
    )
    made.row_step = made.row_step or width * step
    made.data.frombytes(data)
    return made


def test_the_names_of_ros_are_served() -> None:
    if not ros2_standalone.ensure():
        pytest.skip('ROS 2 is installed')
    from sensor_msgs_py import point_cloud2

    assert point_cloud2.create_cloud is create_cloud


def test_x_y_z_are_packed_as_struct_packs_them() -> None:
    made = create_cloud_xyz32(HEADER, [(1.0, 2.0, 3.0), (4.5, -5.0, NAN)])
    assert bytes(made.data) == struct.pack('6f', 1, 2, 3, 4.5, -5, NAN)
    assert (made.width, made.height, made.point_step, made.row_step) == (2, 1, 12, 24)
    assert (made.is_bigendian, made.is_dense) == (False, False)
    assert made.header.frame_id == 'lidar'
    assert [(f.name, f.offset, f.datatype, f.count) for f in made.fields] == [
        ('x', 0, Field.FLOAT32, 1),
        ('y', 4, Field.FLOAT32, 1),
        ('z', 8, Field.FLOAT32, 1),
    ]
    assert read_points_list(made)[0] == (1.0, 2.0, 3.0)
    assert read_points_list(made, ['z', 'x'])[0]._asdict() == {'z': 3.0, 'x': 1.0}


def test_a_lidar_with_gaps_and_types_of_its_own() -> None:
    fields = [*XYZ, Field(name='intensity', offset=16, datatype=7, count=1)]
    fields += [Field(name='ring', offset=20, datatype=4, count=1)]
    fields += [Field(name='time', offset=24, datatype=8, count=1)]
    layout = '<3f4xfH2xd'
    points = [(1.0, 2.0, 3.0, 0.5, 7, 1.25), (4.0, 5.0, 6.0, 0.25, 8, 1.5)]
    message = cloud(b''.join(struct.pack(layout, *p) for p in points), 2, fields, 32)
    assert read_points_list(message) == points
    assert read_points(message, ['ring'])['ring'].tolist() == [7, 8]
    xyz = read_points_numpy(message, ['x', 'y', 'z'])
    assert (xyz.dtype, xyz.tolist()) == (np.float32, [[1, 2, 3], [4, 5, 6]])
    with pytest.raises(AssertionError, match='fields of one type'):
        read_points_numpy(message)


def test_big_endian_and_padded_rows() -> None:
    rows = struct.pack('>3f3f4x3f3f4x', *range(12))
    message = cloud(rows, 2, XYZ, 12, height=2, row_step=28, is_bigendian=True)
    found = read_points_numpy(message)
    assert found.tolist() == np.arange(12.0).reshape(4, 3).tolist()
    organised = read_points_numpy(message, reshape_organized_cloud=True)
    assert organised.tolist() == np.arange(12.0).reshape(2, 2, 3).tolist()


def test_a_field_with_a_count_is_several() -> None:
    field = Field(name='normal', offset=2, datatype=Field.INT16, count=3)
    dtype = dtype_from_fields([field, Field(name='', offset=0, datatype=2, count=1)], 10)
    assert dtype.names == ('normal_0', 'normal_1', 'normal_2', 'unnamed_field_1')
    assert dtype.itemsize == 10
    message = cloud(struct.pack('<xx3hxx', 1, -2, 3), 1, [field], 10)
    assert read_points_list(message) == [(1, -2, 3)]


def test_points_that_are_left_out() -> None:
    made = create_cloud_xyz32(HEADER, [(0, 0, 0), (1, NAN, 1), (2, 2, 2), (3, 3, NAN)])
    assert read_points_numpy(made, skip_nans=True).tolist() == [[0, 0, 0], [2, 2, 2]]
    assert read_points_numpy(made, ['x', 'z'], skip_nans=True).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert read_points_numpy(made, ['x'], uvs=[3, 0]).tolist() == [[3], [0]]


def test_an_organised_cloud_has_its_rows() -> None:
    points = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    made = create_cloud_xyz32(HEADER, points)
    assert (made.height, made.width, made.row_step) == (2, 3, 36)
    assert bytes(made.data) == struct.pack('18f', *range(18))
    found = read_points_numpy(made, reshape_organized_cloud=True)
    np.testing.assert_array_equal(found, points)


def test_a_structured_array_brings_its_step() -> None:
    kind = np.dtype(
        {'names': ['x', 'y', 'z'], 'formats': ['f4'] * 3, 'offsets': [0, 4, 8], 'itemsize': 16}
    )
    points = np.zeros(2, kind)
    points['y'] = (1, 2)
    made = create_cloud(HEADER, XYZ, points)
    assert made.point_step == 16
    assert read_points_numpy(made).tolist() == [[0, 1, 0], [0, 2, 0]]
    assert create_cloud(HEADER, XYZ, [(1.0, 2.0, 3.0)], point_step=20).point_step == 20


def test_reading_makes_no_copy() -> None:
    made = create_cloud_xyz32(HEADER, [(1.0, 2.0, 3.0)])
    points = read_points(made)
    points['x'] = 9.0
    assert bytes(made.data[:4]) == struct.pack('f', 9.0)


def test_no_points() -> None:
    made = create_cloud_xyz32(HEADER, [])
    assert (made.width, made.height, len(made.data)) == (0, 1, 0)
    assert read_points_list(made) == []
    assert read_points_numpy(made, skip_nans=True).shape == (0, 3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(AssertionError, match='no field ring'):
        read_points(create_cloud_xyz32(HEADER, [(1, 2, 3)]), ['x', 'ring'])
    with pytest.raises(AssertionError, match='points of float64'):
        create_cloud_xyz32(HEADER, np.zeros((2, 3)))
    with pytest.raises(AssertionError, match='the fields are'):
        create_cloud(HEADER, XYZ, np.zeros(2, [('x', 'f4'), ('y', 'f4'), ('w', 'f4')]))
    with pytest.raises(ValueError, match='24 bytes of data, but 1 rows of 36 bytes'):
        read_points(cloud(bytes(24), 3, XYZ, 12))
    with pytest.raises(ValueError, match='field x is of the unknown type 9'):
        dtype_from_fields([Field(name='x', datatype=9, count=1)])
    with pytest.raises(ValueError, match='12 bytes'):
        dtype_from_fields(XYZ, 8)
