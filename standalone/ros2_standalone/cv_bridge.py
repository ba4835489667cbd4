# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`cv_bridge`: sensor_msgs/Image and CompressedImage <-> arrays of OpenCV."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_encodings import KINDS, Encoding, converted, encoding_named
from .messages import message_class

Pixels = NDArray[Any]


class CvBridgeError(TypeError):
    """An image or an encoding that can not be converted."""


class CvBridge:
    """Converts images; it has no state."""

    def imgmsg_to_cv2(self, img_msg: Any, desired_encoding: str = 'passthrough') -> Pixels:
        """Pixels of an Image: [height, width] or [height, width, channels].

        'passthrough': as they are, a view of the message's data where the rows are not padded;
        else a copy. nv12 and nv21 have 3/2, nv24 has 3 times as many rows as the picture.
        Raises CvBridgeError for unknown encodings, too little data and what is not converted.
        """
        source = _encoding(img_msg.encoding)
        pixels = _pixels(img_msg, source)
        if desired_encoding == 'passthrough':
            return np.ascontiguousarray(pixels)
        return _converted(pixels, source, _encoding(desired_encoding))

    def cv2_to_imgmsg(
        self, cvim: Pixels, encoding: str = 'passthrough', header: Any = None
    ) -> Any:
        """Image of pixels; nothing is converted, `encoding` says what they are.

        'passthrough': the type of OpenCV, such as 8UC3. Raises TypeError for what is no array,
        CvBridgeError for an encoding that does not fit it.
        """
        if not isinstance(cvim, np.ndarray):
            raise TypeError(f'an image is a NumPy array, not {type(cvim).__name__}')
        own = _encoding(_opencv_type(cvim))
        kind = own if encoding == 'passthrough' else _encoding(encoding)
        if (kind.dtype, kind.channels) != (own.dtype, own.channels):
            raise CvBridgeError(f'an image of type {own.name} is not {kind.name}')
        message = _message('Image', header)
        message.height, message.width = round(cvim.shape[0] / kind.rows), cvim.shape[1]
        message.encoding = kind.name
        message.is_bigendian = int(cvim.dtype.str.startswith('>'))
        message.step = cvim.shape[1] * kind.channels * kind.dtype.itemsize
        message.data.frombytes(np.ascontiguousarray(cvim).reshape(-1).view(np.uint8).data)
        return message

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: Any, desired_encoding: str = 'passthrough'
    ) -> Pixels:
        """Pixels of a CompressedImage; 'passthrough': grey, BGR or BGRA, as OpenCV decodes it.

        Raises CvBridgeError for data that does not decode, and for what is not converted.
        """
        import cv2

        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        try:
            pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pixels = None
        if pixels is None:
            raise CvBridgeError(f'{len(data)} bytes do not decode as a picture')
        image = np.asarray(pixels)
        if desired_encoding == 'passthrough':
            return image
        name = {1: 'mono', 3: 'bgr', 4: 'bgra'}.get(_channels(image))
        source = _encoding(f'{name}{8 * image.dtype.itemsize}' if name else _opencv_type(image))
        return _converted(image, source, _encoding(desired_encoding))

    def cv2_to_compressed_imgmsg(self, cvim: Pixels, dst_format: str = 'jpg') -> Any:
        """CompressedImage of grey, BGR or BGRA pixels, by the ending of a picture file.

        Raises TypeError for what is no array, CvBridgeError for what OpenCV does not encode.
        """
        import cv2

        if not isinstance(cvim, np.ndarray):
            raise TypeError(f'an image is a NumPy array, not {type(cvim).__name__}')
        try:
            good, data = cv2.imencode(f'.{dst_format}', cvim)
        except cv2.error as error:
            raise CvBridgeError(f'OpenCV makes no {dst_format} of it: {error.err}') from error
        if not good:
            raise CvBridgeError(f'OpenCV makes no {dst_format} of it')
        message = _message('CompressedImage', None)
        message.format = dst_format
        message.data.frombytes(data.reshape(-1).data)
        return message


def _message(name: str, header: Any) -> Any:
    message = message_class(f'sensor_msgs/msg/{name}')()
    if header is not None:
        message.header = header
    return message


def _channels(pixels: Pixels) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _opencv_type(pixels: Pixels) -> str:
    kind = pixels.dtype.newbyteorder('=')
    for name, known in KINDS.items():
        if pixels.ndim in (2, 3) and kind == np.dtype(known):
            return f'{name}C{_channels(pixels)}'
    raise CvBridgeError(f'an array of {pixels.dtype} {list(pixels.shape)} is no image')


def _encoding(name: str) -> Encoding:
    try:
        return encoding_named(name)
    except ValueError as error:
        raise CvBridgeError(str(error)) from error


def _converted(pixels: Pixels, source: Encoding, wanted: Encoding) -> Pixels:
    try:
        return converted(pixels, source, wanted)
    except ValueError as error:
        raise CvBridgeError(str(error)) from error


def _pixels(message: Any, kind: Encoding) -> Pixels:
    """The message's data in this machine's byte order, without a copy where that is its own."""
    rows, width, step = int(message.height * kind.rows), int(message.width), int(message.step)
    size = kind.dtype.itemsize
    if step < width * kind.channels * size:
        raise CvBridgeError(f'rows of {step} bytes do not hold {width} pixels of {kind.name}')
    data = np.asarray(memoryview(message.data))
    if kind.yuv == 'NV24' and step != width:  # its colours have rows of two steps
        raise CvBridgeError('nv24 with padded rows is not read')
    if len(data) < rows * step:
        raise CvBridgeError(f'{len(data)} bytes of data, but {rows} rows of {step} bytes')
    shape = (rows, width, kind.channels)[: 2 + (kind.channels > 1)]
    strides = (step, kind.channels * size, size)[: len(shape)]
    order = kind.dtype.newbyteorder('>' if message.is_bigendian else '<')
    return np.ndarray(shape, order, data, strides=strides).astype(kind.dtype, copy=False)
