# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`sensor_msgs_py.point_cloud2`: points of a PointCloud2 as arrays, and clouds made of points."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured, unstructured_to_structured
from numpy.typing import NDArray

from .messages import message_class

Points = NDArray[Any]

# PointField.datatype -> type of NumPy.
TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
NATIVE_IS_BIG = sys.byteorder == 'big'


def dtype_from_fields(fields: Iterable[Any], point_step: int | None = None) -> np.dtype[Any]:
    """Structured type of one point. A field with a count is several: name_0, name_1, ...

    point_step  bytes from point to point; None: as many as the fields take

    Raises ValueError for an unknown type, and for a step that is too short for the fields.
    """
    names, offsets, formats = [], [], []
    for index, field in enumerate(fields):
        if field.datatype not in TYPES:
            raise ValueError(f'field {field.name} is of the unknown type {field.datatype}')
        kind = np.dtype(TYPES[field.datatype])
        name = field.name or f'unnamed_field_{index}'
        for turn in range(field.count):
            names.append(name if field.count == 1 else f'{name}_{turn}')
            offsets.append(field.offset + turn * kind.itemsize)
            formats.append(kind)
    layout: Any = {'names': names, 'offsets': offsets, 'formats': formats}
    if point_step is not None:
        layout['itemsize'] = point_step
    dtype: np.dtype[Any] = np.dtype(layout)
    return dtype


def read_points(
    cloud: Any,
    field_names: Iterable[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
    reshape_organized_cloud: bool = False,
) -> Points:
    """Structured array of the points [N], with the named fields, or all; a view where it can be.

    skip_nans  without points that have a NaN in one of these fields
    uvs        only the points with these indices, row by row from 0
    reshape_organized_cloud  [height, width] where the cloud has rows, and no points are left out

    Raises AssertionError for a field that the cloud has not, ValueError for a cloud whose layout
    or data is damaged.
    """
    points = _records(cloud)
    if field_names is not None:
        wanted = list(field_names)
        missing = [name for name in wanted if name not in (points.dtype.names or ())]
        if missing:
            raise AssertionError(f'the cloud has no field {", ".join(missing)}')
        points = points[wanted]
    if reshape_organized_cloud and cloud.height > 1 and not skip_nans and uvs is None:
        return points
    points = points.reshape(-1)
    if skip_nans:
        bad = np.zeros(points.shape, bool)
        for name in points.dtype.names or ():
            bad |= np.isnan(points[name])
        points = points[~bad]
    return points if uvs is None else points[np.asarray(list(uvs), int)]


def read_points_numpy(
    cloud: Any,
    field_names: Iterable[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
    reshape_organized_cloud: bool = False,
) -> Points:
    """Plain array [N, fields], or [height, width, fields]; see read_points().

    Raises AssertionError where the fields are not all of one type.
    """
    points = read_points(cloud, field_names, skip_nans, uvs, reshape_organized_cloud)
    kinds = [points.dtype[name] for name in points.dtype.names or ()]
    if any(kind != kinds[0] for kind in kinds):
        raise AssertionError('an array of points has fields of one type: name those, please')
    return structured_to_unstructured(points)


def read_points_list(
    cloud: Any,
    field_names: Iterable[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
) -> list[Any]:
    """Each point as a named tuple; see read_points()."""
    points = read_points(cloud, field_names, skip_nans, uvs)
    kind: Any = namedtuple('Point', points.dtype.names or ())  # type: ignore[misc]
    return [kind._make(point) for point in points]


def create_cloud(
    header: Any, fields: Iterable[Any], points: Any, point_step: int | None = None
) -> Any:
    """PointCloud2 of points: one tuple of values each, or an array, which may have rows.

    points      a sequence of N points; a structured array [N] or [height, width] of the fields'
                type; a plain array [N, fields] or [height, width, fields] of the type of them all
    point_step  bytes from point to point; None: those of a structured array, else as many as the
                fields take

    Raises AssertionError where an array is not of the fields' type.
    """
    fields = list(fields)
    structured = isinstance(points, np.ndarray) and points.dtype.names is not None
    if structured and point_step is None:
        point_step = points.dtype.itemsize
    dtype = dtype_from_fields(fields, point_step)
    if not isinstance(points, np.ndarray):
        records = np.array([tuple(point) for point in points], dtype)
    elif structured:
        _require(points.dtype == dtype, f'the fields are {dtype}, the points {points.dtype}')
        records = points
    else:
        kinds = {dtype[name] for name in dtype.names or ()}
        _require(kinds == {points.dtype}, f'points of {points.dtype}, but fields of {kinds}')
        records = unstructured_to_structured(points, dtype)
    height, width = records.shape if records.ndim == 2 else (1, len(records))
    cloud = message_class('sensor_msgs/msg/PointCloud2')(
        header=header,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=NATIVE_IS_BIG,
        point_step=dtype.itemsize,
        row_step=dtype.itemsize * width,
        is_dense=False,
    )
    cloud.data.frombytes(np.ascontiguousarray(records).tobytes())
    return cloud


def create_cloud_xyz32(header: Any, points: Any) -> Any:
    """PointCloud2 of x, y, z, all float32; see create_cloud()."""
    field = message_class('sensor_msgs/msg/PointField')
    fields = [
        field(name=name, offset=4 * index, datatype=field.FLOAT32, count=1)
        for index, name in enumerate('xyz')
    ]
    return create_cloud(header, fields, points)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _records(cloud: Any) -> Points:
    """The points [height, width]; rows may be padded."""
    height, width = int(cloud.height), int(cloud.width)
    dtype = dtype_from_fields(cloud.fields, cloud.point_step)
    if bool(cloud.is_bigendian) != NATIVE_IS_BIG:
        dtype = dtype.newbyteorder()
    row = int(cloud.row_step) if height > 1 else width * dtype.itemsize
    data = np.asarray(memoryview(cloud.data))
    needed = (height - 1) * row + width * dtype.itemsize if height and width else 0
    if len(data) < needed:
        raise ValueError(f'{len(data)} bytes of data, but {height} rows of {row} bytes')
    return np.ndarray((height, width), dtype, data, strides=(row, dtype.itemsize))
