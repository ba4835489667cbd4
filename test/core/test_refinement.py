# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Refined motions: numeric derivatives, and images whose motion is known."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from mdepth_ros.core.motion_noise import errors_of
from mdepth_ros.core.refinement import brightness, exp, gradient, residuals, steepest
from mdepth_ros.core.refinement import refine as refine_seen
from mdepth_ros.geometry import Camera, se3_exp, se3_log
from mdepth_ros.synthetic import WorldConfig, make_drive

CAMERA = Camera.from_normalised(320, 96, 0.58, 1.92, 0.5, 0.5)
K = CAMERA.scaled(160, 48).matrix()
WRONG = torch.tensor([0.02, -0.01, 0.08, 1e-3, -2e-3, 1.5e-3], dtype=torch.float64)


@lru_cache(maxsize=1)
def scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Current and previous image, depth of the current one, and the true motion."""
    drive = make_drive(30003, 6, CAMERA, WorldConfig())
    views = drive.render([4, 5])
    previous, current = views.image.permute(0, 3, 1, 2).float() / 255
    poses = np.asarray(drive.poses)
    motion = torch.from_numpy(np.linalg.solve(poses[4], poses[5]))
    return current[None], previous[None], views.depth[1:].clamp(max=300), motion


def refine(current: Tensor, previous: Tensor, depth: Tensor, motion: Tensor, K: Tensor) -> Tensor:
    half = avg_pool2d(depth[None], 2)[0]
    return refine_seen(brightness(current), brightness(previous), half, motion, K)


def off(motion: Tensor) -> Tensor:
    """Errors [6] of a motion."""
    true = scene()[3]
    return torch.from_numpy(errors_of(motion[None].numpy(), true[None].numpy())[0]).abs()


def test_derivatives_are_those_of_the_residuals() -> None:
    """Brightness that is linear in u and v: bilinear sampling and its gradients are exact."""
    v, u = (torch.arange(n, dtype=torch.float64) for n in (48, 160))
    image = (0.2 + 0.003 * u + 0.005 * v[:, None])[None, None]
    previous = torch.cat([image, *gradient(image)], 1)
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(1, 3, 50, generator=generator).double() * 4 - 2
    points[:, 2] += 12
    T = se3_exp(5 * WRONG)
    exposure = torch.tensor([1.1, -0.05], dtype=torch.float64)
    target = torch.rand(50, generator=generator).double()
    intrinsics = K.double()

    def at(x: Tensor) -> Tensor:
        moved = se3_exp(x[:6]) @ T
        return residuals(points, previous, target, moved, exposure + x[6:], intrinsics)[0]

    _, J, inside = residuals(points, previous, target, T, exposure, intrinsics)
    assert inside.all()
    for k, row in enumerate(J):
        step = torch.zeros(8, dtype=torch.float64)
        step[k] = 1e-6
        numeric = (at(step) - at(-step)) / 2e-6
        torch.testing.assert_close(row, numeric, rtol=1e-6, atol=1e-7)


def test_a_wrong_motion_comes_near_the_true_one() -> None:
    current, previous, depth, true = scene()
    start = se3_exp(WRONG) @ true
    found = refine(current, previous, depth, start, K)
    assert found.dtype == torch.float64
    assert off(found)[3:].norm() < 0.75 * off(start)[3:].norm()
    assert off(found)[2] < 0.5 * off(start)[2]
    # And a right one stays about where it is.
    assert (off(refine(current, previous, depth, true, K)) < 0.4 * WRONG.abs()).all()


def test_another_exposure_and_a_wall_that_moves_along_do_little_harm() -> None:
    current, previous, depth, true = scene()
    start = se3_exp(WRONG) @ true
    dark = 0.85 * previous + 0.04
    found = refine(current, dark, depth, start, K)
    assert off(found)[2] < 0.5 * off(start)[2]
    stuck = previous.clone()
    stuck[..., 30:60, 40:110] = current[..., 30:60, 40:110]
    found = refine(current, stuck, depth, start, K)
    assert off(found)[2] < 0.6 * off(start)[2]


def test_a_bonnet_does_harm_and_its_mask_takes_the_harm_away() -> None:
    current, previous, depth, true = scene()
    start = se3_exp(WRONG) @ true
    # Sharp edges that stand, in a third of the image.
    generator = torch.Generator().manual_seed(0)
    bonnet = torch.rand(1, 3, 16, 160, generator=generator).repeat_interleave(2, -2)
    bonnet = bonnet.repeat_interleave(2, -1)
    seen = [image.clone() for image in (current, previous)]
    for image in seen:
        image[..., 64:, :] = bonnet
    usable = torch.ones(1, 1, 48, 160)
    usable[..., 31:, :] = 0
    half = avg_pool2d(depth[None], 2)[0]
    masked, clean = (
        refine_seen(*(brightness(image, usable) for image in images), half, start, K)
        for images in (seen, (current, previous))
    )
    torch.testing.assert_close(masked, clean)  # not a pixel of it has counted
    spoiled = off(refine(*seen, depth, start, K))
    assert off(masked)[2] < 0.7 * spoiled[2]
    assert off(masked)[3:].norm() < 0.7 * spoiled[3:].norm()


@pytest.mark.parametrize('brightness', [0.0, 0.5])
def test_images_that_show_nothing_leave_the_motion_as_it_is(brightness: float) -> None:
    _, _, depth, true = scene()
    plain = torch.full((1, 3, 96, 320), brightness)
    torch.testing.assert_close(refine(plain, plain, depth, true, K), true, rtol=0, atol=1e-9)


def test_unrelated_images_cannot_carry_the_motion_away() -> None:
    _, _, depth, true = scene()
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(2, 3, 96, 320, generator=generator)
    found = refine(noise[:1], noise[1:], depth, true, K)
    length = float(true[:3, 3].norm())
    moved = se3_log(found @ torch.linalg.inv(true))
    assert moved[:3].norm() < 0.3 * length and moved[3:].norm() < 0.01


def test_the_unit_of_length_does_not_matter() -> None:
    current, previous, depth, true = scene()
    small = true.clone()
    small[:3, 3] *= 0.1
    found = refine(current, previous, 0.1 * depth, small, K)
    expected = refine(current, previous, depth, true, K)
    expected[:3, 3] *= 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_steepest_pixel_of_each_cell() -> None:
    image = torch.zeros(1, 1, 4, 6)
    image[..., 1, 2] = 1.0
    chosen = steepest(torch.cat([image, *gradient(image)], 1), 2)
    assert chosen.shape == (6,)
    rows, columns = chosen // 6, chosen % 6
    assert (rows // 2).tolist() == [0, 0, 0, 1, 1, 1]
    assert (columns // 2).tolist() == [0, 1, 2, 0, 1, 2]
    assert chosen[0] == 7  # beside the bright pixel: there the difference is


def test_the_exponential_is_that_of_the_geometry() -> None:
    for factor in (0.0, 1.0, 20.0):
        torch.testing.assert_close(exp(factor * WRONG), se3_exp(factor * WRONG))


@pytest.mark.parametrize('looking', ['back', 'from afar'])
def test_a_motion_by_which_nothing_is_seen_stays_as_it_is(looking: str) -> None:
    current, previous, depth, _ = scene()
    twist = [0.0, 0.0, 0.0, 0.0, np.pi, 0.0] if looking == 'back' else [1e4, 0, 0, 0, 0, 0]
    wild = se3_exp(torch.tensor(twist, dtype=torch.float64))
    torch.testing.assert_close(refine(current, previous, depth, wild, K), wild)
