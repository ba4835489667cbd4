# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motion of a pair from its corners: numeric derivatives, and points whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mdepth_ros.core.tracks import Depths, Matches, unknown
from mdepth_ros.core.two_views import (
    DEPTH,
    DIRECTION,
    FEWEST,
    LENGTH,
    PIXELS,
    SCALE,
    TURN,
    Corners,
    TwoViews,
    _cost,
    bundle,
    depth_at,
    fit,
    residuals,
)
from mdepth_ros.core.types import Fit
from mdepth_ros.geometry import Camera, se3_exp, se3_log

Array = NDArray[np.float64]
CAMERA = Camera.from_normalised(320, 96, 0.58, 1.92, 0.5, 0.5)
PIXEL = 1 / 700


def transform(*twist: float) -> Array:
    return np.asarray(se3_exp(torch.tensor(twist, dtype=torch.float64)).numpy())


TRUE = transform(0.02, -0.01, 0.8, 0.002, 0.03, -0.001)


class Scene:
    """A wavy surface ahead; `matches` sees its points from both places."""

    def __init__(self, count: int = 300, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        v, u = np.mgrid[:96, :320]
        self.depth = (12 + 6 * np.sin(u / 40) * np.cos(v / 25)).astype(np.float32)
        self.u = self.random.uniform(2, 317, count)
        self.v = self.random.uniform(2, 93, count)
        x, y = (self.u - CAMERA.cx) / CAMERA.fx, (self.v - CAMERA.cy) / CAMERA.fy
        self.current = np.stack([x, y], 1)
        self.true_depth = 12 + 6 * np.sin(self.u / 40) * np.cos(self.v / 25)

    def matches(self, T: Array, noise: float = 0.0) -> Matches:
        points = np.append(self.current, np.ones((len(self.u), 1)), 1) * self.true_depth[:, None]
        moved = points @ T[:3, :3].T + T[:3, 3]
        previous = moved[:, :2] / moved[:, 2:]
        previous += noise * PIXEL * self.random.normal(size=previous.shape)
        places = np.zeros((len(previous), 2), np.float32)
        return Matches(previous, self.current, PIXEL, 5.0, places, unknown(len(previous)))


def off(found: TwoViews | None, true: Array = TRUE) -> tuple[float, float, float]:
    """Errors: degrees, degrees between the directions, and the ratio of the lengths."""
    assert found is not None
    turn = se3_log(torch.from_numpy(np.linalg.solve(true, found.motion)))[3:].norm()
    a, b = found.motion[:3, 3], true[:3, 3]
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    ratio = np.linalg.norm(a) / np.linalg.norm(b)
    return (
        float(np.degrees(float(turn))),
        float(np.degrees(np.arccos(min(cosine, 1)))),
        float(ratio),
    )


def test_the_std_is_that_of_errors_that_are_as_it_takes_them_to_be() -> None:
    """Independent in each corner: noise of its place, of the networks' depth and motion."""
    random, errors, stds = np.random.default_rng(5), [], []
    length = float(np.linalg.norm(TRUE[:3, 3]))
    prior = np.array([DIRECTION * length] * 2 + [LENGTH * length] + [TURN] * 3)
    for seed in range(60):
        scene = Scene(300, seed)
        matches = scene.matches(TRUE, noise=PIXELS)
        depth = scene.depth * np.exp(random.normal(0, DEPTH, scene.depth.shape))
        depth *= np.exp(random.normal(0, SCALE))
        start = transform(*(prior * random.normal(size=6))) @ TRUE
        found = bundle(matches, depth.astype(np.float32), CAMERA, start)
        assert found is not None
        stds.append(found.std)
        errors.append(se3_log(torch.from_numpy(np.linalg.solve(found.motion, TRUE))).numpy())
    ratio = np.sqrt(np.mean((np.array(errors) / stds) ** 2, 0))
    assert np.all((ratio > 0.6) & (ratio < 1.7)), ratio


def test_derivatives_are_those_of_the_residuals() -> None:
    random = np.random.default_rng(2)
    points = random.uniform(-3, 3, (3, 20)) + [[0], [0], [12]]
    target = random.normal(size=(2, 20))
    _, J, by_depth = residuals(points, target, TRUE)
    step = 1e-6
    for k in range(6):
        twist = torch.zeros(6, dtype=torch.float64)
        twist[k] = step
        ahead, back = (se3_exp(sign * twist).numpy() @ TRUE for sign in (1, -1))
        numeric = residuals(points, target, ahead)[0] - residuals(points, target, back)[0]
        np.testing.assert_allclose(J[:, k], numeric / 2 / step, atol=1e-8)
    ahead, back = (residuals(points * np.exp(sign * step), target, TRUE)[0] for sign in (1, -1))
    np.testing.assert_allclose(by_depth, (ahead - back) / 2 / step, atol=1e-8)


def test_a_wrong_start_is_corrected() -> None:
    """The networks are off by 0.2 degrees, 2 degrees of direction, 10 % of length."""
    scene = Scene()
    start = transform(0.02, 0.02, 0.88, 0.004, 0.027, 0.002)
    before = off(TwoViews(start, np.ones(6), unknown(0), np.zeros(0, np.bool_), Fit()))
    turn, direction, ratio = off(bundle(scene.matches(TRUE, 0.1), scene.depth, CAMERA, start))
    assert turn < 0.02 < before[0]
    assert direction < 0.2 < before[1]
    assert 0.95 < ratio < 1.08


def test_a_third_that_moves_or_is_matched_wrongly_counts_little() -> None:
    scene = Scene()
    matches = scene.matches(TRUE, 0.1)
    matches.previous[:60] += [30 * PIXEL, 4 * PIXEL]  # a lorry beside
    matches.previous[60:100] += 40 * PIXEL * scene.random.normal(size=(40, 2))
    start = transform(0.02, 0.02, 0.88, 0.004, 0.027, 0.002)
    turn, direction, ratio = off(bundle(matches, scene.depth, CAMERA, start))
    assert turn < 0.02 and direction < 0.5 and 0.9 < ratio < 1.1


def test_wrong_depth_does_not_turn_the_camera() -> None:
    """A third of the image is twice as far as the networks say, the rest off by a quarter."""
    scene = Scene()
    wrong = scene.depth * np.exp(0.22 * scene.random.normal(size=scene.depth.shape))
    wrong[:, 200:] /= 2
    turn, direction, ratio = off(
        bundle(scene.matches(TRUE, 0.1), wrong.astype(np.float32), CAMERA, TRUE)
    )
    assert turn < 0.02 and direction < 0.5 and 0.85 < ratio < 1.1


def test_the_length_is_between_what_depth_and_networks_say() -> None:
    """All depths 20 % too long: the images alone cannot tell, so both give way."""
    scene = Scene()
    longer = (1.2 * scene.depth).astype(np.float32)
    found = off(bundle(scene.matches(TRUE, 0.1), longer, CAMERA, TRUE))
    assert found[0] < 0.02
    assert 1.02 < found[2] < 1.18


def test_pure_rotation_and_standstill() -> None:
    """No parallax says anything of the length: it stays short, and the turn is exact."""
    scene = Scene()
    for true in (transform(0, 0, 0, 0.001, 0.04, 0.002), np.eye(4)):
        start = true @ transform(0.005, 0, 0.05, 0.001, -0.002, 0.001)
        found = bundle(scene.matches(true, 0.05), scene.depth, CAMERA, start)
        assert found is not None
        turn = se3_log(torch.from_numpy(np.linalg.solve(true, found.motion)))[3:].norm()
        assert np.degrees(float(turn)) < 0.02
        assert np.linalg.norm(found.motion[:3, 3]) < 0.03


def test_too_few_corners_say_nothing() -> None:
    scene = Scene(FEWEST - 1)
    assert bundle(scene.matches(TRUE), scene.depth, CAMERA, TRUE) is None
    scene = Scene(FEWEST + 5)
    matches = scene.matches(TRUE)
    matches.previous[:10] = np.nan  # blind pixels of a fisheye
    assert bundle(matches, scene.depth, CAMERA, TRUE) is None


def test_the_unit_is_that_of_the_depth() -> None:
    """Depth and motion in another unit: the same motion in that unit."""
    scene = Scene()
    start = transform(0.02, 0.0, 0.85, 0.002, 0.028, 0.0)
    plain = bundle(scene.matches(TRUE), scene.depth, CAMERA, start)
    start[:3, 3] *= 0.25
    small = bundle(scene.matches(TRUE), scene.depth / 4, CAMERA, start)
    assert plain is not None and small is not None
    np.testing.assert_allclose(small.motion[:3, 3], plain.motion[:3, 3] / 4, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(small.motion[:3, :3], plain.motion[:3, :3], atol=1e-7)


def test_corners_outside_of_the_depth_say_the_rotation() -> None:
    """The networks see a strip of the image; half of the corners lie above it."""
    scene = Scene()
    strip = Camera(320, 48, CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy - 48)
    start = transform(0.02, 0.0, 0.85, 0.004, 0.027, 0.002)
    found = bundle(scene.matches(TRUE, 0.1), scene.depth[48:], strip, start)
    turn, direction, ratio = off(found)
    assert turn < 0.02 and direction < 0.5 and 0.9 < ratio < 1.1


def test_depth_is_read_between_pixels() -> None:
    ramp = np.tile(np.arange(320, dtype=np.float32) + 1, (96, 1))
    x = (np.array([10.25, 100.5, -30.0]) - CAMERA.cx) / CAMERA.fx
    y = (np.array([5.0, 50.75, 20.0]) - CAMERA.cy) / CAMERA.fy
    depth, seen = depth_at(ramp, CAMERA, x, y)
    np.testing.assert_allclose(depth[:2], [11.25, 101.5], rtol=1e-3)
    assert seen.tolist() == [True, True, False]
    assert depth[2] == pytest.approx(np.median(depth[:2]))


def test_depths_are_those_of_the_scene() -> None:
    """Truth: the surface. Near corners are seen from two places, so their depth is known well."""
    scene = Scene()
    wrong = scene.depth * np.exp(0.2 * scene.random.normal(size=scene.depth.shape))
    found = bundle(scene.matches(TRUE, 0.1), wrong.astype(np.float32), CAMERA, TRUE)
    assert found is not None and found.fits.mean() > 0.95
    error = found.depths.log - np.log(scene.true_depth)
    error -= np.median(error)
    aside = np.hypot(*scene.current.T) > 0.4  # straight ahead nothing moves in the image
    assert np.median(np.abs(error[aside])) < 0.05 < np.median(np.abs(np.log(wrong / scene.depth)))
    inside = np.abs(error[aside]) < 2 * np.hypot(found.depths.spread[aside], 0.02)
    assert inside.mean() > 0.9


def test_what_does_not_fit_is_said() -> None:
    scene = Scene()
    matches = scene.matches(TRUE, 0.1)
    matches.previous[:40] += [30 * PIXEL, 20 * PIXEL]
    found = bundle(matches, scene.depth, CAMERA, TRUE)
    assert found is not None
    assert found.fits[:40].mean() < 0.2 and found.fits[40:].mean() > 0.95


def test_depths_of_the_pairs_before_keep_the_length() -> None:
    """The networks say 15 % too much this time; the corners were seen before, and know better."""
    scene = Scene()
    matches = scene.matches(TRUE, 0.1)
    points = np.append(scene.current, np.ones((len(scene.u), 1)), 1) * scene.true_depth[:, None]
    before = np.log((points @ TRUE[:3, :3].T + TRUE[:3, 3])[:, 2])
    start = TRUE.copy()
    start[:3, 3] *= 1.15
    far = (1.15 * scene.depth).astype(np.float32)
    alone = off(bundle(matches, far, CAMERA, start))
    sure = matches._replace(before=Depths(before, np.full(len(before), 0.05), 0.02))
    together = off(bundle(sure, far, CAMERA, start))
    assert alone[2] > 1.1
    assert abs(together[2] - 1) < 0.03
    unsure = matches._replace(before=Depths(before, np.full(len(before), 0.05), 1.0))
    assert off(bundle(unsure, far, CAMERA, start))[2] > 1.1


def test_many_pairs_share_one_length() -> None:
    """Lengths that the networks say at random, 10 % off: those of the chain vary far less."""
    scene = Scene(seed=3)
    shared, lengths = [], []
    before = unknown(len(scene.u))
    for _ in range(12):
        start = TRUE.copy()
        start[:3, 3] *= np.exp(0.1 * scene.random.normal())
        matches = scene.matches(TRUE, 0.1)._replace(before=before)
        found = bundle(matches, scene.depth, CAMERA, start)
        assert found is not None
        lengths.append(np.linalg.norm(found.motion[:3, 3]))
        shared.append(found.depths.shared)
        # The vehicle stands again where it was: the same corners, their depths before the pair.
        points = np.append(scene.current, np.ones((len(scene.u), 1)), 1)
        points *= np.exp(found.depths.log)[:, None]
        log = np.log((points @ found.motion[:3, :3].T + found.motion[:3, 3])[:, 2])
        before = found.depths._replace(log=log)
    assert np.std(np.log(lengths[3:])) < 0.03
    assert shared[-1] < 0.5 * shared[0]


def fit_of(scene: Scene, matches: Matches, motion: Array) -> Fit:
    """How corners of known depth fit a motion."""
    rays = np.stack([*scene.current.T, np.ones(len(scene.u))])
    said, spread = scene.true_depth, np.full(len(scene.u), DEPTH)
    corners = Corners(rays, matches.previous.T, said, spread, PIXEL)
    return fit(corners, motion, matches.shift)


def test_what_fits_a_world_that_stands() -> None:
    scene = Scene()
    matches = scene.matches(TRUE, 0.1)
    right = fit_of(scene, matches, TRUE)
    assert right.agree > 0.95 and right.explained > 0.7 and right.travels > 10
    assert right.still == 0 and right.shift == 5.0
    found = bundle(matches, scene.depth, CAMERA, TRUE)
    assert found is not None and found.corners.agree > 0.95 and found.corners.explained > 0.7
    wrong = fit_of(scene, matches, transform(0, 0, 0.8, 0, -0.03, 0))
    assert wrong.agree < 0.1 and wrong.explained < 0.2
    matches.previous[:120] += [30 * PIXEL, 40 * PIXEL]  # two fifths move by themselves
    found = bundle(matches, scene.depth, CAMERA, TRUE)
    assert found is not None and found.corners.agree == pytest.approx(0.6, abs=0.05)


def test_what_shakes_does_not_travel_and_what_is_still_is_told() -> None:
    scene = Scene()
    shake = transform(0, 0, 0, 1e-3, 5e-4, 0)
    shaken = fit_of(scene, scene.matches(shake, 0.1), shake)
    assert shaken.travels == pytest.approx(1, abs=0.2) and shaken.still == 0
    stands = scene.matches(np.eye(4), 0.03)
    found = fit_of(scene, stands, np.eye(4))
    assert abs(found.explained) < 0.2 and found.agree == 1 and found.still == 0
    claimed = fit_of(scene, stands, TRUE)
    assert claimed.still > 0.95 and claimed.explained < 0


def test_cost_is_that_of_students_distribution() -> None:
    """By hand, of Student's t with three degrees: 1 and 2 dimensions, exponents 2 and 2.5."""
    for error in (0.0, 0.7, 5.0):
        density = [(1 + error**2 / 3) ** -2, (1 + error**2 / 3) ** -2.5]
        for size in (1, 2):
            cost = float(_cost(np.array(error), size))
            assert cost == pytest.approx(-2 * np.log(density[size - 1]), abs=1e-12)
