# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib

import pytest
import torch
from mdepth_training.losses import (
    Moments,
    Photometric,
    auto_mask,
    depth_inconsistency,
    edge_aware_smoothness,
    masked_mean,
    minimum_over_sources,
    photometric_error,
    ssim_error,
    velocity_change,
)
from mdepth_training.losses.photometric import box_mean
from torch.nn import functional


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 9, 12, generator=generator), torch.rand(
        2, 3, 9, 12, generator=generator
    )


def test_box_mean_equals_reflected_average_pooling(images) -> None:
    padded = functional.pad(images[0], (1, 1, 1, 1), mode='reflect')
    torch.testing.assert_close(box_mean(images[0]), functional.avg_pool2d(padded, 3, 1))


def test_ssim_by_hand_in_one_window() -> None:
    a = torch.arange(9.0).reshape(1, 1, 3, 3) / 10
    b = a.flip(-1) * 0.5
    centre = ssim_error(Moments.of(a), Moments.of(b))[0, 0, 1, 1].item()
    mean_a, mean_b = a.mean().item(), b.mean().item()
    variance_a, variance_b = a.var(unbiased=False).item(), b.var(unbiased=False).item()
    covariance = ((a - mean_a) * (b - mean_b)).mean().item()
    ssim = ((2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_a**2 + mean_b**2 + 1e-4) * (variance_a + variance_b + 9e-4)
    )
    assert centre == pytest.approx((1 - ssim) / 2, abs=1e-5)


def test_ssim_without_luminance_by_hand() -> None:
    """The limit of an infinite C1, with C2 of 9e-6: brightness alone makes no error."""
    a = torch.arange(9.0).reshape(1, 1, 3, 3) / 10
    b = a.flip(-1) * 0.5
    centre = ssim_error(Moments.of(a), Moments.of(b), 'structure')[0, 0, 1, 1].item()
    covariance = ((a - a.mean()) * (b - b.mean())).mean().item()
    variances = a.var(unbiased=False).item() + b.var(unbiased=False).item()
    ssim = (2 * covariance + 9e-6) / (variances + 9e-6)
    assert centre == pytest.approx((1 - ssim) / 2, abs=1e-5)
    brighter = Moments.of(a + 0.2)
    assert ssim_error(Moments.of(a), brighter, 'structure')[0, 0, 1, 1] < 1e-4
    assert ssim_error(Moments.of(a), brighter)[0, 0, 1, 1] > 1e-2


def test_larger_windows_agree_with_a_loop() -> None:
    a, b = torch.rand(2, 1, 1, 7, 7, generator=torch.Generator().manual_seed(0))
    centre = ssim_error(Moments.of(a, 7), Moments.of(b, 7))[0, 0, 3, 3].item()
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    ssim = (2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 9e-4)
    ssim /= a.mean() ** 2 + b.mean() ** 2 + 1e-4
    ssim /= a.var(unbiased=False) + b.var(unbiased=False) + 9e-4
    assert centre == pytest.approx((1 - ssim.item()) / 2, abs=1e-5)


def test_the_weights_are_those_of_the_settings(images) -> None:
    a, b = images
    parts = [
        photometric_error(Moments.of(a), b, Photometric(ssim=ssim, l1=l1))
        for ssim, l1 in ((1.0, 0.0), (0.0, 1.0), (3.0, 2.0))
    ]
    torch.testing.assert_close(parts[2], 3 * parts[0] + 2 * parts[1])
    torch.testing.assert_close(parts[1], (a - b).abs().mean(1, keepdim=True))


def test_ssim_is_zero_for_equal_images_symmetric_and_bounded(images) -> None:
    a, b = images
    assert ssim_error(Moments.of(a), Moments.of(a)).abs().max() < 1e-5
    torch.testing.assert_close(
        ssim_error(Moments.of(a), Moments.of(b)), ssim_error(Moments.of(b), Moments.of(a))
    )
    assert (
        ssim_error(Moments.of(a), Moments.of(b)).min() >= 0
        and ssim_error(Moments.of(a), Moments.of(b)).max() <= 1
    )


def test_ssim_agrees_with_kornia(images, monkeypatch) -> None:
    """An independent implementation, given the paper's 3x3 box instead of its Gaussian window."""
    module = importlib.import_module('kornia.metrics.ssim')
    box = torch.full((1, 3), 1 / 3)
    monkeypatch.setattr(module, 'get_gaussian_kernel1d', lambda *_, **__: box)
    a, b = images
    theirs = (1 - module.ssim(a, b, 3)) / 2
    ours = ssim_error(Moments.of(a), Moments.of(b))
    torch.testing.assert_close(ours, theirs.clamp(0, 1), atol=1e-5, rtol=1e-4)
    assert ours.std() > 0.05


def test_photometric_error_of_a_constant_offset() -> None:
    a = torch.full((1, 3, 5, 5), 0.4)
    # Constant images have no structure: SSIM is its luminance term alone.
    luminance = (2 * 0.4 * 0.5 + 1e-4) / (0.4**2 + 0.5**2 + 1e-4)
    expected = 0.85 * (1 - luminance) / 2 + 0.15 * 0.1
    assert photometric_error(Moments.of(a), a + 0.1)[0, 0, 2, 2].item() == pytest.approx(
        expected, abs=1e-4
    )
    assert photometric_error(Moments.of(a), a + 0.1).shape == (1, 1, 5, 5)


def test_minimum_takes_the_better_source_at_each_pixel() -> None:
    a, b = torch.tensor([[[[1.0, 4.0]]]]), torch.tensor([[[[3.0, 2.0]]]])
    assert minimum_over_sources([a, b]).tolist() == [[[[1.0, 2.0]]]]


def test_auto_mask_keeps_what_the_warp_explains_better() -> None:
    warped, still = torch.tensor([[[[0.1, 0.5]]]]), torch.tensor([[[[0.2, 0.3]]]])
    assert auto_mask(warped, still).tolist() == [[[[1.0, 0.0]]]]


def test_auto_mask_breaks_ties_by_chance() -> None:
    same = torch.full((1, 1, 50, 50), 0.2)
    share = auto_mask(same, same, torch.Generator().manual_seed(0)).mean()
    assert 0.3 < share < 0.7


def test_masked_mean_divides_by_the_area() -> None:
    error, mask = torch.tensor([2.0, 4.0, 100.0]), torch.tensor([1.0, 1.0, 0.0])
    assert masked_mean(error, mask) == 3
    assert masked_mean(error, torch.zeros(3)) == 0


def test_shared_moments_are_those_of_the_windows(images) -> None:
    moments = Moments.of(images[0])
    window = images[0][0, 1, 2:5, 3:6]
    assert moments.mean[0, 1, 3, 4].item() == pytest.approx(window.mean().item(), abs=1e-6)
    variance = window.var(unbiased=False).item()
    assert moments.variance[0, 1, 3, 4].item() == pytest.approx(variance, abs=1e-6)


def test_smoothness_by_hand() -> None:
    disparity = torch.tensor([[[[1.0, 3.0]]]]).repeat(1, 1, 2, 1)  # mean 2: step of 1 along x
    flat, edge = torch.zeros(1, 3, 2, 2), torch.tensor([0.0, 1.0]).expand(1, 3, 2, 2)
    assert edge_aware_smoothness(disparity, flat).item() == pytest.approx(1)
    assert edge_aware_smoothness(disparity, edge).item() == pytest.approx(0.36788, abs=1e-4)


def test_smoothness_does_not_see_the_scale(images) -> None:
    disparity = images[0][:, :1] + 0.1
    torch.testing.assert_close(
        edge_aware_smoothness(disparity, images[1]),
        edge_aware_smoothness(7 * disparity, images[1]),
    )


def test_velocity_change_by_hand() -> None:
    before = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    after = torch.tensor([[0.3, 0.0, 1.0], [0.0, 0.0, 0.0]])
    length = (1 + 1.09**0.5) / 2  # of the moving one; the mean of the two is half of it
    expected = [0.3 / (length + 0.1 * length / 2), 0.0]
    assert velocity_change(before, after).tolist() == pytest.approx(expected, rel=1e-4)


def test_velocity_change_asks_for_no_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    before, after = torch.randn(2, 5, 3, generator=generator)
    unit = torch.ones((), requires_grad=True)
    value = velocity_change(unit * before, unit * after)
    torch.testing.assert_close(velocity_change(7 * before, 7 * after), value.detach())
    (gradient,) = torch.autograd.grad(value.sum(), unit)
    assert abs(gradient) < 1e-4


def test_gradients_are_right(images) -> None:
    a, b = (x[:1, :1, :4, :4].double() for x in images)
    assert torch.autograd.gradcheck(
        lambda x: photometric_error(Moments.of(a), x), b.requires_grad_()
    )
    assert torch.autograd.gradcheck(edge_aware_smoothness, (b + 0.5, a))


def test_two_depths_of_a_wall_disagree_by_their_relative_difference() -> None:
    """SC-Depth, Eq. 6: |2 - 3| / (2 + 3) where nothing moved."""
    K = torch.tensor([[[40.0, 0, 31.5], [0, 40.0, 15.5], [0, 0, 1]]])
    depth, other = torch.full((1, 32, 64), 2.0), torch.full((1, 32, 64), 3.0)
    found, visible = depth_inconsistency(depth, other, torch.eye(4)[None], K)
    torch.testing.assert_close(found, torch.full((1, 1, 32, 64), 0.2))
    assert visible.all()


def test_depths_that_agree_with_the_motion_have_no_difference() -> None:
    """A metre ahead the wall is a metre nearer; what leaves the view says nothing."""
    K = torch.tensor([[[40.0, 0, 31.5], [0, 40.0, 15.5], [0, 0, 1]]])
    depth = torch.full((1, 32, 64), 3.0, requires_grad=True)
    nearer = torch.full((1, 32, 64), 2.0, requires_grad=True)
    ahead = torch.eye(4)[None].clone()
    ahead[0, 2, 3] = -1.0
    found, visible = depth_inconsistency(depth, nearer, ahead, K)
    assert found.max() < 1e-6
    assert visible.sum() == pytest.approx(32 * 64 * (2 / 3) ** 2, rel=0.05)  # the middle is left
    found, _ = depth_inconsistency(depth, nearer * 1.5, ahead, K)
    assert found[visible].mean().item() == pytest.approx(1 / 5) and not found[~visible].any()
    found.sum().backward()
    assert depth.grad.abs().max() > 0 and nearer.grad.abs().max() > 0
