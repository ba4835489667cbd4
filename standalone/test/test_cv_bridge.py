# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
import ros2_standalone
from ros2_standalone.cv_bridge import CvBridge, CvBridgeError
from ros2_standalone.messages import message_class

BRIDGE = CvBridge()
# Pure colours in Y, Cb, Cr of ITU-R BT.601 with 8 bits (16 to 235 and 16 to 240), and their RGB.
RED, GREEN, BLUE = (81, 90, 240), (145, 54, 34), (41, 240, 110)
WHITE, BLACK = (235, 128, 128), (16, 128, 128)
RGB_OF = {
    RED: (255, 0, 0),
    GREEN: (0, 255, 0),
    BLUE: (0, 0, 255),
    WHITE: (255, 255, 255),
    BLACK: (0, 0, 0),
}


def image(encoding: str, width: int, height: int, step: int, data: bytes, **fields: Any) -> Any:
    made = message_class('sensor_msgs/msg/Image')(
        encoding=encoding, width=width, height=height, step=step, **fields
    )
    made.data.frombytes(data)
    return made


def test_the_names_of_ros_are_served() -> None:
    if not ros2_standalone.ensure():
        pytest.skip('ROS 2 is installed')
    import cv_bridge

    assert (cv_bridge.CvBridge, cv_bridge.CvBridgeError) == (CvBridge, CvBridgeError)


@pytest.mark.parametrize(
    ('encoding', 'dtype', 'channels'),
    [
        ('mono8', 'u1', 1),
        ('mono16', 'u2', 1),
        ('rgb8', 'u1', 3),
        ('bgra8', 'u1', 4),
        ('rgba16', 'u2', 4),
        ('bgr16', 'u2', 3),
        ('bayer_rggb8', 'u1', 1),
        ('bayer_grbg16', 'u2', 1),
        ('yuv422', 'u1', 2),
        ('yuyv', 'u1', 2),
        ('8UC1', 'u1', 1),
        ('8UC', 'u1', 1),
        ('8SC2', 'i1', 2),
        ('16UC1', 'u2', 1),
        ('16SC3', 'i2', 3),
        ('32SC4', 'i4', 4),
        ('32FC1', 'f4', 1),
        ('64FC4', 'f8', 4),
        ('8UC10', 'u1', 10),
    ],
)
def test_an_encoding_there_and_back(encoding: str, dtype: str, channels: int) -> None:
    shape = (2, 4, channels)[: 2 + (channels > 1)]
    pixels = np.arange(8 * channels).astype(dtype).reshape(shape)
    message = BRIDGE.cv2_to_imgmsg(pixels, encoding)
    assert (message.width, message.height) == (4, 2)
    assert message.step == 4 * channels * np.dtype(dtype).itemsize
    assert message.encoding == encoding
    assert bytes(message.data) == pixels.tobytes()
    read = BRIDGE.imgmsg_to_cv2(message)
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message, encoding), pixels)


def test_passthrough_is_a_view_and_a_named_encoding_a_copy() -> None:
    message = image('rgb8', 1, 1, 3, bytes([1, 2, 3]))
    view = BRIDGE.imgmsg_to_cv2(message)
    copy = BRIDGE.imgmsg_to_cv2(message, 'rgb8')
    message.data[0] = 9
    assert (view[0, 0, 0], copy[0, 0, 0]) == (9, 1)


def test_padded_rows_and_the_other_byte_order() -> None:
    rows = struct.pack('>2Hxx2Hxx', 1, 2, 300, 65535)
    message = image('16UC1', 2, 2, 6, rows, is_bigendian=1)
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message), [[1, 2], [300, 65535]])
    big = np.array([[1.5, -2.0]], '>f4')
    message = BRIDGE.cv2_to_imgmsg(big)
    assert (message.encoding, message.is_bigendian) == ('32FC1', 1)
    assert bytes(message.data) == struct.pack('>2f', 1.5, -2.0)
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message), [[1.5, -2.0]])


@pytest.mark.parametrize(
    ('source', 'pixel', 'wanted', 'found'),
    [
        ('rgb8', [1, 2, 3], 'bgr8', [3, 2, 1]),
        ('rgb8', [1, 2, 3], 'bgra8', [3, 2, 1, 255]),
        ('bgra8', [1, 2, 3, 4], 'rgb8', [3, 2, 1]),
        ('bgra8', [1, 2, 3, 4], 'rgba8', [3, 2, 1, 4]),
        ('mono8', [7], 'rgb8', [7, 7, 7]),
        ('rgb8', [255, 0, 0], 'mono8', 76),  # 0.299 R + 0.587 G + 0.114 B
        ('bgr8', [255, 0, 0], 'mono8', 29),
        ('mono8', [255], 'mono16', 65535),
        ('mono16', [256], 'mono8', 1),  # 256 * 255 / 65535 = 0.996
        ('rgb16', [65535, 0, 257], 'bgr8', [1, 0, 255]),
        ('rgb8', [1, 2, 3], '8UC3', [1, 2, 3]),
        ('rgb8', [1, 2, 3], '32FC3', [1.0, 2.0, 3.0]),
        ('16UC1', [1234], '32FC1', 1234.0),
        ('32FC1', [2.5], '16UC1', 2),
        ('32FC1', [-7.0], '16UC1', 0),
        ('32FC1', [1e9], '16UC1', 65535),
        ('32FC1', [np.nan], '16UC1', 0),
        ('8UC1', [2], '16UC1', 514),
    ],
)
def test_conversions(source: str, pixel: list[Any], wanted: str, found: Any) -> None:
    kinds = {'16': 'u2', '32': 'f4'}
    dtype = kinds.get(source[:2], 'u2' if source.endswith('16') else 'u1')
    pixels = np.array([[pixel]], dtype)
    message = BRIDGE.cv2_to_imgmsg(pixels[..., 0] if len(pixel) == 1 else pixels, source)
    assert BRIDGE.imgmsg_to_cv2(message, wanted)[0, 0].tolist() == found


def yuv_image(encoding: str, colours: tuple[tuple[int, int, int], ...]) -> Any:
    """4x4: columns 0 and 1 of the one colour, columns 2 and 3 of the other."""
    (y0, u0, v0), (y1, u1, v1) = colours
    luma = [y0, y0, y1, y1] * 4
    if encoding in ('uyvy', 'yuv422'):
        return image(encoding, 4, 4, 8, bytes([u0, y0, v0, y0, u1, y1, v1, y1] * 4))
    if encoding in ('yuyv', 'yuv422_yuy2'):
        return image(encoding, 4, 4, 8, bytes([y0, u0, y0, v0, y1, u1, y1, v1] * 4))
    pairs = {
        'nv12': [u0, v0, u1, v1] * 2,
        'nv21': [v0, u0, v1, u1] * 2,
        'nv24': [u0, v0, u0, v0, u1, v1, u1, v1] * 4,
    }
    return image(encoding, 4, 4, 4, bytes(luma + pairs[encoding]))


@pytest.mark.parametrize('colours', [(RED, BLUE), (GREEN, WHITE), (BLACK, RED)])
@pytest.mark.parametrize(
    'encoding', ['uyvy', 'yuv422', 'yuyv', 'yuv422_yuy2', 'nv12', 'nv21', 'nv24']
)
def test_yuv_is_bt_601(encoding: str, colours: tuple[tuple[int, int, int], ...]) -> None:
    message = yuv_image(encoding, colours)
    row = [RGB_OF[colour] for colour in colours for _ in range(2)]
    wanted = np.tile(np.array(row, int), (4, 1, 1))
    found = BRIDGE.imgmsg_to_cv2(message, 'rgb8')
    assert found.shape == (4, 4, 3)
    assert np.abs(found.astype(int) - wanted).max() <= 2
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message, 'bgr8'), found[..., ::-1])
    luma = np.tile([colour[0] for colour in colours for _ in range(2)], (4, 1))
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message, 'mono8'), luma)


def test_nv24_has_a_colour_for_each_pixel() -> None:
    colours = [RED, GREEN, BLUE, WHITE]
    luma = [colour[0] for colour in colours]
    pairs = [value for colour in colours for value in colour[1:]]
    found = BRIDGE.imgmsg_to_cv2(image('nv24', 4, 1, 4, bytes(luma + pairs)), 'rgb8')
    wanted = np.array([[RGB_OF[colour] for colour in colours]])
    assert np.abs(found.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize(('encoding', 'rows'), [('nv12', 6), ('nv21', 6), ('nv24', 12)])
def test_planes_pass_through_as_rows(encoding: str, rows: int) -> None:
    message = yuv_image(encoding, (RED, BLUE))
    planes = BRIDGE.imgmsg_to_cv2(message)
    assert planes.shape == (rows, 4)
    again = BRIDGE.cv2_to_imgmsg(planes, encoding)
    assert again == message


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_mosaic_has_the_colours_that_its_name_says(pattern: str, bits: int) -> None:
    top = {8: 255, 16: 65535}[bits]
    for index, colour in enumerate('rgb'):
        cell = [
            [top * (colour == pattern[2 * row + column]) for column in (0, 1)] for row in (0, 1)
        ]
        pixels = np.tile(np.array(cell, f'u{bits // 8}'), (4, 4))
        message = BRIDGE.cv2_to_imgmsg(pixels, f'bayer_{pattern}{bits}')
        found = BRIDGE.imgmsg_to_cv2(message, f'rgb{bits}')[4, 4].tolist()
        assert found == [top * (channel == index) for channel in range(3)]
        assert BRIDGE.imgmsg_to_cv2(message, 'bgr8')[4, 4, 2 - index] == 255


@pytest.mark.parametrize(
    ('source', 'wanted', 'line'),
    [
        ('8UC3', 'bgr8', '8UC3 does not say what its colours are'),
        ('16UC1', 'mono16', '16UC1 does not say'),
        ('rgb8', '8UC1', 'not as many channels as 8UC1: 3, not 1'),
        ('rgb8', 'bayer_rggb8', 'nothing is converted to bayer_rggb8'),
        ('rgb8', 'uyvy', 'nothing is converted to uyvy'),
        ('rgb8', 'rgb9', "'rgb9' is no image encoding"),
        ('rgb7', 'rgb8', "'rgb7' is no image encoding"),
        ('uyvy', 'rgb8', 'OpenCV does not convert uyvy of 1x1x2 uint8'),
    ],
)
def test_what_is_not_converted_is_one_line(source: str, wanted: str, line: str) -> None:
    with pytest.raises(CvBridgeError, match=line) as caught:
        BRIDGE.imgmsg_to_cv2(image(source, 1, 1, 6, bytes(6)), wanted)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('message', 'line'),
    [
        (image('rgb8', 2, 2, 5, bytes(12)), 'rows of 5 bytes do not hold 2 pixels'),
        (image('rgb8', 2, 2, 6, bytes(11)), '11 bytes of data, but 2 rows of 6 bytes'),
        (image('nv12', 2, 2, 2, bytes(5)), '5 bytes of data, but 3 rows'),
        (image('nv24', 2, 2, 3, bytes(18)), 'nv24 with padded rows'),
    ],
)
def test_damaged_images_are_refused(message: Any, line: str) -> None:
    with pytest.raises(CvBridgeError, match=line):
        BRIDGE.imgmsg_to_cv2(message)


def test_arrays_that_are_no_such_image_are_refused() -> None:
    with pytest.raises(CvBridgeError, match='type 8UC3 is not mono8'):
        BRIDGE.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), 'mono8')
    with pytest.raises(CvBridgeError, match=r'uint64 \[2, 2\] is no image'):
        BRIDGE.cv2_to_imgmsg(np.zeros((2, 2), np.uint64))
    with pytest.raises(TypeError, match='not list'):
        BRIDGE.cv2_to_imgmsg([[1]])


def test_a_header_comes_along() -> None:
    header = message_class('std_msgs/msg/Header')(frame_id='camera')
    assert BRIDGE.cv2_to_imgmsg(np.zeros((1, 1), np.uint8), header=header).header == header


@pytest.mark.parametrize('ending', ['png', 'jpg', 'bmp', 'tiff'])
def test_pictures(ending: str) -> None:
    pixels = np.full((8, 8, 3), (0, 0, 255), np.uint8)  # red, in BGR
    message = BRIDGE.cv2_to_compressed_imgmsg(pixels, ending)
    assert message.format == ending
    np.testing.assert_allclose(BRIDGE.compressed_imgmsg_to_cv2(message), pixels, atol=1)
    red = np.full((8, 8, 3), (255, 0, 0))
    np.testing.assert_allclose(BRIDGE.compressed_imgmsg_to_cv2(message, 'rgb8'), red, atol=1)
    grey = BRIDGE.compressed_imgmsg_to_cv2(message, 'mono8')
    np.testing.assert_allclose(grey, np.full((8, 8), 76), atol=1)


def test_grey_and_deep_pictures() -> None:
    grey = BRIDGE.cv2_to_compressed_imgmsg(np.full((2, 2), 7, np.uint8), 'png')
    assert BRIDGE.compressed_imgmsg_to_cv2(grey).shape == (2, 2)
    assert BRIDGE.compressed_imgmsg_to_cv2(grey, 'bgr8').tolist() == [[[7] * 3] * 2] * 2
    deep = BRIDGE.cv2_to_compressed_imgmsg(np.full((2, 2), 65535, np.uint16), 'png')
    assert BRIDGE.compressed_imgmsg_to_cv2(deep).dtype == np.uint16
    assert BRIDGE.compressed_imgmsg_to_cv2(deep, 'mono8').max() == 255


def test_what_is_no_picture_is_one_line() -> None:
    broken = message_class('sensor_msgs/msg/CompressedImage')(format='jpeg', data=b'no picture')
    with pytest.raises(CvBridgeError, match='10 bytes do not decode'):
        BRIDGE.compressed_imgmsg_to_cv2(broken)
    with pytest.raises(CvBridgeError, match='0 bytes do not decode'):
        BRIDGE.compressed_imgmsg_to_cv2(message_class('sensor_msgs/msg/CompressedImage')())
    with pytest.raises(CvBridgeError, match='OpenCV makes no xyz'):
        BRIDGE.cv2_to_compressed_imgmsg(np.zeros((2, 2), np.uint8), 'xyz')
