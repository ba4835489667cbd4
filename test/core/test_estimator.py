# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The estimator feeds the networks what they were trained on and reads them rightly."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from estimators import (
    CAMERA,
    HEIGHT,
    TRAINED,
    WIDTH,
    Oracle,
    estimator,
    oracle,
    pair_of,
    picture,
    predict,
    random_network,
)
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.core.refinement import refine
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, pixel_grid, project_depth


def test_shapes_kinds_and_units() -> None:
    source = Camera(250, 150, 200.0, 200.0, 124.5, 74.5)
    got = predict(estimator(), pair_of(source))
    assert got.depth.shape == got.confidence.shape == got.visible.shape == (HEIGHT, WIDTH)
    assert got.depth.dtype == got.confidence.dtype == np.float32
    assert got.image.shape == (HEIGHT, WIDTH, 3) and got.image.dtype == np.uint8
    assert got.motion.shape == (4, 4) and got.motion.dtype == np.float64
    assert (got.camera.width, got.camera.height) == (WIDTH, HEIGHT)
    assert got.visible.all() and (got.depth > 0).all()
    assert got.confidence.min() >= 0 and got.confidence.max() <= 1
    assert set(got.timings) == {'sample', 'network', 'refine', 'post'}


def test_the_networks_get_the_pair_in_order_and_the_pose_is_turned_round() -> None:
    network = random_network()
    pair = pair_of(CAMERA)
    got = predict(estimator(network, precision='fp32', refined=False), pair)

    def image(frame: Frame) -> Tensor:
        return torch.from_numpy(frame.image).permute(2, 0, 1)[None].float() / 255

    with torch.inference_mode():
        disparities, pose = network(image(pair.previous), image(pair.current))
        depth = network.depth(disparities[0])[0, 0].numpy()
    np.testing.assert_allclose(got.depth, depth, rtol=1e-3)
    np.testing.assert_array_equal(got.image, pair.current.image)
    # T_current_previous takes the previous camera's origin to the pose's translation.
    there = got.motion @ np.append(pose[0, 3:].numpy(), 1)
    np.testing.assert_allclose(there, [0, 0, 0, 1], atol=1e-5)


def test_without_cues_the_depth_is_that_of_one_image() -> None:
    pair = pair_of(CAMERA)
    alone = FramePair(pair.current, pair.current, 'alone')
    ours, plain = estimator(precision='fp32'), estimator(precision='fp32', cues=False)
    assert np.abs(predict(ours, pair).depth / predict(ours, alone).depth - 1).max() > 1e-4
    np.testing.assert_array_equal(predict(plain, pair).depth, predict(plain, alone).depth)
    np.testing.assert_array_equal(predict(plain, pair).motion[:3, 3] != 0, True)


def test_the_motion_is_corrected_by_corners_or_by_the_images_or_not_at_all() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 4, WIDTH // 4 + 1, 3), np.uint8)
    large = cv2.resize(noise, (WIDTH + 4, HEIGHT), interpolation=cv2.INTER_CUBIC)
    before, now = Frame(0, large[:, 2:-2], CAMERA), Frame(10**8, large[:, 4:], CAMERA)
    pair, known = FramePair(now, before, '', 0.1), Oracle(5.0, [0.0, 0, 0, 0, 0, -0.5])
    asked = estimator(known, precision='fp32')
    corners = predict(asked, pair)
    asked.by_corners = False
    images = predict(asked, pair)
    asked.refined = False
    plain = predict(asked, pair)
    assert [math.isfinite(said.evidence.corners.shift) for said in (corners, images, plain)] == [
        True, False, False,
    ]  # fmt: skip
    small = (asked.views.sampled(frame).brightness() for frame in (now, before))
    depth = torch.full((1, HEIGHT // 2, WIDTH // 2), 5.0)
    K = asked.views.of(CAMERA).half_intrinsics
    with torch.inference_mode():
        expected = refine(*small, depth, torch.from_numpy(plain.motion), K).numpy()
    np.testing.assert_allclose(images.motion, expected, atol=1e-6)
    np.testing.assert_array_equal(images.unrefined, plain.motion)
    assert min(np.abs(said.motion - plain.motion).max() for said in (corners, images)) > 1e-3
    assert np.abs(corners.motion - images.motion).max() > 1e-3


def test_a_frame_with_itself_does_not_move() -> None:
    says = oracle(5.0, [0.1, 0.2, 0.3, 1.0, 2.0, 3.0])
    got = predict(says, pair_of(CAMERA, 'first frame'))
    np.testing.assert_array_equal(got.motion, np.eye(4))
    np.testing.assert_allclose(got.depth, 5.0, rtol=1e-6)


@pytest.mark.parametrize('s', [0.7, 1.0, 1.2, 1.8])
@pytest.mark.parametrize(
    'pose',
    [
        [0.0, 0.0, 0.0, 0.3, -0.2, 0.8],
        [0.0, 0.0, 0.02, 0.1, 0.0, -0.5],
        [1e-3, -2e-3, 1e-3, 0.1, 0.2, 0.5],
    ],
)
def test_focal_correction_keeps_what_the_image_shows(s: float, pose: list[float]) -> None:
    """The flow that the network believes in, in the trained camera, is the flow in this camera."""
    generator = torch.Generator().manual_seed(1)
    believed = 5 + 10 * torch.rand(HEIGHT, WIDTH, generator=generator)
    source = Camera.from_normalised(WIDTH, HEIGHT, TRAINED[0] * s, TRAINED[1] * s, 0.5, 0.5)
    got = predict(oracle(believed, pose), pair_of(source))
    plain = predict(oracle(believed, pose), pair_of(CAMERA))
    assert got.camera == source and plain.camera == CAMERA
    np.testing.assert_allclose(got.depth, s * believed.numpy(), rtol=1e-5)

    def flow(depth: NDArray[np.float32], motion: NDArray[np.float64], camera: Camera) -> Tensor:
        T = torch.from_numpy(motion).float()[None]
        pixels, _ = project_depth(torch.from_numpy(depth)[None], T, camera.matrix())
        return (pixels - pixel_grid(HEIGHT, WIDTH)).permute(0, 3, 1, 2)

    true = flow(plain.depth, plain.motion, CAMERA)
    corrected = flow(got.depth, got.motion, source)
    # Exact without rotations about x and y; with them near the optical axis.
    near = np.s_[...] if pose[0] == 0 else np.s_[..., 22:42, 36:60]
    assert (true - corrected)[near].abs().max() < (2e-4 if pose[0] == 0 else 0.01)
    assert true[near].abs().max() > 0.5


def test_confidence_compares_with_the_depth_of_the_frame_before() -> None:
    """A wall that comes nearer by 0.5: believed where the depth of before says so."""
    frames = [Frame(i * 10**8, picture(CAMERA, i), CAMERA) for i in range(3)]
    pose = [0.0, 0.0, 0.0, 0.0, 0.0, -0.5]
    pairs = [FramePair(b, a, '', 0.1) for a, b in pairwise(frames)]

    def confidences(first: float, second: float) -> tuple[Any, Any]:
        network = Oracle(first, pose)
        one = estimator(network, precision='fp32')
        before = predict(one, pairs[0]).confidence
        one._network.inverse.fill_(1 / second)  # type: ignore[union-attr, operator]
        return before, predict(one, pairs[1]).confidence

    unknown, right = confidences(10.5, 10.0)
    known, wrong = confidences(20.0, 10.0)
    np.testing.assert_allclose(unknown, known, atol=1e-5)
    assert wrong.mean() < right.mean() - 0.01
    # A frame that nobody saw the depth of is no worse than one paired with itself.
    alone = predict(oracle(10.0, pose), FramePair(frames[2], frames[2], 'first frame'))
    stranger = predict(oracle(10.0, pose), pairs[1])
    np.testing.assert_array_equal(alone.confidence, stranger.confidence)


def test_a_batch_says_of_each_pair_what_it_says_alone() -> None:
    one = estimator(precision='fp32')
    other = Camera(WIDTH, HEIGHT, 70.0, 70.0, 47.5, 31.5)
    pairs = [
        pair_of(CAMERA),
        pair_of(other),
        FramePair(Frame(2, picture(CAMERA, 5), CAMERA), Frame(2, picture(CAMERA, 5), CAMERA), 'x'),
    ]
    together = one(pairs)
    for pair, prediction in zip(pairs, together, strict=True):
        alone = predict(one, pair)
        assert prediction.camera == alone.camera
        np.testing.assert_allclose(prediction.depth, alone.depth, rtol=1e-4)
        np.testing.assert_allclose(prediction.motion, alone.motion, atol=1e-6)
        np.testing.assert_allclose(prediction.confidence, alone.confidence, atol=1e-3)
        np.testing.assert_array_equal(prediction.image, alone.image)
    # Alone in a batch nothing differs at all.
    (single,) = one(pairs[:1])
    assert single.depth.tobytes() == predict(one, pairs[0]).depth.tobytes()
    assert not np.array_equal(together[0].depth, together[1].depth)


def test_parts_that_nobody_wants_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    one = estimator(precision='fp32')
    whole = predict(one, pair_of(CAMERA))
    monkeypatch.setattr('mdepth_ros.core.estimator.confidence', None)  # nor computed
    prediction = predict(one, pair_of(CAMERA), parts={'image'})
    assert prediction.confidence.size == 0 and prediction.image.shape == (HEIGHT, WIDTH, 3)
    assert prediction.depth.tobytes() == whole.depth.tobytes()
    prediction = predict(one, pair_of(CAMERA), parts=())
    assert prediction.confidence.size == prediction.image.size == 0
    assert prediction.motion.tobytes() == whole.motion.tobytes()


def test_bf16_is_fp32_but_for_rounding() -> None:
    pair = pair_of(CAMERA)
    full, half = (predict(estimator(precision=name), pair) for name in ('fp32', 'bf16'))
    difference = np.abs(half.depth / full.depth - 1)
    assert 0 < np.median(difference) < 0.01
    np.testing.assert_allclose(half.motion, full.motion, atol=1e-3)


def test_twice_is_the_same_bit_for_bit() -> None:
    pair = pair_of(CAMERA)
    one, two = predict(estimator(), pair), predict(estimator(), pair)
    for name in ('depth', 'motion', 'confidence', 'image'):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_weights_that_give_no_numbers_are_refused(value: float) -> None:
    network = random_network()
    with torch.no_grad():
        network.depth_encoder.conv1.weight[0, 0, 0, 0] = value
    with pytest.raises(MdepthError, match='non-finite'):
        estimator(network)
