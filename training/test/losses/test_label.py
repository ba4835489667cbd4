# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch
from mdepth_training.losses import label_loss, masked_median, median_ratio, motion_sparsity

SIZE = (2, 12, 16)


def depths(seed: int = 0) -> torch.Tensor:
    return torch.rand(*SIZE, generator=torch.Generator().manual_seed(seed)) * 20 + 2


def everywhere() -> torch.Tensor:
    return torch.ones(SIZE, dtype=torch.bool)


def test_the_median_is_that_of_the_mask() -> None:
    values, mask = depths(), depths(1) > 9
    ours = masked_median(values, mask)
    for i in range(2):
        chosen = np.sort(values[i][mask[i]].numpy())
        assert ours[i] == chosen[(len(chosen) - 1) // 2]
    assert masked_median(values, mask & False).isnan().all()


def test_a_factor_on_the_label_changes_nothing() -> None:
    depth, label = depths(), depths(1)
    one = label_loss(depth, label, everywhere())
    other = label_loss(depth, 37.0 * label, everywhere())
    torch.testing.assert_close(one, other)
    assert one > 0.5


def test_a_label_that_is_the_depth_times_a_factor_costs_nothing() -> None:
    assert label_loss(depths(), 0.2 * depths(), everywhere()) < 1e-5


def test_a_label_beyond_the_ninetieth_percentile_does_not_count() -> None:
    depth = torch.linspace(1, 100, 192).view(1, 12, 16)
    factor, counts = median_ratio(depth, depth / 2, torch.ones(1, 12, 16, dtype=torch.bool))
    assert factor == 2.0
    assert counts.sum() == np.sum(depth.numpy() <= np.quantile(depth.numpy(), 0.9))


def test_of_logs_a_share_counts_alike_near_and_far() -> None:
    depth, some = depths(), everywhere()
    some[:, :, :8] = False
    label = depth * torch.where(some, 1.25, 1.0)
    for factor in (1.0, 50.0):
        loss = label_loss(factor * depth, factor * label, some, log=True)
        torch.testing.assert_close(loss, torch.tensor(1.25).log(), rtol=1e-4, atol=0)


def test_of_logs_what_has_no_label_has_no_gradient() -> None:
    depth, label = depths().requires_grad_(), depths(1)
    label[:, :3] = 0
    label_loss(depth, label, everywhere(), log=True).backward()
    assert depth.grad.isfinite().all()
    assert depth.grad.any() and not depth.grad[:, :3].any()


def test_only_what_moves_and_has_a_label_is_taught() -> None:
    depth = depths().requires_grad_()
    label = depths(1)
    label[:, :3] = 0
    dynamic = everywhere()
    dynamic[:, :, :8] = False
    label_loss(depth, label, dynamic).backward()
    taught = depth.grad != 0
    assert taught.any()
    assert not taught[:, :3].any() and not taught[:, :, :8].any()


def test_the_ratio_has_no_gradient() -> None:
    """The gradient is the sign over the number of pixels: nothing comes through the median."""
    depth = depths().requires_grad_()
    label_loss(depth, depths(1), everywhere()).backward()
    sizes = depth.grad[depth.grad != 0].abs()
    _, counts = median_ratio(depth.detach(), depths(1), everywhere())
    torch.testing.assert_close(sizes, torch.full_like(sizes, 1 / int(counts.sum())))


def test_nothing_that_moves_and_no_label_cost_nothing() -> None:
    assert label_loss(depths(), depths(1), everywhere() & False) == 0
    depth = depths().requires_grad_()
    loss = label_loss(depth, torch.zeros(SIZE), everywhere())
    loss.backward()
    assert loss == 0 and (depth.grad == 0).all()


def test_sparsity_of_no_motion_is_zero_and_it_scales_with_the_motion() -> None:
    motion = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert motion_sparsity(0 * motion) == 0
    torch.testing.assert_close(motion_sparsity(5 * motion), 5 * motion_sparsity(motion))


def test_sparsity_prefers_few_large_motions() -> None:
    few, many = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 1 / 64)
    few[..., 0, 0] = 1.0
    assert few.sum() == many.sum()
    assert motion_sparsity(few) < 0.5 * motion_sparsity(many)


def test_the_gradient_of_sparsity_is_that_of_the_formula() -> None:
    motion = torch.tensor([0.01, 0.5, 4.0, 7.49]).view(1, 1, 2, 2).double().requires_grad_()
    motion_sparsity(motion).backward()
    mean = 3.0  # of the four, a constant of the formula
    wanted = 1 / (motion.detach() / mean + 1).sqrt() / 4
    torch.testing.assert_close(motion.grad, wanted)
