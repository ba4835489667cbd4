# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The encodings of sensor_msgs/image_encodings.hpp, and conversions between them by OpenCV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = {'8U': 'u1', '8S': 'i1', '16U': 'u2', '16S': 'i2', '32S': 'i4', '32F': 'f4', '64F': 'f8'}
_OPENCV_TYPE = re.compile(rf'({"|".join(KINDS)})C([0-9]*)')
CHANNELS = {'mono': 1, 'rgb': 3, 'bgr': 3, 'rgba': 4, 'bgra': 4}
# Name -> how OpenCV's conversion codes call it. Of a mosaic ROS names the first two pixels of the
# first two rows, OpenCV those from the second row and column on.
COLOURS = {'mono': 'GRAY', 'rgb': 'RGB', 'bgr': 'BGR', 'rgba': 'RGBA', 'bgra': 'BGRA'}
MOSAICS = {'rggb': 'BayerBG', 'bggr': 'BayerRG', 'gbrg': 'BayerGR', 'grbg': 'BayerGB'}
PACKED_YUV = {'uyvy': 'UYVY', 'yuv422': 'UYVY', 'yuyv': 'YUY2', 'yuv422_yuy2': 'YUY2'}
# Brightness first, then rows of pairs of colours: rows in all, per row of the picture.
PLANAR_YUV = {'nv12': ('NV12', 1.5), 'nv21': ('NV21', 1.5), 'nv24': ('NV24', 3.0)}


@dataclass(frozen=True)
class Encoding:
    """How pixels lie in memory, and what they mean.

    name      as in sensor_msgs/Image
    dtype     of one channel, in this machine's byte order
    channels  per pixel
    colour    how OpenCV's conversion codes call the colours; '' of plain numbers such as 32FC1
    yuv       how they call the YUV format; '' for others
    rows      of data, per row of the picture
    """

    name: str
    dtype: np.dtype[Any]
    channels: int
    colour: str = ''
    yuv: str = ''
    rows: float = 1.0


def encoding_named(name: str) -> Encoding:
    """The encoding of a name; ValueError for an unknown one."""
    if plain := _OPENCV_TYPE.fullmatch(name):
        return Encoding(name, np.dtype(KINDS[plain[1]]), int(plain[2] or 1))
    byte = np.dtype('u1')
    if name in PACKED_YUV:
        return Encoding(name, byte, 2, 'YUV', PACKED_YUV[name])
    if name in PLANAR_YUV:
        yuv, rows = PLANAR_YUV[name]
        return Encoding(name, byte, 1, 'YUV', yuv, rows)
    for bits, dtype in (('8', byte), ('16', np.dtype('u2'))):
        stem = name.removesuffix(bits)
        if stem == name:
            continue
        if stem in COLOURS:
            return Encoding(name, dtype, CHANNELS[stem], COLOURS[stem])
        if stem.removeprefix('bayer_') in MOSAICS:
            return Encoding(name, dtype, 1, MOSAICS[stem.removeprefix('bayer_')])
    raise ValueError(f'{name!r} is no image encoding that is known here')


def converted(pixels: NDArray[Any], source: Encoding, wanted: Encoding) -> NDArray[Any]:
    """A copy of pixels in another encoding.

    pixels  [rows, width] or [rows, width, channels], as `source` says

    8 and 16 bits are scaled to each other's range; other types keep their numbers, rounded and cut
    off at the ends of an integer type. Raises ValueError for what can not be converted: plain
    numbers to colours, and to YUV or a mosaic.
    """
    if not source.colour and wanted.colour:
        raise ValueError(f'{source.name} does not say what its colours are, {wanted.name} does')
    if (
        source.colour
        and wanted.colour
        and (source.colour, source.yuv)
        != (
            wanted.colour,
            wanted.yuv,
        )
    ):
        if wanted.colour not in COLOURS.values():
            raise ValueError(f'nothing is converted to {wanted.name}')
        pixels = _recoloured(pixels, source, wanted.colour)
    elif source.channels != wanted.channels or source.rows != wanted.rows:
        raise ValueError(
            f'{source.name} has not as many channels as {wanted.name}: {source.channels}, not '
            f'{wanted.channels}'
        )
    return _retyped(pixels, wanted.dtype)


def _recoloured(pixels: NDArray[Any], source: Encoding, colour: str) -> NDArray[Any]:
    import cv2  # late: it takes long, and only images need it

    if source.yuv == 'NV24':
        return _recoloured_nv24(pixels, colour)
    suffix = f'_{source.yuv}' if source.yuv else ''
    code = getattr(cv2, f'COLOR_{source.colour}2{colour}{suffix}')
    try:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), code))
    except cv2.error as error:
        shape = 'x'.join(map(str, pixels.shape))
        raise ValueError(
            f'OpenCV does not convert {source.name} of {shape} {pixels.dtype}: {error.err}'
        ) from error


def _recoloured_nv24(pixels: NDArray[Any], colour: str) -> NDArray[Any]:
    """A pair of colours for each pixel is NV12 of a picture with each pixel four times."""
    height, width = pixels.shape[0] // 3, pixels.shape[1]
    luma = pixels[:height].repeat(2, axis=0).repeat(2, axis=1)
    nv12 = np.concatenate([luma, pixels[height:].reshape(height, 2 * width)])
    large = _recoloured(nv12, encoding_named('nv12'), colour)
    return np.ascontiguousarray(large[::2, ::2])


def _retyped(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    sizes = (pixels.dtype.itemsize, dtype.itemsize)
    if pixels.dtype == dtype:
        return pixels.copy()
    if dtype.kind == 'f':
        return pixels.astype(dtype)
    scale = {(1, 2): 257.0, (2, 1): 1 / 257}.get(sizes, 1.0)
    limits = np.iinfo(dtype)
    with np.errstate(invalid='ignore'):
        numbers = np.rint(pixels.astype(np.float64) * scale)
    numbers[np.isnan(numbers)] = 0
    return numbers.clip(limits.min, limits.max).astype(dtype)
