# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import math

import cv2
import numpy as np
import pytest

from mdepth_ros.evaluation.depth import (
    SCORES,
    crop_box,
    depth_errors,
    errors_by_kind,
    in_image,
    mean_errors,
    means_by_kind,
    sample_depth,
)


def test_three_pixels_by_hand():
    truth = np.array([[2.0, 4.0, 10.0]])
    prediction = np.array([[2.0, 5.0, 5.0]])
    errors = depth_errors(prediction, truth)
    assert errors.abs_rel == pytest.approx((0 + 1 / 4 + 5 / 10) / 3)
    assert errors.sq_rel == pytest.approx((0 + 1 / 4 + 25 / 10) / 3)
    assert errors.rmse == pytest.approx(math.sqrt((0 + 1 + 25) / 3))
    assert errors.rmse_log == pytest.approx(
        math.sqrt((math.log(5 / 4) ** 2 + math.log(2) ** 2) / 3)
    )
    # 1.25 is not below 1.25; 2 is not below 1.25^3 = 1.953
    assert (errors.d1, errors.d2, errors.d3) == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert errors.ratio == pytest.approx(4 / 5)
    assert (errors.pixels, errors.coverage) == (3, 1.0)


def test_ratio_is_of_medians_not_median_of_ratios():
    truth = np.array([1.0, 4.0, 9.0])
    prediction = np.array([1.0, 2.0, 1.0])  # ratios 1, 2, 9: their median is 2
    assert depth_errors(prediction, truth, scaling='median').ratio == 4.0


def test_scales_first_and_clamps_after():
    truth = np.array([10.0, 20.0, 70.0])
    prediction = truth * 5  # 350 would be clamped to 80 before scaling
    errors = depth_errors(prediction, truth, scaling='median')
    assert errors.abs_rel == pytest.approx(0, abs=1e-12)
    assert depth_errors(prediction, truth).rmse == pytest.approx(
        math.sqrt((40**2 + 60**2 + 10**2) / 3)  # clamped to 50, 80, 80
    )
    assert depth_errors(prediction, truth, scaling=0.2).abs_rel == pytest.approx(0, abs=1e-12)


def test_median_scaling_undoes_any_scale():
    random = np.random.default_rng(1)
    truth = random.uniform(2, 60, (20, 30))
    prediction = truth * random.uniform(0.8, 1.2, truth.shape)
    one = depth_errors(prediction, truth, scaling='median')
    other = depth_errors(prediction * 7.3, truth, scaling='median')
    for name in SCORES:
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_unknown_prediction_lowers_coverage_and_infinite_is_clamped():
    truth = np.array([10.0, 10.0, 10.0, 40.0, np.nan, 0.0, 80.0, np.inf])
    prediction = np.array([10.0, np.nan, 0.0, np.inf, 1.0, 1.0, 1.0, 1.0])
    errors = depth_errors(prediction, truth)
    assert (errors.pixels, errors.coverage) == (2, 0.5)  # 80 and beyond are out of range
    assert errors.abs_rel == pytest.approx((0 + 40 / 40) / 2)


@pytest.mark.parametrize('prediction', [np.full(3, np.nan), np.full(3, np.inf)])
def test_nothing_to_score(prediction):
    errors = depth_errors(prediction, np.array([1.0, 2.0, 3.0]), scaling='median')
    assert errors.pixels == 0
    assert math.isnan(errors.abs_rel)
    assert mean_errors([errors]).pixels == 0


def test_garg_crop_of_a_kitti_image():
    assert crop_box((375, 1242), 'garg') == (153, 371, 44, 1197)
    v, u = np.mgrid[:375, :1242].reshape(2, -1)
    inside = in_image(np.stack([u, v], 1), (375, 1242), 'garg').reshape(375, 1242)
    assert inside[153:371, 44:1197].all() and inside.sum() == (371 - 153) * (1197 - 44)
    with pytest.raises(ValueError, match='unknown crop'):
        crop_box((3, 4), 'eigen')  # type: ignore[arg-type]


def resized(depth, shape):
    (h, w), (H, W) = depth.shape, shape
    u, v = (np.arange(W) + 0.5) * (w / W) - 0.5, (np.arange(H) + 0.5) * (h / H) - 0.5
    return sample_depth(depth, u[None, :], v[:, None])


@pytest.mark.parametrize('shape', [(375, 1242), (24, 80), (7, 9)])
def test_resize_is_opencv_bilinear_of_disparity(shape):
    depth = np.random.default_rng(0).uniform(1, 50, (24, 80))
    expected = 1 / cv2.resize(1 / depth, shape[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resized(depth, shape), expected, rtol=1e-5)


def test_resize_keeps_a_plane():
    # disparity of a plane is linear in the pixel, so it survives away from the border
    u, v = np.meshgrid(np.arange(32), np.arange(16))
    depth = 1 / (0.02 + 0.001 * u + 0.003 * v)
    larger = resized(depth, (48, 96))
    u, v = np.meshgrid(np.arange(96), np.arange(48))
    expected = 1 / (0.02 + 0.001 * ((u + 0.5) / 3 - 0.5) + 0.003 * ((v + 0.5) / 3 - 0.5))
    np.testing.assert_allclose(larger[2:-2, 2:-2], expected[2:-2, 2:-2], rtol=1e-12)


def test_sampling_between_pixels_and_beside_unknown_ones():
    depth = np.array([[1.0, 2.0, np.nan], [1.0, np.inf, 4.0]])
    u = np.array([0.5, 1.0, 1.5, 0.5, -0.3])
    v = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(
        sample_depth(depth, u, v), [1 / 0.75, 2.0, np.nan, 1 / 0.5, 1.0], equal_nan=True
    )


def test_points_between_pixels_and_outside_the_image():
    pixels = np.array([[-0.4, 0.0], [5.4, 3.4], [-0.6, 0.0], [2.0, 3.6]])
    assert in_image(pixels, (4, 6)).tolist() == [True, True, False, False]


def test_points_at_pixel_centres_score_as_the_image_does():
    random = np.random.default_rng(3)
    truth, prediction = random.uniform(1, 70, (2, 37, 124))
    u, v = np.meshgrid(np.arange(124.0), np.arange(37.0))
    pixels = np.stack([u.ravel(), v.ravel()], 1)
    for crop in ('none', 'garg'):
        inside = in_image(pixels, truth.shape, crop)
        top, bottom, left, right = crop_box(truth.shape, crop)
        cut = np.s_[top:bottom, left:right]
        dense = depth_errors(prediction[cut], truth[cut], scaling='median')
        sampled = sample_depth(prediction, *pixels[inside].T)
        sparse = depth_errors(sampled, truth.ravel()[inside], scaling='median')
        assert sparse.pixels == dense.pixels
        for name in (*SCORES, 'ratio'):
            assert getattr(sparse, name) == pytest.approx(getattr(dense, name))


def test_regions_share_the_ratio_of_the_whole_image():
    truth = np.array([10.0, 10.0, 10.0, 20.0])
    prediction = np.array(
        [5.0, 5.0, 5.0, 5.0]
    )  # ratio 2; the moving pixel is then half of the truth
    moving = np.array([False, False, False, True])
    errors = errors_by_kind(prediction, truth, moving)
    assert errors['_static'].abs_rel == 0
    assert errors['_moving'].abs_rel == pytest.approx(0.5)
    assert errors['_moving_raw'].abs_rel == pytest.approx(0.75)
    means = means_by_kind([errors, errors_by_kind(truth, truth)])  # one without a mask
    assert means[''].abs_rel == pytest.approx((0.5 / 4 + 0) / 2)
    assert means['_moving'].abs_rel == pytest.approx(0.5)
    assert means[''].pixels == 8


def test_each_image_counts_once():
    small = depth_errors(np.array([2.0]), np.array([1.0]))
    large = depth_errors(np.ones(100), np.ones(100))
    assert mean_errors([small, large]).abs_rel == pytest.approx(0.5)
