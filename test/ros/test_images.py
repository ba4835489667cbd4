# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pictures
import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from mdepth_ros.ros import images
from mdepth_ros.ros.conversions import make_header
from mdepth_ros.ros.images import (
    ImageError,
    colorize,
    depth_message,
    image_message,
    jpeg_message,
    to_depth,
    to_rgb,
)

# isort: split
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = RGB[..., 1].copy()
HEADER = make_header(5_000_000_007, 'camera_optical_frame')


def message(pixels: np.ndarray, encoding: str, padding: int = 0, big: bool = False) -> Any:
    """An Image whose rows end in `padding` bytes of rubbish."""
    height, width = pixels.shape[:2]
    if pixels.itemsize > 1:
        pixels = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<'))
    rows = np.frombuffer(pixels.tobytes(), np.uint8).reshape(height, -1)
    rows = np.concatenate([rows, np.full((height, padding), 123, np.uint8)], 1)
    return Image(
        header=HEADER,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(big),
        step=rows.shape[1],
        data=rows.tobytes(),
    )


def grey3(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, 2)


ALPHA = np.full((6, 8, 1), 9, np.uint8)
WIDE = RGB.astype(np.uint16) * 256 + 77
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
    with pytest.raises(ImageError, match='pairs of columns'):
        to_rgb(message(pixels[:, :5], encoding))


def compressed(extension: str, pixels: np.ndarray, format_: str) -> Any:
    data = cv2.imencode(extension, pixels)[1].tobytes()
    return CompressedImage(header=HEADER, format=format_, data=data)


@pytest.mark.parametrize(
    'format_', ['png', 'rgb8; png compressed bgr8', 'bgr8; png compressed bgr8']
)
def test_png(format_: str) -> None:
    np.testing.assert_array_equal(to_rgb(compressed('.png', RGB[..., ::-1], format_)), RGB)
    np.testing.assert_array_equal(to_rgb(compressed('.png', GREY, format_)), grey3(GREY))
    np.testing.assert_array_equal(to_rgb(compressed('.png', WIDE[..., ::-1], format_)), RGB)
    np.testing.assert_array_equal(to_rgb(compressed('.png', WIDE[..., 1], format_)), grey3(GREY))


@pytest.mark.parametrize('format_', ['jpeg', 'bgr8; jpeg compressed bgr8', 'jpg'])
def test_jpeg(format_: str) -> None:
    smooth = np.broadcast_to(np.array([200, 100, 20], np.uint8), (32, 32, 3))
    rgb = to_rgb(compressed('.jpg', np.ascontiguousarray(smooth[..., ::-1]), format_))
    np.testing.assert_allclose(rgb, smooth, atol=4)


def test_jpegs_are_written_as_they_are_read() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    rgb = np.stack(np.broadcast_arrays(ramp, ramp[:32, None], np.uint8(40)), -1)
    message = jpeg_message(rgb, HEADER)
    assert (message.header, message.format) == (HEADER, 'rgb8; jpeg compressed bgr8')
    np.testing.assert_allclose(to_rgb(message).astype(int), rgb, atol=12)


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize(
    'form',
    [
        'bayer_{0}{1}; png compressed bayer_{0}{1}',
        'bayer_{0}{1}; png compressed ',
        ' BAYER_{0}{1} ;png',
        'bayer_{0}{1}',
    ],
)
def test_a_compressed_mosaic_is_what_the_raw_one_is(pattern: str, bits: int, form: str) -> None:
    mosaic = RGB[..., 1].copy() if bits == 8 else WIDE[..., 1].copy()
    raw = to_rgb(message(mosaic, f'bayer_{pattern}{bits}'))
    found = to_rgb(compressed('.png', mosaic, form.format(pattern, bits)))
    np.testing.assert_array_equal(found, raw)
    assert (raw[..., 0] != raw[..., 2]).any()  # it has colours


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_mosaic_in_a_jpeg(pattern: str) -> None:
    mosaic = np.empty((32, 32), np.uint8)
    for place, letter in enumerate(pattern):
        mosaic[place // 2 :: 2, place % 2 :: 2] = (200, 100, 20)['rgb'.index(letter)]
    rgb = to_rgb(compressed('.jpg', mosaic, f'bayer_{pattern}8; jpeg compressed '))
    np.testing.assert_allclose(rgb.astype(int), np.broadcast_to((200, 100, 20), rgb.shape), atol=9)


@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_a_mosaic_that_was_compressed_in_colours_is_left_as_it_is(extension: str) -> None:
    smooth = np.zeros((32, 32, 3), np.uint8) + np.uint8([20, 100, 200])
    for form in ('bayer_grbg8; jpeg compressed bgr8', 'bayer_rggb8; png compressed bgr8'):
        rgb = to_rgb(compressed(extension, smooth, form))
        np.testing.assert_allclose(rgb.astype(int), smooth[..., ::-1], atol=4)


def test_a_mosaic_is_made_colours_before_it_is_turned() -> None:
    mosaic = np.random.default_rng(3).integers(0, 256, (6, 8), dtype=np.uint8)
    turned = CompressedImage(format='bayer_gbrg8; png compressed ')
    turned.data = pictures.lying('png', mosaic, 6)
    upright = cv2.rotate(to_rgb(message(mosaic, 'bayer_gbrg8')), cv2.ROTATE_90_CLOCKWISE)
    np.testing.assert_array_equal(to_rgb(turned), upright)


@pytest.mark.parametrize(
    'format_',
    ['', 'png', 'PNG', 'jpeg', 'rgb8; jpeg compressed ', 'rgb8; png compressed rgb8', 'mono8; png',
     'rgba8; png compressed bgra8', '8UC3; png compressed ', 'bgr8'],
)  # fmt: skip
def test_the_colours_are_those_of_the_file_whatever_the_format_says(format_: str) -> None:
    """PNG and JPEG know which channel is red; the format tells what the image was before."""
    data = np.frombuffer(cv2.imencode('.png', RGB[..., ::-1])[1], np.uint8)
    expected = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(to_rgb(compressed('.png', RGB[..., ::-1], format_)), expected)
    np.testing.assert_array_equal(expected, RGB)
    alpha = np.concatenate([RGB[..., ::-1], ALPHA], 2)
    np.testing.assert_array_equal(to_rgb(compressed('.png', alpha, format_)), RGB)
    np.testing.assert_array_equal(to_rgb(compressed('.png', GREY, format_)), grey3(GREY))


TWELVE = RGB.astype(np.uint16) * 16 + 9


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


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_jpeg_is_read_upright(orientation: int) -> None:
    """The road is below the sky for the networks; a file and OpenCV's imread are read so too."""
    lines: list[str] = []
    data = pictures.lying('jpg', np.ascontiguousarray(RGB[..., ::-1]), orientation)
    picture = CompressedImage(format='jpeg', data=data)
    rgb = images.ImageReader(lines.append).read(picture)[1]
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(rgb, expected)
    assert all(stride > 0 for stride in rgb.strides)
    assert len(lines) == (orientation != 1)


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
    with pytest.raises(ImageError, match=r"unknown image encoding 'rgb9'.*bgr8.*mono8"):
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


@pytest.mark.parametrize('damage', ['empty', 'rubbish', 'cut', 'header only'])
@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_pictures_that_do_not_decode(extension: str, damage: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    picture = compressed(extension, noise, extension[1:])
    data = bytes(picture.data)
    rubbish = {'empty': b'', 'rubbish': b'abc' * 99, 'cut': data[:3000], 'header only': data[:30]}
    picture.data = rubbish[damage]
    with pytest.raises(ImageError, match='does not decode'):
        to_rgb(picture)


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
