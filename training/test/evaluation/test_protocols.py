# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each protocol against the same numbers worked out in a few plain lines of this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from mdepth_training.evaluation.protocols import PROTOCOLS, scored_box
from mdepth_training.evaluation.score import score
from mdepth_training.evaluation.shots import Shot, Shots
from numpy.typing import NDArray

from mdepth_ros.core.types import Frame
from mdepth_ros.evaluation.depth import SCORES
from mdepth_ros.geometry import Camera

Array = NDArray[Any]
Cameras = Callable[[int, int], Camera]


def scene(seed: int, shape: tuple[int, int], far: float) -> tuple[Array, Array]:
    """A coarse prediction [24, 80] in some unit, and a sparse truth with values out of range."""
    random = np.random.default_rng(seed)
    prediction = 6 * np.exp(-random.exponential(1.2, (24, 80)))
    prediction[random.random(prediction.shape) < 0.05] *= 12
    truth = (far / 40 * np.exp(random.exponential(1.2, shape))).astype(np.float32)
    truth[random.random(shape) < 0.7] = 0
    return prediction.astype(np.float32), truth


def shots(truths: list[Array], cameras: Cameras) -> Shots:
    def one(index: int, truth: Array) -> Shot:
        height, width = truth.shape
        camera = cameras(width, height)
        frame = Frame(index, np.zeros((height, width, 3), np.uint8), camera)
        return Shot(str(index), frame, truth=truth, camera=camera)

    listed = [one(index, truth) for index, truth in enumerate(truths)]
    return Shots('made up', len(listed), lambda _: iter(listed))


def plain_errors(g: Array, p: Array, low: float, high: float, scale: float | None) -> list[float]:
    """The seven numbers of true depths [N] and predicted ones."""
    ratio = np.median(g) / np.median(p) if scale is None else scale
    p = p * ratio
    p[p < low] = low
    p[p > high] = high
    worse = np.maximum(g / p, p / g)
    return [
        np.mean(np.abs(g - p) / g),
        np.mean((g - p) ** 2 / g),
        np.sqrt(((g - p) ** 2).mean()),
        np.sqrt(((np.log(g) - np.log(p)) ** 2).mean()),
        (worse < 1.25).mean(),
        (worse < 1.5625).mean(),
        (worse < 1.953125).mean(),
    ]


def found(result: Any, kind: str = '') -> list[float]:
    errors = result.means()['given'][kind]
    return [getattr(errors, name) for name in SCORES]


@pytest.mark.parametrize(
    ('name', 'shape', 'rows', 'columns'),
    [
        ('kitti-eigen', (375, 1242), (153, 371), (44, 1197)),
        ('kitti-improved', (375, 1242), (0, 375), (0, 1242)),
        ('cityscapes', (768, 2048), (256, 768), (192, 1856)),
        ('nyu', (480, 640), (45, 471), (41, 601)),
    ],
)
def test_a_protocol_by_hand(
    name: str,
    shape: tuple[int, int],
    rows: tuple[int, int],
    columns: tuple[int, int],
    given: Callable[..., Any],
    camera: Cameras,
) -> None:
    low, high = (0.1, 10.0) if name == 'nyu' else (1e-3, 80.0)
    scenes = [scene(seed, shape, high) for seed in (1, 2)]
    scaled, metric, early = [], [], []
    for prediction, truth in scenes:
        enlarged = 1 / cv2.resize(1 / prediction, shape[::-1])
        g = truth[rows[0] : rows[1], columns[0] : columns[1]]
        p = enlarged[rows[0] : rows[1], columns[0] : columns[1]]
        valid = (g > low) & (g < high)
        g, p = g[valid].astype(np.float64), p[valid].astype(np.float64)
        # These scenes tell the two ratios and the two orders apart.
        assert np.median(g) / np.median(p) < 0.95 * np.median(g / p)
        scaled.append(plain_errors(g, p, low, high, None))
        metric.append(plain_errors(g, p, low, high, 5.4))
        early.append(plain_errors(g, np.clip(p, low, high), 0.0, np.inf, None))
    predictor = given([prediction for prediction, _ in scenes], unit=5.4)
    result = score(predictor, shots([truth for _, truth in scenes], camera), PROTOCOLS[name])
    np.testing.assert_allclose(found(result), np.mean(scaled, 0), rtol=1e-4)
    np.testing.assert_allclose(found(result, '_raw'), np.mean(metric, 0), rtol=1e-4)
    # Clamped before they are scaled, the result would be another one.
    assert found(result)[1] != pytest.approx(np.mean(early, 0)[1], rel=1e-3)


def test_make3d_by_hand(given: Callable[..., Any], camera: Cameras) -> None:
    """Nearest pixel, up to 70 m, decimal logarithms."""
    prediction, truth = scene(3, (21, 305), 70.0)
    p = cv2.resize(1 / prediction, (305, 21), interpolation=cv2.INTER_NEAREST)
    valid = (truth > 0) & (truth < 70)
    g = truth[valid].astype(np.float64)
    expected = plain_errors(g, 1 / p[valid].astype(np.float64), 1e-3, 70.0, None)
    expected[3] /= np.log(10)
    result = score(given([prediction]), shots([truth], camera), PROTOCOLS['make3d'])
    np.testing.assert_allclose(found(result), expected, rtol=1e-4)
    assert '_raw' not in result.means()['given']  # a model without a unit has no metres


def test_boxes_of_other_sizes_are_in_proportion() -> None:
    assert scored_box('cityscapes', (384, 1024)) == (128, 384, 96, 928)
    assert scored_box('nyu', (240, 320)) == (22, 236, 20, 300)
    assert scored_box('garg', (375, 1242)) == (153, 371, 44, 1197)
    assert scored_box('none', (5, 7)) == (0, 5, 0, 7)


def test_trivial_predictors_are_scored_where_the_model_sees(
    given: Callable[..., Any], camera: Cameras
) -> None:
    """The constant's error does not depend on it, and the true map as a prior has none."""
    prediction, _ = scene(4, (96, 320), 80.0)
    true = np.linspace(2, 60, 96 * 320).reshape(96, 320)
    result = score(
        given([prediction]),
        shots([true], camera),
        PROTOCOLS['synthetic'],
        {'layout': true[2::4, 2::4].astype(np.float32)},
    )
    means = result.means()
    assert list(means) == ['given', 'layout', 'constant', 'flat ground', 'flat ground and walls']
    p = np.full(true.size, np.median(true))
    np.testing.assert_allclose(
        [getattr(means['constant'][''], name) for name in SCORES],
        plain_errors(true.ravel(), p, 1e-3, 80.0, 1.0),
    )
    assert means['layout'][''].abs_rel < 0.05 < means['constant'][''].abs_rel
    assert '_raw' in means['layout'] and '_raw' not in means['constant']


def test_regions_have_the_ratio_of_the_whole(given: Callable[..., Any], camera: Cameras) -> None:
    prediction, truth = np.ones((8, 8), np.float32), np.full((8, 8), 4.0)
    truth[:2], moving = 8.0, np.zeros((8, 8), bool)
    moving[:2] = True
    (shot,) = shots([truth], camera)
    shot = Shot(shot.name, shot.frame, truth=truth, camera=shot.camera, moving=moving)
    result = score(
        given([prediction]), Shots('', 1, lambda _: iter([shot])), PROTOCOLS['recording']
    )
    means = result.means()['given']
    assert means['_static'].abs_rel == 0 and means['_moving'].abs_rel == pytest.approx(0.5)
    assert means[''].abs_rel == pytest.approx(0.25 * 0.5)
