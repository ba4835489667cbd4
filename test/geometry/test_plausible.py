# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibrations that cannot be, and rare ones that can."""

from __future__ import annotations

import math
import resource
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mdepth_ros.geometry import Camera, CameraError, ImageSampler, target_camera
from mdepth_ros.sources.intrinsics import pinhole, read_intrinsics

EYE = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]


def from_info(size: tuple[int, int] = (1280, 720), **changes: Any) -> Camera:
    width, height = size
    k = [900.0, 0, 0.51 * width, 0, 905.0, 0.49 * height, 0, 0, 1]
    fields: dict[str, Any] = {
        'distortion_model': 'plumb_bob', 'd': [0.0] * 5, 'k': k, 'r': EYE, 'p': [0.0] * 12,
    }  # fmt: skip
    return Camera.from_info(*size, **fields | changes)


def k_of(fx: float, fy: float, cx: float, cy: float) -> list[float]:
    return [fx, 0, cx, 0, fy, cy, 0, 0, 1]


@pytest.mark.parametrize(
    ('k', 'words'),
    [
        ((0.58, 1.92, 0.5, 0.5), 'are normalised: multiply fx and cx by 1280, fy and cy by 720'),
        ((8.0, 14.0, 0.5, 0.5), 'are normalised'),  # of a narrow lens
        ((0.7, 0.7, 0.0, 0.0), 'are normalised'),
        ((1800, 1800, 1290, 705), 'of an image about 2 times as large, before binning'),
        ((3600, 3600, 2560, 1440), 'about 4 times as large'),
        ((450, 450, 320, 180), 'about 1/2 as large'),
        ((640, 360, 900, 905), 'exchanged, give fx, fy, cx, cy'),
        ((900, 640, 905, 360), 'the order must be fx, fy, cx, cy'),
        ((900, 900, 360, 640), 'width and height are exchanged, or the image is turned'),
        ((4.2, 4.2, 640, 360), 'are these millimetres'),
        ((35, 35, 640, 360), 'are these millimetres'),
        ((1, 1, 0, 0), 'are normalised'),
        ((1e9, 1e9, 640, 360), 'focal lengths of 1e'),
        ((900, 900, 4000, 360), 'a centre at 4000'),
        ((900, 900, -5000, 360), 'a centre at -5000'),
        ((900, 90, 640, 360), 'too different'),
        ((-900, 900, 640, 360), 'not positive'),
        ((math.nan, 900, 640, 360), 'NaN'),
        ((900, 900, math.inf, 360), 'NaN or infinite'),
    ],
)
def test_what_cannot_be_is_refused_with_the_likely_cause(k, words):
    for make in (
        lambda: from_info(k=k_of(*k)),
        lambda: pinhole(*k).camera(1280, 720),
    ):
        with pytest.raises(CameraError, match=words) as caught:
            make()
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ('size', 'k', 'rare'),
    [
        ((1280, 720), (900, 900, 640, 360), False),
        ((1242, 375), (721, 721, 609, 172), False),  # KITTI
        ((752, 480), (458, 457, 367, 248), False),  # EuRoC
        ((1936, 1216), (2181, 2181, 928, 615), False),  # DDAD
        ((416, 128), (241, 245, 204, 59), False),
        ((1920, 1080), (300, 300, 955, 545), False),  # fisheye, the circle fills the height
        ((1920, 1080), (181, 181, 955, 545), True),  # of 190 degrees, the circle inside
        ((640, 480), (30000, 30000, 320, 240), True),  # a telescope, 1.2 degrees
        ((640, 200), (600, 600, 320, 20), True),  # the sky was cut away
        ((640, 200), (600, 600, 320, -60), True),
        ((320, 480), (200, 420, 160, 240), True),  # binned in one direction only
        ((640, 480), (600, 600, 200, 150), False),  # an unusual sensor shift
        ((320, 240), (700, 700, -160, -120), True),  # a corner of a larger image
        ((8, 4), (5, 5, 4, 2), False),
    ],
)
def test_rare_cameras_pass(size, k, rare):
    camera = from_info(size, k=k_of(*k))
    assert camera.intrinsics == k and bool(camera.unusual) == rare


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'p': [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]}, 'wrong projection P'),
        ({'p': [-900.0, 0, 640, 0, 0, 900, 360, 0, 0, 0, 1, 0]}, 'not positive'),
        ({'p': [900.0, 0, math.nan, 0, 0, 900, 360, 0, 0, 0, 1, 0]}, 'NaN'),
        ({'p': [1e12, 0, 640, 0, 0, 1e12, 360, 0, 0, 0, 1, 0]}, 'wrong projection P'),
        ({'p': [450.0, 0, 320, 0, 0, 450, 180, 0, 0, 0, 1, 0]}, r'wrong projection P.*1/2 as'),
        ({'d': [1e300, 0, 0, 0, 0]}, 'numbers above'),
        ({'d': [math.nan, 0, 0, 0, 0]}, 'NaN'),
        ({'d': [0.1] * 14}, 'thin prism'),
        ({'r': [2.0, 0, 0, 0, 2, 0, 0, 0, 2]}, 'not a rotation'),
        ({'r': [1.0, 0, 0, 0, 1, 0, 0, 0, -1]}, 'not a rotation'),
        ({'k': [900.0, 0, 0, 0, 900, 0, 640, 360, 1]}, 'K is transposed'),
        ({'size': (2**31, 2**31)}, 'pixels has no camera'),
        ({'size': (0, 720)}, '0 x 720'),
        ({'roi': (1000, 0, 720, 1280, False)}, 'region of interest'),
        ({'roi': (2**31, 0, 2, 2, False)}, 'region of interest'),
        ({'binning_x': 5000}, '0 x 720'),
    ],
)
def test_fields_that_make_no_camera(changes, words):
    with pytest.raises(CameraError, match=words) as caught:
        from_info(**changes)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('model', ['plumb_bob', 'rational_polynomial', 'radtan'])
@pytest.mark.parametrize('count', [4, 5, 8, 12, 14])
def test_the_number_of_coefficients_has_opencvs_meaning(model, count):
    d = [-0.3, 0.1, 1e-3, -2e-3, 0.02, 0.05, 0.01, 0.004][:count]
    camera = from_info(distortion_model=model, d=d + [0.0] * (count - len(d)))
    points = torch.tensor([[0.4, 0.2, 1.0], [-0.3, 0.25, 1.0]], dtype=torch.float64)
    k, zero = np.reshape(k_of(*camera.intrinsics), (3, 3)), np.zeros(3)
    padded = np.array(d + [0.0] * (count - len(d)))
    expected, _ = cv2.projectPoints(points.numpy(), zero, zero, k, padded)
    np.testing.assert_allclose(camera.project(points).numpy(), expected[:, 0], atol=1e-6)


@pytest.mark.parametrize('d', [[0.05, 0.01, -0.01, 0.002], [0.05, 0.01], [0.05, 0, 0, 0, 0]])
def test_equidistant_with_four_or_fewer(d):
    camera = from_info(distortion_model='equidistant', d=d)
    points = torch.tensor([[0.4, 0.2, 1.0], [-0.9, 0.25, 1.0]], dtype=torch.float64)
    k = np.reshape(k_of(*camera.intrinsics), (3, 3))
    four = np.array([*d, 0.0, 0.0][:4])
    expected, _ = cv2.fisheye.projectPoints(
        points[None].numpy(), np.zeros(3), np.zeros(3), k, four
    )
    np.testing.assert_allclose(camera.project(points).numpy(), expected[0], atol=1e-6)
    with pytest.raises(CameraError, match=r'equidistant takes 4 distortion coefficients, not 5$'):
        from_info(distortion_model='equidistant', d=[0.1] * 5)


@pytest.mark.parametrize('focal', [2.0, 20.0, 72.0])
def test_memory_is_bounded_by_the_image(focal):
    source = Camera(1242, 375, 720, 720, 609, 172, rectified=(focal, focal, 609, 172))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sampler = ImageSampler(source, target_camera(source, 192, 640))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert max(sampler.samples) <= 2
    white = torch.full((375, 1242, 3), 255, dtype=torch.uint8)
    seen = sampler(white)[0, 0] > 0.5
    wanted = 1242 * 375 * (focal / 720) ** 2 * (640 / 1242) * (192 / 375)
    if focal > 10:  # the image is a small part of that view
        assert float(seen.sum()) == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('a.txt', 'fx 1e400\nfy 700\ncx 320\ncy 240\n'),
        ('a.txt', 'fx inf\nfy 700\ncx 320\ncy 240\n'),
        ('a.txt', 'fx nan\nfy 700\ncx 320\ncy 240\n'),
        ('a.txt', 'fx ' + '9' * 5000 + '\nfy 700\ncx 320\ncy 240\n'),
        ('a.txt', 'fx 700\nfy 700\ncx 320\ncy 240\nwidth 1e400\nheight 480\n'),
        ('a.yaml', 'image_width: 1' + '0' * 400 + '\nimage_height: 480\ncamera_matrix: '
                   '{data: [700, 0, 320, 0, 700, 240, 0, 0, 1]}\n'),
        ('a.yaml', 'image_width: ' + '9' * 5000 + '\nimage_height: 480\ncamera_matrix: '
                   '{data: [700, 0, 320, 0, 700, 240, 0, 0, 1]}\n'),
        ('a.yaml', 'image_width: 640\nimage_height: 480\ncamera_matrix: '
                   '{data: [.inf, 0, 320, 0, 1' + '0' * 400 + ', 240, 0, 0, 1]}\n'),
        ('a.yaml', 'intrinsics: [.nan, 700, 320, 240]\nresolution: [640, 480]\n'),
        ('a.yaml', 'intrinsics: 700\nresolution: 640\n'),
        ('a.yaml', '- 1\n- 2\n'),
        ('a.yaml', 'x: ' + '[' * 3000),
    ],
)  # fmt: skip
def test_numbers_in_files_that_cannot_be(tmp_path, name, text):
    from mdepth_ros.errors import MdepthError

    (tmp_path / name).write_text(text)
    with pytest.raises(MdepthError) as caught:
        read_intrinsics(tmp_path / name).camera(640, 480)
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize('text', ['nan,700,320,240', '1e400,700,320,240', f'{"9" * 5000},1,1,1'])
def test_numbers_on_the_command_line_that_cannot_be(text):
    from mdepth_ros.errors import MdepthError

    with pytest.raises(MdepthError) as caught:
        read_intrinsics(text).camera(640, 480)
    assert len(str(caught.value)) < 600
