# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibration files as other programs write them; a distortion is never left out in silence."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import read_intrinsics

K = [700.0, 0, 320, 0, 701, 240, 0, 0, 1]
D = (-0.2, 0.1, 0.001, 0.002)
KALIBR = """camera_model: pinhole
distortion_coeffs: [-0.2, 0.1, 0.001, 0.002]
distortion_model: radtan
intrinsics: [700, 701, 320, 240]
resolution: [640, 480]
rostopic: /cam0/image_raw
"""
ROS1 = f'height: 480\nwidth: 640\ndistortion_model: "plumb_bob"\nD: {[*D, 0.0]}\nK: {K}\n---\n'
ROWS = f'camera_matrix: {[K[:3], K[3:6], K[6:]]}\ndist_coeff: [{list(D)}]\n'


def indented(text: str, camera: str = 'cam0') -> str:
    return f'{camera}:\n' + ''.join(f'  {line}\n' for line in text.splitlines())


@pytest.mark.parametrize(
    'text',
    [
        KALIBR,
        indented(KALIBR),
        f'%YAML:1.0\n\n{indented(KALIBR)}',
        KALIBR.replace('coeffs', 'coefficients').replace('radtan', 'radial-tangential'),
        ROS1,
        ROS1.replace('D:', 'd:').replace('K:', 'k:').replace('"', ''),
        ROWS,
        ROWS.replace('dist_coeff', 'distortion'),
        ROWS + 'camera_model: D435\n',
    ],
)
def test_files_of_other_programs(tmp_path, text):
    path = tmp_path / 'camera.yaml'
    path.write_text(text)
    read = read_intrinsics(path)
    camera = read.camera(640, 480)
    assert camera.intrinsics == (700, 701, 320, 240)
    assert (camera.model, camera.distortion) == ('plumb_bob', D)
    assert read.size == ((640, 480) if 'camera_matrix' not in text else None)


@pytest.mark.parametrize('names', [('camera_matrix', 'distortion_coefficients'), ('K', 'D')])
def test_a_file_that_opencv_writes(tmp_path, names):
    path = tmp_path / 'camera.yml'
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write(names[0], np.array(K).reshape(3, 3))
    storage.write(names[1], np.array(D).reshape(1, 4))
    storage.release()
    camera = read_intrinsics(path).camera(640, 480)
    assert (camera.intrinsics, camera.distortion) == ((700, 701, 320, 240), D)


@pytest.mark.parametrize(
    'name, text, words',
    [
        ('a.yaml', KALIBR.replace('pinhole', 'omni'), 'camera_model is omni'),
        ('a.yaml', KALIBR.replace('[700', '[1.2, 700'), '5 numbers instead of 9'),
        ('a.yaml', indented(KALIBR) + indented(KALIBR, 'cam1'), 'holds 2 cameras'),
        ('a.yaml', KALIBR + 'distortion_parameters: [1]\n', 'distortion 2 times'),
        ('a.yaml', KALIBR.replace('[640, 480]', '[640]'), 'width and a height'),
        ('a.yaml', KALIBR.replace('[640, 480]', '[640, .inf]'), 'width and a height'),
        ('a.yaml', KALIBR.replace('[-0.2,', '[{a: 1},'), 'distortion_coeffs holds what is no'),
        ('a.yaml', '- 1\n', 'no camera_matrix'),
        ('a.yaml', '', 'no camera_matrix'),
        ('a.txt', 'fx 700\nfy 701\ncx 320\ncy 240\nd0 0.26\n', 'd0 is none of k1 k2'),
        ('a.txt', 'fx 700\nfy 701\ncx 320\ncy 240\nK1 0.26\n', 'K1 is none of k1 k2'),
        ('a.txt', '700 0 320\n0 701 240\n0 0 1\n', "'700 0 320' is not names and as many"),
        ('a.txt', 'fx 700\nfy 701\ncx 320\ncy 240\nwidth inf\nheight 480\n', 'a height'),
        ('a.txt', '1 PINHOLE 640 480 700 701 320 240\n', 'not names and as many|no fx'),
        ('a.txt', '[camera]\nfx=700\n', 'not names and as many'),
    ],
)
def test_what_cannot_be_read_costs_a_line_in_plain_words(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(MdepthError, match=words) as caught:
        read_intrinsics(tmp_path / name)
    assert '\n' not in str(caught.value) and 'give ' in str(caught.value)
    assert not any(word in str(caught.value) for word in ('zip', 'iterable', 'unpack', 'float()'))


def test_a_model_that_is_not_known_is_named(tmp_path):
    (tmp_path / 'a.yaml').write_text(KALIBR.replace('radtan', 'fov'))
    with pytest.raises(MdepthError, match="unknown distortion model 'fov'"):
        read_intrinsics(tmp_path / 'a.yaml').camera(640, 480)
