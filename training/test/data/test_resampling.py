# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.data.resampling import drive_view, resampled

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, ImageSampler, target_camera

CAMERAS = {
    'shrinks by four': Camera(1242, 375, 721.5, 721.5, 609.6, 172.9),
    'as it is': Camera(330, 100, 190.0, 190.0, 160.2, 50.1),
    'distorted': Camera(752, 480, 458.7, 457.3, 367.2, 248.4, 'plumb_bob', (-0.28, 0.07, 0, 0)),
    'fisheye': Camera(640, 480, 180.0, 180.0, 320.0, 240.0, 'equidistant', (0.01, -0.02)),
}


@pytest.mark.parametrize('camera', CAMERAS.values(), ids=CAMERAS.keys())
def test_pixels_come_from_where_the_sampler_takes_them(camera: Camera) -> None:
    random = np.random.default_rng(0)
    noise = random.uniform(0, 255, (camera.height // 4, camera.width // 4, 3)).astype(np.float32)
    smooth = cv2.resize(noise, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    image = smooth.clip(0, 255).astype(np.uint8)
    target = target_camera(camera, 96, 320)
    expected = ImageSampler(camera, target)(torch.from_numpy(image))[0].numpy() * 255
    found = resampled(image, camera, target)
    assert found.shape == (3, 96, 320) and found.dtype == np.uint8
    difference = np.abs(found - expected)
    # OpenCV before 5 places a sample to 1/32 of a pixel.
    assert difference.mean() < 0.6 and np.percentile(difference, 99) < 2.5
    assert difference.max() < 6


def test_what_the_camera_does_not_see_is_black_in_both() -> None:
    source = Camera(100, 60, 80.0, 80.0, 49.5, 29.5)
    target = Camera(120, 60, 60.0, 60.0, 59.5, 29.5)
    image = np.full((60, 100, 3), 200, np.uint8)
    expected = ImageSampler(source, target)(torch.from_numpy(image))[0].numpy() * 255
    found = resampled(image, source, target)
    assert (found == 0).any() and (found == 200).any()
    assert np.abs(found - expected).max() < 1


def test_an_image_of_another_size_is_an_error() -> None:
    camera = CAMERAS['as it is']
    with pytest.raises(MdepthError, match='the image is 100x330, its camera 330x100'):
        resampled(np.zeros((330, 100, 3), np.uint8), camera, target_camera(camera, 64, 96))


def test_the_view_leaves_the_bonnet_out(make_drive) -> None:
    drive = make_drive(count=1)
    whole, upper = drive_view(drive, (64, 96)), drive_view(replace(drive, kept_rows=0.5), (64, 96))
    # The lowest row of the view, as a row of the file.
    row = (63 - upper.cy) / upper.fy * drive.camera.fy + drive.camera.cy
    assert row == pytest.approx(18.5, abs=0.2)
    assert (63 - whole.cy) / whole.fy * drive.camera.fy + drive.camera.cy > 37


def test_the_view_of_a_real_image(data_dir: Path) -> None:
    """A real photograph, the only thing with true edges: nearly all within a grey level."""
    (file,) = data_dir.glob('kitti_raw_sample/*/*/image_02/data/*.png')
    image = cv2.imread(str(file))
    camera = CAMERAS['shrinks by four']
    target = target_camera(camera, 96, 320)
    expected = ImageSampler(camera, target)(torch.from_numpy(image))[0].numpy() * 255
    difference = np.abs(resampled(image, camera, target) - expected)
    assert difference.mean() < 0.4 and (difference < 1).mean() > 0.97
