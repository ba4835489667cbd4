# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes before pixels, and pictures upright: one way for files and messages."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pictures
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.geometry.camera import CameraError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.folder import read_image
from mdepth_ros.sources.picture import PictureError, decode, header_of
from mdepth_ros.sources.picture_header import read_header

BLOCKS = np.kron(np.random.default_rng(0).integers(0, 255, (2, 3, 3)), np.ones((16, 16, 1)))
BGR = np.ascontiguousarray(BLOCKS, np.uint8)
CAMERA = """\
image_width: {}
image_height: {}
camera_matrix: {{rows: 3, cols: 3, data: [40, 0, 20, 0, 40, 15, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}
"""


@pytest.mark.parametrize('kind', ['png', 'jpg', 'webp', 'bmp', 'tiff', 'ppm', 'pam'])
@pytest.mark.parametrize('size', [(48, 32), (1, 1), (3, 70), (301, 2)])
def test_the_header_tells_the_size(kind: str, size: tuple[int, int]) -> None:
    data = pictures.encoded(f'.{kind}', np.full((size[1], size[0], 3), 90, np.uint8))
    header = read_header(io.BytesIO(data))
    assert header is not None and (header.width, header.height) == size and not header.deep
    assert decode(data).pixels.shape == (size[1], size[0], 3)


@pytest.mark.parametrize('kind', ['png', 'tiff', 'pgm'])
def test_the_header_tells_16_bits(kind: str) -> None:
    data = pictures.encoded(f'.{kind}', np.full((4, 6), 4000, np.uint16))
    header = read_header(io.BytesIO(data))
    assert header is not None and header.deep and (header.width, header.height) == (6, 4)
    assert (decode(data).pixels == 4000).all()


@pytest.mark.parametrize('kind', ['png', 'jpg', 'webp', 'bmp', 'tiff', 'ppm', 'gif'])
@pytest.mark.parametrize('size', [(30000, 30000), (60000, 1700), (16383, 16383)])
def test_what_is_too_large_is_refused_by_its_header(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(
        PictureError, match=f'{size[0]}x{size[1]} pixels is too large: at most 100'
    ):
        decode(pictures.huge(kind, *size))


def test_a_tile_of_a_tiff_is_an_image_too() -> None:
    small = pictures.tiff(np.zeros((4, 4), np.uint8), t322=65536, t323=65536)
    with pytest.raises(PictureError, match='65536x65536 pixels is too large'):
        decode(small)


@pytest.mark.parametrize('what', ['message', 'file'])
def test_no_memory_is_taken_for_an_image_that_is_refused(tmp_path: Path, what: str) -> None:
    """A PNG of 144 million pixels; a child tells by how much its peak of memory grew."""
    file = tmp_path / 'large.png'
    file.write_bytes(pictures.zeros_png(12000, 12000))
    code = f"""
import resource, sys
from types import SimpleNamespace
from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.images import to_rgb
from mdepth_ros.sources.folder import read_image
data = open(sys.argv[1], 'rb').read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    if {what!r} == 'file':
        from pathlib import Path
        read_image(Path(sys.argv[1]))
    else:
        to_rgb(SimpleNamespace(format='png', data=data))
except MdepthError as error:
    print('too large' in str(error), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    found = subprocess.run(
        [sys.executable, '-c', code, str(file)], capture_output=True, text=True, timeout=120
    )
    refused, grown = found.stdout.split()
    assert refused == 'True' and int(grown) < 20_000, found.stdout + found.stderr  # kB


def test_an_image_folder_with_a_huge_picture_goes_on(tmp_path: Path) -> None:
    (tmp_path / '0.png').write_bytes(pictures.huge('png', 30000, 30000))
    cv2.imwrite(str(tmp_path / '1.png'), BGR)
    source = open_source(tmp_path, intrinsics='40,40,24,16', rate=10)
    assert len(list(source)) == 1
    assert '30000x30000 pixels is too large' in source.losses[0]
    assert header_of(tmp_path / '0.png') is None


def test_no_camera_has_so_many_pixels() -> None:
    with pytest.raises(CameraError, match='4294967295 x 4294967295 pixels'):
        Camera(2**32 - 1, 2**32 - 1, 100, 100, 50, 50)


@pytest.mark.parametrize('kind', ['png', 'jpg', 'webp', 'tiff'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_pictures_are_turned_upright(kind: str, orientation: int) -> None:
    for order in '<>':
        data = pictures.lying(kind, BGR, orientation, order)
        pixels, found = decode(data)
        stored = BGR
        if kind == 'jpg':
            stored = cv2.imdecode(np.frombuffer(pictures.encoded('.jpg', BGR), np.uint8), 1)
        np.testing.assert_array_equal(pixels, pictures.SEEN[orientation](stored))
        assert found == orientation
        header = read_header(io.BytesIO(data))
        assert header is not None and header.size == pixels.shape[1::-1]
        if kind == 'jpg':  # the one kind that every OpenCV turns itself
            own = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            np.testing.assert_array_equal(pixels, own)


@pytest.mark.parametrize('orientation', [2, 3, 6])
def test_exif_behind_the_pixels_of_a_png(orientation: int) -> None:
    pixels, found = decode(pictures.lying('png', BGR, orientation, late=True))
    assert found == orientation
    np.testing.assert_array_equal(pixels, pictures.SEEN[orientation](BGR))


@pytest.mark.parametrize('kind', ['jpg', 'png'])
@pytest.mark.parametrize('note', [b'', b'II*\0', b'MM\0*\xff\xff\xff\xff', b'rubbish' * 9])
def test_exif_that_is_rubbish_turns_nothing(kind: str, note: bytes, monkeypatch) -> None:
    # Whether such a picture decodes is another matter, and libpng's.
    for data in (pictures.lying(kind, BGR, 9), None):
        monkeypatch.setattr(pictures, 'exif', lambda *_: note)
        header = read_header(io.BytesIO(data or pictures.lying(kind, BGR, 6)))
        assert header is not None and (header.orientation, header.size) == (1, (48, 32))


@pytest.mark.parametrize('kind', ['png', 'jpg', 'webp', 'bmp', 'tiff', 'ppm', 'pam', 'gif'])
def test_a_damaged_header_is_a_size_or_none(kind: str) -> None:
    generator = np.random.default_rng(0)
    if kind in ('png', 'jpg', 'webp', 'tiff'):
        whole = pictures.lying(kind, BGR, 6)
    else:
        whole = pictures.huge('gif', 9, 9) if kind == 'gif' else pictures.encoded(f'.{kind}', BGR)
    for _ in range(300):
        data = bytearray(whole[: generator.integers(2, len(whole) + 1)])
        # The header, which is at the end of a TIFF.
        places = generator.integers(2, min(len(data), 120) + 1, 4) % len(data)
        places = len(data) - places if kind == 'tiff' else places
        for place in places:
            data[place % len(data)] = generator.choice([0, 1, 43, 127, 255])
        header = read_header(io.BytesIO(bytes(data)))
        assert header is None or header.orientation in range(1, 9)


def test_a_cut_jpeg_in_a_folder_is_no_image(tmp_path: Path) -> None:
    """OpenCV fills what is missing with grey and says nothing."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = pictures.encoded('.jpg', noise)
    (tmp_path / 'a.jpg').write_bytes(data[: len(data) // 2])
    with pytest.raises(MdepthError, match='JPEG that is cut off'):
        read_image(tmp_path / 'a.jpg')


@pytest.mark.parametrize('orientation', [3, 6])
def test_a_folder_says_once_that_it_was_turned(tmp_path: Path, orientation: int) -> None:
    seen = pictures.SEEN[orientation](BGR)
    (tmp_path / 'camera.yaml').write_text(CAMERA.format(seen.shape[1], seen.shape[0]))
    for number in range(3):
        (tmp_path / f'{number}.png').write_bytes(pictures.lying('png', BGR, orientation))
    source = open_source(tmp_path, rate=10)
    for frame in source:
        np.testing.assert_array_equal(frame.image, seen[..., ::-1])
    (line,) = source.losses
    assert f'turned upright as their EXIF says (orientation {orientation})' in line


def test_a_calibration_of_the_picture_that_lies_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / 'camera.yaml').write_text(CAMERA.format(48, 32))
    (tmp_path / '0.jpg').write_bytes(pictures.lying('jpg', BGR, 6))
    with pytest.raises(MdepthError, match=r'for 48x32 but the image is 32x48 \(.*by their EXIF'):
        list(open_source(tmp_path))


def test_a_folder_of_12_bits_has_one_gain(tmp_path: Path) -> None:
    """Also its dark images, and whichever is read first; as `fit` reads them in any order."""
    bright = (BGR[..., 1].astype(np.uint16) << 4) + 5
    for number, image in enumerate((bright // 20, bright, bright // 40)):
        cv2.imwrite(str(tmp_path / f'{number}.png'), image)
    for number, image in ((2, bright // 40), (0, bright // 20), (1, bright)):
        expected = np.repeat((image >> 4).astype(np.uint8)[..., None], 3, 2)
        np.testing.assert_array_equal(read_image(tmp_path / f'{number}.png'), expected)
    source = open_source(tmp_path, intrinsics='40,40,24,16', rate=10)
    assert len(list(source)) == 3
    assert source.losses == ['16-bit images of 12 bits: 0 to 4095 becomes 0 to 255']
