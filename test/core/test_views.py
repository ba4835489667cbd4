# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera has one view, a frame is sampled once, and neither is kept for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from estimators import CAMERA, HEIGHT, WIDTH, estimator, oracle, pair_of, picture, predict
from torch import Tensor

from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, ImageSampler


def test_a_camera_far_from_the_trained_one_is_a_warning_said_once() -> None:
    one = oracle(5.0, [0.0] * 6)
    predict(one, pair_of(CAMERA))
    assert one.warnings == []
    far = Camera.from_normalised(WIDTH, HEIGHT, 1.6, 2.4, 0.5, 0.5)
    for camera in (far, CAMERA, far):
        predict(one, pair_of(camera))
    assert len(one.warnings) == 1 and '2.00 times the focal length' in one.warnings[0]


def test_what_the_sensor_does_not_show_is_named() -> None:
    """A rectified camera with a wider view than the lens has."""
    lens = Camera(WIDTH, HEIGHT, 100.0, 100.0, 47.5, 31.5)
    wide = Camera(
        WIDTH,
        HEIGHT,
        100.0,
        100.0,
        47.5,
        31.5,
        'plumb_bob',
        (1e-9,),
        rectified=(50, 50, 47.5, 31.5),
    )
    assert predict(oracle(5.0, [0.0] * 6), pair_of(lens)).visible.all()
    visible = predict(oracle(5.0, [0.0] * 6), pair_of(wide)).visible
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[16:48, 24:72] = True
    np.testing.assert_array_equal(visible, inside)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    calls: list[Tensor] = []
    original: Callable[..., Tensor] = ImageSampler.__call__

    def call(self: ImageSampler, image: Tensor) -> Tensor:
        calls.append(image)
        return original(self, image)

    monkeypatch.setattr(ImageSampler, '__call__', call)
    return calls


def test_a_frame_is_sampled_once_and_a_view_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = oracle(5.0, [0.0] * 6)
    calls = counted(monkeypatch)
    frames = [Frame(i, picture(CAMERA, i), CAMERA) for i in range(6)]
    for before, after in pairwise(frames):
        predict(one, FramePair(after, before, '', 0.1))
    # One more: the white image that tells what the sensor shows.
    assert len(calls) == len(frames) + 1


def test_views_of_many_cameras_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    one = oracle(5.0, [0.0] * 6)
    cameras = [Camera(WIDTH, HEIGHT, 77.0 + i, 77.0, 47.5, 31.5) for i in range(12)]
    for camera in cameras:
        predict(one, pair_of(camera))
    calls = counted(monkeypatch)
    predict(one, pair_of(cameras[-1]))
    assert len(calls) == 2
    predict(one, pair_of(cameras[0]))
    assert len(calls) == 5


def test_frames_are_let_go() -> None:
    one = oracle(5.0, [0.0] * 6)
    alive = []
    for _ in range(3):
        pair = pair_of(CAMERA)
        predict(one, pair)
        alive += [weakref.ref(pair.current), weakref.ref(pair.previous)]
    del pair
    gc.collect()
    assert all(reference() is None for reference in alive)
    # Nor does what is kept grow where the caller keeps all frames.
    frames = [Frame(i, picture(CAMERA), CAMERA) for i in range(40)]
    for frame in frames:
        predict(one, FramePair(frame, frame, 'alone'))
    assert len(one.views._samples) <= 16


def test_read_only_and_mirrored_images() -> None:
    image = picture(CAMERA)
    locked = image.copy()
    locked.flags.writeable = False
    mirrored = image[:, :, ::-1].copy()[:, :, ::-1]
    one = estimator(precision='fp32')
    depths = [
        predict(one, FramePair(frame, frame, 'alone')).depth
        for frame in (Frame(0, view, CAMERA) for view in (image, locked, mirrored))
    ]
    np.testing.assert_array_equal(depths[0], depths[1])
    np.testing.assert_array_equal(depths[0], depths[2])


def test_an_image_of_another_size_than_its_camera() -> None:
    frame = Frame(0, np.zeros((10, 20, 3), np.uint8), CAMERA)
    with pytest.raises(MdepthError, match=r'camera_info'):
        predict(oracle(5.0, [0.0] * 6), FramePair(frame, frame, 'alone'))
