# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera has one view, a frame is sampled once, and neither is kept for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from estimators import CAMERA, HEIGHT, WIDTH, Oracle, estimator, oracle, pair_of, picture, predict
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.core.types import Frame, FramePair, Mask
from mdepth_ros.core.views import mirrored
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


def masked(camera: Camera, usable: NDArray[np.bool_]) -> FramePair:
    mask, pair = Mask(usable, 'bonnet.png'), pair_of(camera)
    previous, current = (replace(frame, mask=mask) for frame in (pair.previous, pair.current))
    return replace(pair, previous=previous, current=current)


def test_a_mask_is_seen_as_the_camera_sees() -> None:
    """Of an image of twice the size, a pixel is visible where all that it is made of is usable."""
    double = CAMERA.scaled(2 * WIDTH, 2 * HEIGHT)
    usable = np.ones((2 * HEIGHT, 2 * WIDTH), bool)
    usable[101:, 31:80] = False
    one = oracle(5.0, [0.0] * 6)
    blocks = usable.reshape(HEIGHT, 2, WIDTH, 2)
    np.testing.assert_array_equal(predict(one, masked(double, usable)).visible, blocks.all((1, 3)))
    assert predict(one, pair_of(double)).visible.all()
    got = predict(one, masked(double, usable))
    assert (got.confidence[~got.visible] == 0).all() and (got.confidence[got.visible] > 0).all()
    view = one.views.of(double, Mask(usable))
    assert view.half_usable is not None and view.small_usable is not None
    visible = blocks.all((1, 3))
    quarter = visible.reshape(HEIGHT // 4, 4, WIDTH // 4, 4).all((1, 3))
    np.testing.assert_array_equal(view.small_usable[0, 0].numpy(), quarter)
    half = visible.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).all((1, 3))
    eroded = cv2.erode(half.astype(np.uint8), np.ones((3, 3), np.uint8))
    np.testing.assert_array_equal(view.half_usable[0, 0].numpy(), eroded)


def test_a_mask_through_a_lens_is_where_opencv_puts_it() -> None:
    bent = (-0.3, 0.1, 0.001, -0.002, 0.0)
    lens = Camera(WIDTH, HEIGHT, 80.0, 80.0, 47.5, 31.5, 'plumb_bob', bent)
    usable = np.ones((HEIGHT, WIDTH), bool)
    usable[44:, 20:70] = False
    got = predict(oracle(5.0, [0.0] * 6), masked(lens, usable))
    K, target = lens.matrix().double().numpy(), got.camera.matrix().double().numpy()
    maps = cv2.initUndistortRectifyMap(
        K, np.array(bent), None, target, (WIDTH, HEIGHT), cv2.CV_32FC1
    )
    share = cv2.remap(usable.astype(np.float32), *maps, cv2.INTER_LINEAR, borderValue=1.0)
    sure = (share == 1) | (share < 0.94)  # OpenCV rounds positions to a 32nd of a pixel
    assert sure.mean() > 0.95 and 0.05 < (~got.visible).mean() < 0.4
    np.testing.assert_array_equal(got.visible[sure], (share > 0.99)[sure])


def test_a_mask_that_does_not_fit_is_one_line() -> None:
    one = oracle(5.0, [0.0] * 6)
    with pytest.raises(MdepthError, match=r'bonnet.png is a mask of 20x10, but the images are 96'):
        predict(one, masked(CAMERA, np.ones((10, 20), bool)))
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    nothing[0, 0] = True
    wide = Camera(WIDTH, HEIGHT, 80.0, 80.0, 47.5, 31.5).cropped(0, 10, WIDTH, 30)
    usable = np.ones((30, WIDTH), bool)
    usable[:, 1:-1] = False
    with pytest.raises(MdepthError, match=r'bonnet.png leaves nothing of what the networks see'):
        predict(one, masked(wide, usable))


def test_the_networks_see_the_mirrored_road_in_a_mask() -> None:
    hidden = torch.zeros(20, 30, dtype=torch.bool)
    hidden[14:] = True
    into, source = mirrored(hidden)
    rows, columns = into // 30, into % 30
    assert torch.equal(into, hidden.flatten().nonzero()[:, 0])
    assert torch.equal(source, (2 * 13 - rows) * 30 + columns)
    # Nothing that is hidden or outside, whatever the shape.
    generator = torch.Generator().manual_seed(0)
    for share in (0.1, 0.9):
        hidden = torch.rand(20, 30, generator=generator) < share
        into, source = mirrored(hidden)
        assert hidden.flatten()[into].all() and not hidden.flatten()[source].any()


def test_what_a_mask_hides_changes_no_evidence_and_no_motion() -> None:
    """Whatever is painted there, depth, refined motion and evidence are the same to the bit."""
    usable = np.ones((HEIGHT, WIDTH), bool)
    usable[45:, 9:83] = False
    rng = np.random.default_rng(3)
    said, depths = [], []
    for _ in range(2):
        pair = masked(CAMERA, usable)
        for frame in (pair.previous, pair.current):
            hidden = rng.integers(0, 256, frame.image.shape, dtype=np.uint8)
            frame.image[~usable] = hidden[~usable]
        one = estimator(Oracle(5.0, [0.0, 0.01, 0.0, 0.0, 0.0, -0.3]), precision='fp32')
        said.append(predict(one, pair))
        depths.append(predict(estimator(precision='fp32'), pair).depth)
        shown = predict(one, pair).image
        np.testing.assert_allclose(shown, pair.current.image, atol=1)
    np.testing.assert_array_equal(*depths)
    assert said[0].evidence == said[1].evidence
    np.testing.assert_array_equal(said[0].motion, said[1].motion)
    assert said[0].unrefined is not None
    assert np.abs(said[0].motion - said[0].unrefined).max() > 1e-5
