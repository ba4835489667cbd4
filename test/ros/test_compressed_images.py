# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in a CompressedImage."""

from __future__ import annotations

import cv2
import numpy as np
import pictures
import pytest
from image_messages import ALPHA, GREY, HEADER, RGB, WIDE, compressed, grey3, message

from mdepth_ros.ros import images
from mdepth_ros.ros.images import ImageError, jpeg_message, to_rgb

# isort: split
from sensor_msgs.msg import CompressedImage


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
