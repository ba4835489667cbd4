# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from image_messages import ALPHA, GREY, HEADER, RGB, WIDE, compressed, grey3, message
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from mdepth_ros.ros import images
from mdepth_ros.ros.images import (
    ImageError,
    colorize,
    depth_message,
    image_message,
    to_depth,
    to_rgb,
)

# isort: split
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

TWELVE = RGB.astype(np.uint16) * 16 + 9
CASES = {
    'rgb8': (RGB, RGB),
    'bgr8': (RGB[..., ::-1], RGB),
    'rgba8': (np.concatenate([RGB, ALPHA], 2), RGB),
    'bgra8': (np.concatenate([RGB[..., ::-1], ALPHA], 2), RGB),
    'mono8': (GREY, grey3(GREY)),
    '8UC1': (GREY, grey3(GREY)),
    '8UC3': (RGB[..., ::-1], RGB),
    'mono16': (WIDE[..., 1], grey3(GREY)),
    '16UC1': (WIDE[..., 1], grey3(GREY)),
    'rgb16': (WIDE, RGB),
    'bgr16': (WIDE[..., ::-1], RGB),
}


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', CASES)
def test_encodings_are_read_as_rgb(encoding: str, padding: int, big: bool) -> None:
    pixels, expected = CASES[encoding]
    rgb = to_rgb(message(pixels, encoding, padding, big))
    assert rgb.dtype == np.uint8 and all(stride > 0 for stride in rgb.strides)
    np.testing.assert_array_equal(rgb, expected)


@pytest.mark.parametrize('encoding', ['rgb8', 'rgba8'])
def test_rgb_is_a_view(encoding: str) -> None:
    source = message(CASES[encoding][0], encoding)
    assert np.shares_memory(to_rgb(source), np.asarray(memoryview(source.data)))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns(pattern: str, bits: int) -> None:
    colour = np.array([200, 100, 20])
    mosaic = np.empty((8, 10), np.uint8 if bits == 8 else np.uint16)
    for place, letter in enumerate(pattern):
        mosaic[place // 2 :: 2, place % 2 :: 2] = colour['rgb'.index(letter)] << (bits - 8)
    rgb = to_rgb(message(mosaic, f'bayer_{pattern}{bits}', padding=3))
    np.testing.assert_array_equal(rgb, np.broadcast_to(colour, (8, 10, 3)))


@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('yuv422', 'uyvy'), ('uyvy', 'uyvy'), ('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv')],
)
def test_yuv422(encoding: str, order: str) -> None:
    y, u, v = 120, 90, 180  # BT.601, studio swing
    luma = 1.164 * (y - 16)
    colour = [
        luma + 1.596 * (v - 128),
        luma - 0.813 * (v - 128) - 0.391 * (u - 128),
        luma + 2.018 * (u - 128),
    ]
    quad = [{'y': y, 'u': u, 'v': v}[letter] for letter in order]
    pixels = np.tile(np.array(quad, np.uint8).reshape(1, 2, 2), (4, 3, 1))
    rgb = to_rgb(message(pixels, encoding, padding=2))
    np.testing.assert_allclose(rgb, np.broadcast_to(colour, (4, 6, 3)), atol=2)
    with pytest.raises(ImageError, match='pairs of pixels'):
        to_rgb(message(pixels[:, :5], encoding))


@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_colours_behind_the_brightness(encoding: str) -> None:
    """V4L2 NV12 and NV21: rows of Y, then rows of U and V for 2x2 pixels; and reversed."""
    smooth = np.kron(RGB[::3, ::4], np.ones((4, 4, 1), np.uint8))
    i420 = cv2.cvtColor(smooth, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    y, u, v = np.split(i420, [64, 80])
    colours = np.stack([u, v] if encoding == 'nv12' else [v, u], -1).reshape(4, 8)
    planes = np.concatenate([y.reshape(8, 8), colours])
    picture = message(planes, encoding, padding=3)
    picture.height = 8
    np.testing.assert_allclose(to_rgb(picture).astype(int), smooth, atol=6)
    picture.height = 7
    with pytest.raises(ImageError, match='pairs of pixels, not 8x7'):
        to_rgb(picture)
    picture.height, picture.data = 8, picture.data[:-1]
    with pytest.raises(ImageError, match='image data has 131 bytes, its header says 132'):
        to_rgb(picture)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize(
    ('encoding', 'pixels', 'eight'),
    [('mono16', TWELVE[..., 1], GREY), ('16UC1', TWELVE[..., 1], GREY), ('rgb16', TWELVE, RGB),
     ('bgr16', TWELVE[..., ::-1], RGB)],
)  # fmt: skip
def test_12_bits_are_brought_to_8(encoding: str, pixels: Any, eight: Any, big: bool) -> None:
    expected = eight if eight.ndim == 3 else grey3(eight)
    np.testing.assert_array_equal(to_rgb(message(pixels, encoding, 3, big)), expected)
    packed = compressed('.png', pixels if encoding == 'bgr16' else pixels[..., ::-1], 'png')
    if pixels.ndim == 3:
        np.testing.assert_array_equal(to_rgb(packed), RGB)
    mosaic = to_rgb(message(TWELVE[..., 1], 'bayer_rggb16', 3, big))
    np.testing.assert_array_equal(mosaic, to_rgb(message(GREY, 'bayer_rggb8')))


def test_images_of_a_stream_have_one_gain_raw_and_compressed() -> None:
    lines: list[str] = []
    dark, bright = TWELVE[..., 1] >> 3, TWELVE[..., 1]
    for make in (
        lambda pixels: message(pixels, 'mono16'),
        lambda pixels: compressed('.png', pixels, 'mono16; png compressed '),
    ):
        reader = images.ImageReader(lines.append)
        levels = [reader.read(make(pixels))[0] for pixels in (dark, bright, dark)]
        assert levels == [(0, 10), (0, 12), (0, 12)]
        np.testing.assert_array_equal(
            reader.read(make(dark))[1], grey3((dark >> 4).astype(np.uint8))
        )
        # What is read later, in another thread, has the gain of its turn.
        again = images.ImageReader(lines.append)
        later = [again.later(make(pixels))[1] for pixels in (dark, bright)]
        np.testing.assert_array_equal(later[1](), grey3(GREY))
        np.testing.assert_array_equal(later[0](), grey3((dark >> 2).astype(np.uint8)))
    assert set(lines) == {
        '16-bit images of 10 bits: 0 to 1023 becomes 0 to 255',
        '16-bit images of 12 bits: 0 to 4095 becomes 0 to 255',
    }


def test_8_bits_stay_as_they_are_however_dark() -> None:
    reader = images.ImageReader(pytest.fail)
    for encoding in ('mono8', 'rgb8', '8UC1'):
        pixels, expected = CASES[encoding]
        assert (reader.read(message(pixels // 30, encoding))[1] == expected // 30).all()


def test_sizes_that_cannot_be_are_refused_before_memory_is_taken() -> None:
    for height, width in ((30000, 30000), (2**32 - 1, 2**32 - 1), (1, 2**32 - 1)):
        for encoding in ('mono8', 'rgb8', 'mono16', 'bayer_rggb8', 'yuv422'):
            absurd = SimpleNamespace(
                height=height, width=width, step=2**32 - 1, encoding=encoding, is_bigendian=0,
                data=b'', header=HEADER,
            )  # fmt: skip
            with pytest.raises(ImageError, match=f'{width}x{height} pixels is too large'):
                to_rgb(absurd)
        absurd.encoding = '32FC1'
        with pytest.raises(ImageError, match='is too large'):
            to_depth(absurd)
    with pytest.raises(ImageError, match='image data has 9 bytes, its header says 4294967295'):
        to_rgb(SimpleNamespace(height=1, width=3, step=2**32 - 1, encoding='mono8',
                               is_bigendian=0, data=bytes(9)))  # fmt: skip


def test_bad_images_say_what_is_wrong() -> None:
    with pytest.raises(ImageError, match="image encoding 'rgb9' is not decoded"):
        to_rgb(message(RGB, 'rgb9'))
    short = message(RGB, 'rgb8')
    short.data = short.data[:-1]
    with pytest.raises(ImageError, match='image data has 143 bytes, its header says 144'):
        to_rgb(short)
    with pytest.raises(ImageError, match='has 0 bytes'):
        to_rgb(Image(width=8, height=6, step=24, encoding='rgb8'))
    with pytest.raises(ImageError, match='rows of 8 bytes cannot hold 8 pixels of rgb8'):
        to_rgb(message(GREY, 'rgb8'))
    with pytest.raises(ImageError, match='is empty'):
        to_rgb(Image(encoding='rgb8'))
    with pytest.raises(ImageError, match='holds depth'):
        to_rgb(compressed('.png', WIDE[..., 1], '16UC1; compressedDepth png'))


def test_depth_is_metres_with_nan() -> None:
    metres = np.array([[1.5, np.nan, 0.0], [-1.0, np.inf, -np.inf]], np.float32)
    expected = np.array([[1.5, np.nan, np.nan], [np.nan, np.inf, np.nan]], np.float32)
    for big in (False, True):
        np.testing.assert_array_equal(to_depth(message(metres, '32FC1', 4, big)), expected)
    millimetres = np.array([[0, 1], [65535, 1500]], np.uint16)
    for big in (False, True):
        depth = to_depth(message(millimetres, '16UC1', 3, big))
        np.testing.assert_allclose(depth, [[np.nan, 0.001], [65.535, 1.5]], rtol=1e-6)
        assert depth.dtype == np.float32
    with pytest.raises(ImageError, match="not 'mono8'"):
        to_depth(message(GREY, 'mono8'))


def test_depth_messages_keep_rep_118() -> None:
    depth = np.array([[1.5, np.nan, np.inf, -np.inf], [0.0004, 65.535, 65.536, 200.0]], np.float32)
    metres = depth_message(depth, HEADER)
    assert (metres.encoding, metres.step, len(metres.data)) == ('32FC1', 16, 32)
    assert metres.header == HEADER and metres.is_bigendian == 0
    np.testing.assert_array_equal(np.frombuffer(metres.data, '<f4').reshape(2, 4), depth)
    millimetres = depth_message(depth, HEADER, '16UC1')
    assert (millimetres.encoding, millimetres.step) == ('16UC1', 8)
    kept = np.frombuffer(millimetres.data, '<u2').reshape(2, 4)
    assert kept.tolist() == [[1500, 0, 0, 0], [0, 65535, 0, 0]]
    with np.errstate(invalid='ignore'):
        unchanged = to_depth(metres)
    np.testing.assert_array_equal(unchanged[1], depth[1])


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'mono8'])
def test_images_are_written_as_they_are_read(encoding: str) -> None:
    pixels, expected = CASES[encoding]
    written = image_message(pixels, HEADER, encoding)
    assert (written.height, written.width, written.step) == (6, 8, pixels[0].size)
    np.testing.assert_array_equal(to_rgb(written), expected)
    read = deserialize_message(serialize_message(written), Image)
    np.testing.assert_array_equal(to_rgb(read), expected)
    with pytest.raises(ValueError, match='does not describe'):
        image_message(RGB[..., :2], HEADER, encoding)


def test_messages_of_rosbags_and_of_ros_1_are_read_too() -> None:
    written = image_message(RGB, HEADER, 'rgb8')
    modern = get_typestore(Stores.ROS2_JAZZY)
    theirs: Any = modern.deserialize_cdr(serialize_message(written), 'sensor_msgs/msg/Image')
    np.testing.assert_array_equal(to_rgb(theirs), RGB)
    fields = ('height', 'width', 'encoding', 'is_bigendian', 'step')
    as_bytes = SimpleNamespace(
        data=bytes(written.data), **{name: getattr(written, name) for name in fields}
    )
    np.testing.assert_array_equal(to_rgb(as_bytes), RGB)


def test_images_of_a_real_ros_1_bag(data_dir: Path) -> None:
    shapes = []
    with AnyReader([data_dir / 'bags/other/ros1/test.bag']) as reader:
        for connection, _, raw in reader.messages():
            if connection.msgtype.endswith('Image'):
                shapes.append(to_rgb(reader.deserialize(raw, connection.msgtype)).shape)
    assert len(shapes) == 2 and all(len(shape) == 3 for shape in shapes)


def test_images_of_a_real_ros_2_bag(data_dir: Path) -> None:
    with AnyReader([data_dir / 'bags/kitti_city']) as reader:
        topic = next(c for c in reader.connections if c.msgtype.endswith('CompressedImage'))
        _, _, raw = next(reader.messages([topic]))
    picture = deserialize_message(raw, CompressedImage)
    rgb = to_rgb(picture)
    assert rgb.shape[2] == 3 and rgb.std() > 20
    picture.data = bytes(picture.data)[: len(picture.data) // 2]
    with pytest.raises(ImageError, match='does not decode'):
        to_rgb(picture)


def test_colours_are_the_same_for_the_same_distance() -> None:
    depth = np.array([[1.0, 3.0, 10.0, 80.0, 500.0, np.inf, np.nan]], np.float32)
    colours = colorize(depth)[0].astype(int)
    assert colours.shape == (7, 3)
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[3:6], np.broadcast_to(colours[3], (3, 3)))
    assert colours[6].tolist() == [0, 0, 0]
    assert colours[1, 2] > colours[1, 0] and colours[3, 0] > colours[3, 2]  # bgr: red near
    np.testing.assert_array_equal(colorize(depth[:, 2:3])[0, 0], colours[2])
    assert images.NEAR < images.FAR
