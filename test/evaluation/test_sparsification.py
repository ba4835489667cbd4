# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest

from mdepth_ros.evaluation.sparsification import (
    Sparsification,
    mean_sparsification,
    sparsification,
)

ERRORS = np.random.default_rng(3).exponential(0.1, 5000)


def test_three_pixels_by_hand() -> None:
    got = sparsification(np.array([0.1, 0.4, 0.1]), np.array([0.9, 0.5, 0.2]))
    # Kept: one, two, three. Ours 0.1, 0.25, 0.2; oracle 0.1, 0.1, 0.2; random 0.2 throughout.
    assert got.random == pytest.approx(0.2)
    assert got.area == pytest.approx(0.55 / 3) and got.area_oracle == pytest.approx(0.4 / 3)
    assert got.ratio == pytest.approx(0.55 / 0.6)
    assert got.ause == pytest.approx(0.15 / 0.2)
    assert got.curve[[0, 50, -1]] == pytest.approx([0.2, 0.25, 0.1])
    assert got.oracle[[0, 50, -1]] == pytest.approx([0.2, 0.1, 0.1])


def test_perfect_confidence_gives_0_and_random_1() -> None:
    assert sparsification(ERRORS, -ERRORS).ause == 0
    noise = np.random.default_rng(4).random(len(ERRORS))
    assert sparsification(ERRORS, noise).ause == pytest.approx(1, abs=0.1)
    assert sparsification(ERRORS, np.full(len(ERRORS), 0.5)).ause == pytest.approx(1, abs=1e-9)
    assert sparsification(ERRORS, ERRORS).ause > 1.5


def test_the_more_noise_the_worse() -> None:
    noise = np.random.default_rng(5).normal(0, 1, len(ERRORS))
    results = [sparsification(ERRORS, -ERRORS + std * noise) for std in (0, 0.03, 0.1, 0.3, 1)]
    areas = [result.ause for result in results]
    assert areas == sorted(areas) and areas[0] == 0 < areas[1] and 0.5 < areas[-1] < 1.1
    for result in results:
        assert (result.curve >= result.oracle - 1e-12).all()
        assert result.curve[0] == pytest.approx(result.random)
        assert (np.diff(result.oracle) <= 0).all(), 'what is left gets better and better'


def test_only_the_order_counts_and_unknown_is_the_lowest() -> None:
    confidence = 1 / (1 + ERRORS) + 0.02 * np.random.default_rng(6).random(len(ERRORS))
    plain = sparsification(ERRORS, confidence)
    assert sparsification(ERRORS, np.exp(5 * confidence)).ause == plain.ause
    assert sparsification(7 * ERRORS, confidence).ause == pytest.approx(plain.ause)
    lowest = confidence.argmin()
    confidence[lowest] = np.nan
    assert sparsification(ERRORS, confidence).ause == plain.ause
    order = np.random.default_rng(7).permutation(len(ERRORS))
    shuffled = sparsification(ERRORS[order], confidence[order])
    assert shuffled.ause == pytest.approx(plain.ause)


def test_ties_do_not_depend_on_the_order_in_memory() -> None:
    errors = np.sort(ERRORS)
    confidence = (errors < 0.1).astype(float)  # two values, each of many pixels
    first, second = (
        sparsification(errors, confidence),
        sparsification(errors[::-1], confidence[::-1]),
    )
    assert first.ause == pytest.approx(second.ause) and 0.2 < first.ause < 0.8


def test_the_area_is_that_under_the_curve() -> None:
    got = sparsification(ERRORS, -ERRORS + 0.1 * np.random.default_rng(8).random(len(ERRORS)))
    assert np.mean((got.curve[1:] + got.curve[:-1]) / 2) == pytest.approx(got.area, rel=0.02)


def test_the_mean_is_over_images_and_leaves_out_those_without_an_order() -> None:
    good, bad = sparsification(ERRORS, -ERRORS), sparsification(ERRORS, ERRORS)
    flat = sparsification(np.full(10, 0.2), np.arange(10))
    assert math.isnan(flat.ause) and flat.ratio == pytest.approx(1)
    assert math.isnan(sparsification(np.zeros(5), np.arange(5)).ratio)
    mean = mean_sparsification([good, bad, flat])
    assert isinstance(mean, Sparsification) and mean.images == 2
    assert mean.ause == pytest.approx((good.ause + bad.ause) / 2)
    np.testing.assert_allclose(mean.curve, (good.curve + bad.curve) / 2)
    assert mean_sparsification([flat]) is None and mean_sparsification([]) is None


def test_what_cannot_be_ranked_is_refused() -> None:
    for errors in (np.empty(0), np.array([0.1, np.nan])):
        with pytest.raises(ValueError, match='finite errors'):
            sparsification(errors, errors)
