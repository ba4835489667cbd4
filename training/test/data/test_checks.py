# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data.checks import Findings, check_cameras, usable_images
from mdepth_training.data.folder import image_size

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera


def test_findings_count_and_name_the_first() -> None:
    findings = Findings()
    findings.add('bad things', 'a', 'b')
    findings.add('bad things', 'c', 'd', 'e')
    findings.add('other things', 'x')
    assert findings.lines() == ['5 bad things: a, b, c and 2 more', '1 other things: x']


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'cx': 121.0, 'cy': 35.0},
            'a centre at 121, 35 for images of 124x38: K is of an image about 1.9 times as large',
        ),
        ({'fx': 60.5, 'cx': 720.0}, 'a centre at 720'),  # exchanged
        ({'fx': 5.0, 'fy': 5.0}, 'focal lengths of 5 and 5 .* are these millimetres'),
        ({'fx': 400.0}, 'fx 400 and fy 71 are too different'),
    ],
)
def test_wrong_intrinsics_are_named(make_drive, changes, message: str) -> None:
    good, findings = make_drive('good'), Findings()
    wrong = replace(good, name='wrong', camera=replace(good.camera, **changes))
    check_cameras([good], findings)
    assert not findings.lines()
    with pytest.raises(MdepthError, match=f'wrong: wrong intrinsics: {message}'):
        check_cameras([good, wrong], findings)


def test_unusual_intrinsics_are_said(make_drive) -> None:
    drive, findings = make_drive('good'), Findings()
    check_cameras([replace(drive, camera=replace(drive.camera, cx=20.0))], findings)
    assert findings.lines() == [
        '1 cameras are unusual, check their calibration: good '
        '(a centre at 20, 17.5 for images of 124x38)'
    ]


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp', 'ppm'])
def test_sizes_from_headers(make_drive, suffix: str) -> None:
    assert image_size(make_drive(count=1, suffix=suffix).images[0]) == (124, 38)


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('kept', [0, 10, 200, -40])
def test_cut_files_are_found_by_their_end(make_drive, suffix: str, kept: int) -> None:
    """OpenCV reads a cut JPEG without a word and fills what is missing with grey."""
    path = make_drive(count=1, suffix=suffix).images[0]
    path.write_bytes(path.read_bytes()[:kept])
    assert image_size(path) is None


def test_bytes_after_the_end_do_no_harm(make_drive) -> None:
    path = make_drive(count=1, suffix='jpg').images[0]
    path.write_bytes(path.read_bytes() + bytes(100))
    assert image_size(path) == (124, 38)


def test_what_is_no_image_has_no_size(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_text('not an image')
    assert image_size(tmp_path / 'a.png') is None
    assert image_size(tmp_path / 'missing.png') is None


def test_odd_and_unreadable_images_are_left_out_and_named(tmp_path: Path) -> None:
    sizes = np.int32([[8, 4], [8, 4], [0, 0], [9, 4], [8, 4]])
    images, findings = [tmp_path / f'{n}.png' for n in range(5)], Findings()
    usable = usable_images(images, sizes, Camera(8, 4, 5, 5, 4, 2), findings)
    assert usable.tolist() == [True, True, False, False, True]
    assert findings.lines() == [
        f'1 images that are missing or cannot be read: {images[2]}',
        f'1 images of another size than the others of their drive: {images[3]}',
    ]


def test_a_calibration_of_another_size_is_an_error(tmp_path: Path) -> None:
    images = [tmp_path / f'{n}.png' for n in range(2)]
    with pytest.raises(MdepthError, match=r'for 16x8, but 2 of 2 images.*\(0.png: 8x4\)'):
        usable_images(images, np.int32([[8, 4], [8, 4]]), Camera(16, 8, 9, 9, 8, 4), Findings())


def test_opencv_and_the_header_agree(data_dir: Path) -> None:
    files = [*data_dir.glob('kitti_odometry_06/image_l/00000*.png'), *data_dir.glob('rgbd/*/1.p*')]
    assert len(files) > 5
    for file in files:
        height, width = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).shape[:2]
        assert image_size(file) == (width, height)
