# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image and CompressedImage <-> NumPy.

What cameras mostly send is decoded by NumPy and OpenCV, rgb8 without a copy; cv_bridge decodes the
other encodings (bridge.py). Reading asks only for the message's fields, so it takes rclpy's
messages, those of a bag and those of ROS 1 alike. Writing fills `data` in the way that is quick on
every distribution: `frombytes`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from mdepth_ros.core.types import EIGHT, Levels
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import MAX_RANGE
from mdepth_ros.ros import bridge
from mdepth_ros.sources.bit_depth import BitDepth, to_eight
from mdepth_ros.sources.picture import PictureError, decode, turned_line, upright
from mdepth_ros.sources.picture_header import read_header, size_problem

Rgb = NDArray[np.uint8]
Convert = Callable[[NDArray[Any]], NDArray[Any]]

NEAR, FAR = 3.0, MAX_RANGE  # metres: ends of the colour map


class ImageError(MdepthError):
    """An image message that cannot be read."""


def _cv(code: int) -> Convert:
    return lambda pixels: np.asarray(cv2.cvtColor(pixels, code))


def _keep(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[..., :3]


_GREY, _BGR, _BGRA = _cv(cv2.COLOR_GRAY2RGB), _cv(cv2.COLOR_BGR2RGB), _cv(cv2.COLOR_BGRA2RGB)
_UYVY, _YUYV = _cv(cv2.COLOR_YUV2RGB_UYVY), _cv(cv2.COLOR_YUV2RGB_YUY2)
_NV12, _NV21 = _cv(cv2.COLOR_YUV2RGB_NV12), _cv(cv2.COLOR_YUV2RGB_NV21)
# Encoding (sensor_msgs/image_encodings.hpp) -> type of one channel, channels, conversion to RGB.
_FORMATS: dict[str, tuple[str, int, Convert]] = {
    'rgb8': ('u1', 3, _keep),
    'bgr8': ('u1', 3, _BGR),
    'rgba8': ('u1', 4, _keep),
    'bgra8': ('u1', 4, _BGRA),
    'mono8': ('u1', 1, _GREY),
    '8UC1': ('u1', 1, _GREY),
    '8UC3': ('u1', 3, _BGR),
    '8UC4': ('u1', 4, _BGRA),
    'rgb16': ('u2', 3, _keep),
    'bgr16': ('u2', 3, _BGR),
    'rgba16': ('u2', 4, _keep),
    'bgra16': ('u2', 4, _BGRA),
    'mono16': ('u2', 1, _GREY),
    '16UC1': ('u2', 1, _GREY),
    'yuv422': ('u1', 2, _UYVY),
    'uyvy': ('u1', 2, _UYVY),
    'yuv422_yuy2': ('u1', 2, _YUYV),
    'yuyv': ('u1', 2, _YUYV),
    'nv12': ('u1', 1, _NV12),
    'nv21': ('u1', 1, _NV21),
}
# ROS names a Bayer pattern by the first two rows, OpenCV by the next two, from the second column.
for _name, _code in (
    ('rggb', cv2.COLOR_BayerBG2RGB),
    ('bggr', cv2.COLOR_BayerRG2RGB),
    ('gbrg', cv2.COLOR_BayerGR2RGB),
    ('grbg', cv2.COLOR_BayerGB2RGB),
):
    _FORMATS[f'bayer_{_name}8'] = ('u1', 1, _cv(_code))
    _FORMATS[f'bayer_{_name}16'] = ('u2', 1, _cv(_code))
# One colour for two columns; and for two rows, which follow the brightness of all rows.
_PAIRED = {'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'nv12', 'nv21'}
_PLANAR = {'nv12', 'nv21'}
# As image_transport begins the format of a compressed mosaic.
_BAYER = re.compile(r'\s*bayer_(rggb|bggr|gbrg|grbg)', re.IGNORECASE)
# What `image_message` writes: type of one channel and channels.
_WRITTEN = {
    'rgb8': ('u1', 3),
    'bgr8': ('u1', 3),
    'mono8': ('u1', 1),
    '16UC1': ('u2', 1),
    '32FC1': ('f4', 1),
}


class ImageReader:
    """Reads the images of one stream: 16-bit intensities of all of them with one gain.

    tell  gets a line about what was made of them: bits in use, pictures turned upright; it may get
          the same line again, and from any thread
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._depth = BitDepth(tell)

    def later(self, message: Any) -> tuple[Levels, Callable[[], Rgb]]:
        """Levels of the intensities, and what decodes the message, in any thread (see `to_rgb`).

        What depends on the order of the images is settled now.
        """
        if not _is_deep(message):
            return EIGHT, partial(self._finished, message)
        try:
            pixels, finish = self._opened(message)
        except ImageError as error:
            return EIGHT, partial(_fail, error)
        if pixels.dtype.itemsize == 1:
            return EIGHT, lambda: finish(pixels)
        levels = self._depth.take(pixels)
        return levels, lambda: finish(to_eight(pixels, levels))

    def read(self, message: Any) -> tuple[Levels, Rgb]:
        """The same at once. Raises ImageError as `to_rgb`."""
        levels, image = self.later(message)
        return levels, image()

    def _finished(self, message: Any) -> Rgb:
        pixels, finish = self._opened(message)
        return finish(pixels)

    def _opened(self, message: Any) -> tuple[NDArray[Any], Convert]:
        """Pixels as the message has them, and what makes RGB of them once they have 8 bits."""
        if not hasattr(message, 'encoding'):
            return self._decompressed(message)
        name, width, height = message.encoding, int(message.width), int(message.height)
        if problem := size_problem(width, height):
            raise ImageError(problem)
        if name not in _FORMATS:
            return _bridged(message)
        if (name in _PAIRED and width % 2) or (name in _PLANAR and height % 2):
            raise ImageError(f'a {name} image has pairs of pixels, not {width}x{height}')
        kind, channels, convert = _FORMATS[name]
        rows = height * 3 // 2 if name in _PLANAR else height
        return _pixels(message, kind, channels, rows), convert

    def _decompressed(self, message: Any) -> tuple[NDArray[Any], Convert]:
        form = message.format
        if 'compressedDepth' in form:
            raise ImageError(
                f'{form!r} holds depth, not a picture: choose an image topic with colours'
            )
        data = bytes(message.data)
        try:
            pixels, orientation = decode(data, turn=False)
        except PictureError as error:
            raise ImageError(
                f'a compressed image of {len(data)} bytes does not decode as {form!r}: {error}'
            ) from None
        # The colours are those of PNG and JPEG, whatever the format says of rgb and bgr: it tells
        # what the image was before. Only a mosaic is stored as it was.
        convert = _BGR if pixels.ndim == 3 else _GREY
        mosaic = _BAYER.match(form)
        if mosaic and pixels.ndim == 2:
            convert = _FORMATS[f'bayer_{mosaic[1].lower()}8'][2]
        if orientation == 1:
            return pixels, convert
        self._tell(turned_line(orientation))
        return pixels, lambda eight: upright(convert(eight), orientation)


def to_rgb(message: Any) -> Rgb:
    """RGB uint8 [H, W, 3] of an Image or CompressedImage, read as the only one of its stream.

    A view of the message's data where the encoding allows it (rgb8, rgba8): then it is read-only
    where the data is, and rows may be padded.

    Raises ImageError for an unknown encoding, too little data, pictures that do not decode, and
    more pixels than LARGEST_IMAGE.
    """
    return ImageReader(lambda line: None).read(message)[1]


def _bridged(message: Any) -> tuple[NDArray[Any], Convert]:
    try:
        pixels = bridge.decoded(message)
    except bridge.BridgeError as error:
        raise ImageError(str(error)) from error
    return pixels, _keep if pixels.ndim == 3 else _GREY


def _is_deep(message: Any) -> bool:
    """Whether the message may have intensities of 16 bits."""
    if hasattr(message, 'encoding'):
        return message.encoding not in _FORMATS or _FORMATS[message.encoding][0] == 'u2'
    if bytes(message.data[:2]) == b'\xff\xd8':  # most are JPEG, which OpenCV reads with 8 bits
        return False
    header = read_header(io.BytesIO(bytes(message.data)))
    return header is not None and header.deep


def _fail(error: ImageError) -> Rgb:
    raise error


def to_depth(message: Any) -> NDArray[np.float32]:
    """Depth float32 [H, W] in metres of a 32FC1 (metres) or 16UC1 (millimetres) Image (REP-118).

    NaN is unknown: NaN, and what is not above zero. +Inf (beyond range, REP-117) stays.

    Raises ImageError for other encodings and too little data.
    """
    encoding = getattr(message, 'encoding', getattr(message, 'format', ''))
    if encoding not in {'32FC1', '16UC1'}:
        raise ImageError(f'depth images are 32FC1 or 16UC1, not {encoding!r}')
    if encoding == '32FC1':
        metres = _pixels(message, 'f4', 1).astype(np.float32)
    else:
        metres = _pixels(message, 'u2', 1).astype(np.float32) * np.float32(0.001)
    with np.errstate(invalid='ignore'):
        metres[~(metres > 0)] = np.nan
    return metres


def _pixels(message: Any, kind: str, channels: int, rows: int = 0) -> NDArray[Any]:
    """The message's data as [H, W] or [H, W, channels], without a copy.

    rows  H, where that is not the height of the picture
    """
    dtype = np.dtype(('>' if message.is_bigendian else '<') + kind)
    height, width, step = rows or int(message.height), int(message.width), int(message.step)
    row = width * channels * dtype.itemsize
    if problem := size_problem(width, height):
        raise ImageError(problem)
    if step < row:
        raise ImageError(
            f'image rows of {step} bytes cannot hold {width} pixels of {message.encoding}'
        )
    data = np.asarray(memoryview(message.data))
    if len(data) < step * height:
        raise ImageError(f'image data has {len(data)} bytes, its header says {step * height}')
    shape = (height, width, channels)[: 2 + (channels > 1)]
    strides = (step, channels * dtype.itemsize, dtype.itemsize)[: len(shape)]
    return np.ndarray(shape, dtype, data, strides=strides)


def image_message(image: NDArray[Any], header: Any, encoding: str) -> Any:
    """sensor_msgs/Image of [H, W] or [H, W, 3] in rgb8, bgr8, mono8, 16UC1 or 32FC1."""
    kind, channels = _WRITTEN[encoding]
    image = np.ascontiguousarray(image, dtype='<' + kind)
    if image.shape[2:] != (channels,)[: channels > 1]:
        raise ValueError(f'{encoding} does not describe an array of shape {image.shape}')
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding)
    message.step = width * channels * image.itemsize
    message.data.frombytes(image.reshape(-1).view(np.uint8).data)
    return message


def jpeg_message(rgb: Rgb, header: Any, quality: int = 95) -> Any:
    """sensor_msgs/CompressedImage of RGB [H, W, 3], with the format string of image_transport."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    message = CompressedImage(header=header, format='rgb8; jpeg compressed bgr8')
    message.data.frombytes(data.reshape(-1).data)
    return message


def depth_message(depth: NDArray[np.float32], header: Any, encoding: str = '32FC1') -> Any:
    """Image of a depth [H, W] in metres (REP-118): 32FC1, or 16UC1 in whole millimetres.

    16UC1 has no NaN and no Inf: both, and what is above 65.535 m, become 0 (unknown).
    """
    if encoding == '16UC1':
        with np.errstate(invalid='ignore'):
            millimetres = np.rint(np.asarray(depth, np.float64) * 1000)
            known = (millimetres > 0) & (millimetres <= 65535)
        depth = np.where(known, millimetres, 0)
    return image_message(depth, header, encoding)


def colorize(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """BGR uint8 [H, W, 3] of a depth [H, W]: one colour is one distance, in every image.

    It runs with inverse depth from red, 3 m and nearer, to blue, 80 m and beyond; NaN is black.
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        share = (1 / np.asarray(depth, np.float32) - 1 / FAR) / (1 / NEAR - 1 / FAR)
    known = ~np.isnan(share)
    index = (np.clip(np.where(known, share, 0), 0, 1) * 255).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(index, cv2.COLORMAP_TURBO))
    colours[~known] = 0
    return colours
