# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which motions are believed: rules on made evidence, and failures of drives with a real model."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.odometry import HELD_STD
from mdepth_ros.core.perception import make_perception
from mdepth_ros.core.quality import MotionValidator, photometric_evidence
from mdepth_ros.core.types import Estimate, Evidence, Fit, Frame, FramePair, Scale
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import load_model
from mdepth_ros.model.shipped import FOR_ROADS, FOR_THE_PLAIN_WORLD, shipped_model
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive

CAMERA = Camera.from_normalised(320, 96, 0.58, 1.92, 0.5, 0.5)
SEED, FRAMES, FIRST, LAST = 30091, 18, 5, 9
GOOD = Evidence(0.015, 0.035, 0.035, same=False)
NOISE = Evidence(0.012, 0.002, 0.035, same=False)
SAME = Evidence(0.012, 0.0, 0.035, same=True)
WRONG = Evidence(0.2, 0.2, 0.03, same=False)


def words(*told: tuple[Evidence, float]) -> list[str]:
    """Status of pairs 0.1 s apart, of (evidence, forward m/s)."""
    validator, image = MotionValidator(), np.zeros((2, 2, 3), np.uint8)
    frames = [Frame(i * 10**8, image, CAMERA) for i in range(len(told) + 1)]
    found = []
    for i, (evidence, speed) in enumerate(told):
        motion = np.eye(4)
        motion[2, 3] = speed * 0.1
        pair = FramePair(frames[i + 1], frames[i], '', 0.1)
        found.append(validator(evidence, motion, Scale(1.0, 0.0, 'fixed'), pair).status)
    return found


def test_a_stop_is_no_frozen_image() -> None:
    slow = [(GOOD, speed) for speed in (9.0, 8.0, 7.0, 6.0)]
    assert words(*slow, *[(NOISE, 4.0)] * 20) == ['tracking'] * 4 + ['standing'] * 20
    fast = [(GOOD, 14.0)] * 4
    assert words(*fast, *[(SAME, 4.0)] * 20) == ['tracking'] * 4 + ['lost'] * 20
    assert words(*fast, *[(NOISE, 4.0)] * 20) == ['tracking'] * 4 + ['lost'] * 20
    # A simulator at rest has no noise.
    assert words(*[(SAME, 4.0)] * 3) == ['standing'] * 3


def test_what_no_vehicle_does_is_not_believed_but_for_a_while() -> None:
    found = words(*[(GOOD, 5.0)] * 3, *[(GOOD, 15.0)] * 10)
    assert found[:3] == ['tracking'] * 3 and found[3] == 'lost'
    assert found[-2:] == ['tracking'] * 2
    assert words((GOOD, 10.0), (GOOD, 11.0), (GOOD, 9.5)) == ['tracking'] * 3


def test_images_that_do_not_fit() -> None:
    degraded = Evidence(0.07, 0.1, 0.035, same=False)
    assert words((GOOD, 9.0), (WRONG, 9.0), (GOOD, 9.0)) == ['tracking', 'lost', 'tracking']
    assert words((degraded, 9.0)) == ['degraded']
    assert words((Evidence(0.0, 0.0, 0.0, same=True), 0.0)) == ['lost']


def test_corners_decide_where_images_do_not() -> None:
    right = Fit(shift=6, travels=30, agree=0.9, still=0, explained=0.8)
    half = Fit(shift=6, travels=8, agree=0.6, still=0.3, explained=0.3)
    none = Fit(shift=40, travels=1, agree=0.1, still=0, explained=0.3)
    wiped = Evidence(0.09, 0.09, 0.04, same=False)
    assert words((wiped, 9.0)) == ['lost']
    assert words((replace(wiped, corners=right), 9.0)) == ['degraded']
    assert words((replace(wiped, corners=none), 9.0)) == ['lost']
    assert words((replace(GOOD, corners=right), 9.0)) == ['tracking']
    # Most moves by itself: a camera that stood stands on, one that drove is not sure.
    assert words((replace(NOISE, corners=half), 3.0)) == ['standing']
    assert words((GOOD, 3.0), (replace(GOOD, corners=half), 3.0)) == ['tracking', 'degraded']
    assert words((GOOD, 3.0), (replace(GOOD, corners=none), 3.0)) == ['tracking', 'degraded']


def test_creeping_is_told_from_shaking_and_noise() -> None:
    creeps = Fit(shift=0.4, travels=5, agree=0.95, still=0, explained=0.6)
    shakes = Fit(shift=0.4, travels=1, agree=0.95, still=0, explained=0.6)
    small = Evidence(0.008, 0.008, 0.035, same=False)
    assert words((replace(small, corners=creeps), 0.3)) == ['tracking']
    assert words((replace(small, corners=shakes), 0.3)) == ['standing']


def test_evidence_of_images_that_are_shifted() -> None:
    """A fronto-parallel wall and a sideways motion: the warp takes the difference away."""
    generator = torch.Generator().manual_seed(0)
    wide = torch.nn.functional.interpolate(
        torch.rand(1, 3, 8, 28, generator=generator), (64, 224), mode='bicubic'
    ).clamp(0, 1)
    current, previous = wide[..., 16:208], wide[..., 8:200]  # 8 pixels to the right
    K = torch.tensor([[48.0, 0, 23.5], [0, 48.0, 7.5], [0, 0, 1]])
    motion = torch.eye(4, dtype=torch.float64)
    motion[0, 3] = 2 / 48 * 10  # two small pixels at a depth of ten
    depth = torch.full((1, 64, 192), 10.0)
    right = photometric_evidence(current, previous, depth, motion, K)
    assert right.residual < 0.2 * right.still and right.misfit < 0.4
    still = photometric_evidence(current, previous, depth, torch.eye(4, dtype=torch.float64), K)
    assert still.residual == pytest.approx(still.still, rel=1e-5)
    assert 1.0 < still.misfit < 2.5  # of two pixels
    assert photometric_evidence(current, current.clone(), depth, motion, K).same and not right.same


def test_evidence_without_what_the_camera_carries() -> None:
    """What stands in both images makes the right motion look wrong; masked, it does no harm."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 64, 192, generator=generator)
    K = torch.tensor([[48.0, 0, 23.5], [0, 48.0, 7.5], [0, 0, 1]])
    motion = torch.eye(4, dtype=torch.float64)
    motion[0, 3] = 2 / 48 * 10
    depth = torch.full((1, 64, 192), 10.0)
    usable = torch.ones(1, 1, 16, 48)
    usable[..., 10:, 8:30] = 0
    found = photometric_evidence(images[:1], images[1:], depth, motion, K, usable)
    # By hand: a pixel counts where it and the one it comes from, 2 to its right, are usable.
    now, before = (avg_pool2d(image[None], 4)[0] for image in images)
    counts = torch.zeros(16, 48, dtype=torch.bool)
    counts[:, :46] = (usable[0, 0, :, :46] * usable[0, 0, :, 2:]) > 0
    differences = [(now[..., :46] - before[..., 2:]).abs().mean(0)[counts[:, :46]].mean()]
    differences.append((now - before).abs().mean(0)[counts].mean())
    steps = (now[..., 1:] - now[..., :-1]).abs().mean(0)
    differences.append(steps[(usable[0, 0, :, 1:] * usable[0, 0, :, :-1]) > 0].mean())
    expected = [float(one) for one in differences]
    assert [found.residual, found.still, found.contrast] == pytest.approx(expected, rel=1e-5)


# Failures of a drive, with the model that is shipped.


@lru_cache
def failures() -> ModuleType:
    path = Path(__file__).parents[1] / 'synthetic' / 'failures.py'
    spec = importlib.util.spec_from_file_location('failures', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@lru_cache
def drive(seed: int = SEED) -> Drive:
    return make_drive(seed, FRAMES, CAMERA, WorldConfig())


@lru_cache
def images(seed: int = SEED) -> Tensor:
    return drive(seed).render(range(FRAMES)).image


@lru_cache
def estimator(model: str) -> Estimator:
    network, card = load_model(shipped_model(model))
    return Estimator(network, card, 'cpu', 'fp32')


@lru_cache
def broken(name: str) -> Tensor:
    fail, whole = failures(), images()
    if name in ('frozen', 'black', 'covered'):
        return getattr(fail, name)(whole, FIRST, LAST)  # type: ignore[no-any-return]
    if name == 'cut':
        other = images(SEED + 1)
        return fail.cut(fail.cut(whole, other, FIRST), whole, LAST)  # type: ignore[no-any-return]
    change = fail.spun(drive(), FIRST, LAST) if name == 'spun' else None
    change = change or fail.blocked(drive(), FIRST, LAST)
    result = whole.clone()
    result[FIRST:LAST] = change.render(range(FIRST, LAST)).image
    return result


def run(sequence: Tensor, model: str = FOR_THE_PLAIN_WORLD) -> list[Estimate]:
    step = make_perception(estimator(model)).step
    frames = [Frame(i * 10**8, image.numpy(), CAMERA) for i, image in enumerate(sequence)]
    return [step([frame], ())[0] for frame in frames]


@pytest.mark.parametrize('model', [FOR_ROADS, FOR_THE_PLAIN_WORLD])
@pytest.mark.parametrize('name', ['frozen', 'black', 'covered', 'spun', 'blocked', 'cut'])
def test_failure_is_announced(name: str, model: str) -> None:
    good, bad = run(images(), model), run(broken(name), model)
    assert [e.status for e in good] == ['held'] + ['tracking'] * (FRAMES - 1)
    assert {e.status for e in bad[FIRST : FIRST + 2]} & {'lost', 'degraded'}
    assert all(e.status != 'standing' for e in bad)
    assert [e.status for e in bad[-4:]] == ['tracking'] * 4  # within half a second
    for estimate in bad:
        lost = estimate.status in ('lost', 'held')
        assert (estimate.twist == 0).all() == lost
        known = np.sqrt(np.diag(estimate.twist_covariance))
        assert (known == HELD_STD).all() == lost
        assert bool(estimate.reason) == (estimate.status != 'tracking')

    def travelled(estimates: list[Estimate]) -> float:
        return float(np.linalg.norm(estimates[-1].pose[:3, 3] - estimates[0].pose[:3, 3]))

    # It lags behind by no more than what it did not see, and does not run ahead.
    assert 0.4 * travelled(good) < travelled(bad) < 1.15 * travelled(good)
    spread = [np.trace(e[-1].pose_covariance[:3, :3]) for e in (good, bad)]
    assert spread[1] > 1.5 * spread[0]


def test_a_standing_camera_does_not_creep() -> None:
    """Noise of the sensor, twenty images of one view."""
    still = images()[:1].float().expand(FRAMES, -1, -1, -1)
    noise = torch.randn(still.shape, generator=torch.Generator().manual_seed(1))
    estimates = run((still + 1.5 * noise).clamp(0, 255).byte())
    assert [e.status for e in estimates[1:]] == ['standing'] * (FRAMES - 1)
    np.testing.assert_array_equal(estimates[-1].pose, estimates[0].pose)
    assert (estimates[-1].twist == 0).all()
    assert np.sqrt(np.diag(estimates[-1].twist_covariance)).max() < 0.5
    np.testing.assert_allclose(
        estimates[-1].pose_covariance, estimates[0].pose_covariance, atol=1e-12
    )
