# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A textured wall before a camera that moves sideways, and a patch on it that moves by itself."""

from __future__ import annotations

import pytest
import torch
from mdepth_training.losses import Moments, Photometric
from mdepth_training.methods.self_distillation.mask_filter import (
    LearnedFilter,
    fused,
    least_error,
    reliability,
    static_mask,
)
from mdepth_training.methods.view_synthesis import View
from scipy.ndimage import generic_filter
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.geometry import Camera, sample, transform_from_axis_angle

HEIGHT, WIDTH, DEPTH, STEP = 48, 96, 5.0, 0.4
K = Camera(WIDTH, HEIGHT, 60.0, 60.0, 47.5, 23.5).matrix().float()[None]
SHIFT = 60 * STEP / DEPTH
ROWS, COLUMNS = slice(16, 32), slice(40, 60)
HOW = Photometric()


def wall(shift: float, patch: float) -> Tensor:
    """The image [1, 3, H, W] of the wall moved by `shift` pixels, the patch on it by `patch`."""
    chance = torch.Generator().manual_seed(0)
    textures = [torch.rand(1, 3, 24, 48, generator=chance) for _ in range(2)]
    v, u = torch.meshgrid(torch.arange(48.0), torch.arange(96.0), indexing='ij')
    images = []
    for texture, move in zip(textures, (shift, patch), strict=True):
        large = interpolate(texture, (HEIGHT, WIDTH), mode='bicubic').clamp(0.01, 1)
        images.append(sample(large, torch.stack([u - move, v], -1)[None]))
    on = (v >= 16) & (v < 32) & (u >= 40 + patch) & (u < 60 + patch)
    return torch.where(on, images[1], images[0])


def views(patch: float, hidden: Tensor | None = None) -> tuple[Moments, list[View]]:
    """Both neighbours; the wall moves by 4.8 pixels from view to view, the patch by `patch`."""
    found = []
    for sign in (1, -1):
        T = transform_from_axis_angle(torch.zeros(1, 3), torch.tensor([[sign * STEP, 0.0, 0.0]]))
        image = wall(sign * SHIFT, sign * patch)
        found.append(View(image, T, hidden if sign > 0 else None))
    return Moments.of(wall(0, 0)), found


def flat(depth: float = DEPTH) -> Tensor:
    return torch.full((1, HEIGHT, WIDTH), depth)


def static(patch: float) -> Tensor:
    current, both = views(patch)
    found = reliability(current, flat(), both, [flat(), flat()], K, HOW)
    above, _ = fused(found.views, 0.2)
    return static_mask(above, found.views)[0, 0]


def test_what_moves_along_is_found_and_the_wall_is_not() -> None:
    torch.manual_seed(0)
    stands, moves = static(SHIFT), static(0.0)
    inside = moves[18:30, 43:57]
    assert stands[18:30, 43:57].float().mean() > 0.9 > 0.2 > inside.float().mean()
    outside = moves.clone()
    outside[12:36, 32:68] = True
    assert outside.float().mean() > 0.85


def test_depths_that_disagree_are_not_believed() -> None:
    torch.manual_seed(0)
    current, both = views(SHIFT)
    other = flat()
    other[:, ROWS, COLUMNS] = 2 * DEPTH
    found = reliability(current, flat(), both, [other, other], K, HOW)
    # |5 - 10| / 15: reliability is at most 2/3 where the views have another depth.
    middle = found.views[0, :, 20:28, 46:54]
    assert ((middle < 1e-6) | ((middle - 2 / 3).abs() < 1e-4)).all() and (middle > 0.6).any()
    assert found.views[0, :, :12].amax() == pytest.approx(1.0)


def test_what_one_view_shows_is_enough_and_what_none_shows_is_not_static() -> None:
    """The left and the right border leave one of the views each."""
    torch.manual_seed(0)
    current, both = views(SHIFT)
    found = reliability(current, flat(), both, [flat(), flat()], K, HOW)
    # At +STEP the point appears to the right: the right border of the frame is out of that view.
    assert (found.views[0, 0, :, -4:] == 0).all() and (found.views[0, 1, :, -4:] > 0).any()
    assert (found.views[0, 1, :, :4] == 0).all() and (found.views[0, 0, :, :4] > 0).any()
    hidden = views(SHIFT, torch.tensor([True]))
    alone = reliability(hidden[0], flat(), hidden[1], [flat(), flat()], K, HOW)
    assert (alone.views[0, 0] == 0).all() and alone.error[0, 0, 24, 10].isfinite()
    assert alone.error[0, 0, :, :4].isinf().all()
    above, _ = fused(torch.zeros(1, 2, 8, 8), 0.2)
    assert not static_mask(above, torch.zeros(1, 2, 8, 8)).any()
    torch.testing.assert_close(
        least_error(current, flat(), both, K, HOW), found.error, equal_nan=True
    )


def test_black_is_nothing_that_a_view_shows() -> None:
    current, both = views(SHIFT)
    black = [View(torch.zeros_like(v.image), v.T_view_current) for v in both]
    found = reliability(current, flat(), black, [flat(), flat()], K, HOW)
    assert (found.views == 0).all() and found.error.isinf().all()


def test_the_least_agreed_share_is_taken_as_moving() -> None:
    given = torch.rand(3, 2, 40, 50, generator=torch.Generator().manual_seed(1))
    for share in (0.0, 0.2, 0.5):
        above, threshold = fused(given, share)
        assert ((above >= 0).float().mean((1, 2, 3)) - (1 - share)).abs().max() < 1e-3
        torch.testing.assert_close(above + threshold, given.amax(1, keepdim=True))
    alike = torch.full((1, 2, 8, 8), 0.7)
    assert static_mask(fused(alike, 0.2)[0], alike).all()


def test_the_majority_of_five_by_five_decides() -> None:
    above = torch.rand(1, 1, 20, 30, generator=torch.Generator().manual_seed(2)) - 0.4
    ours = static_mask(above, torch.ones(1, 2, 20, 30))[0, 0]
    counted = generic_filter(
        (above[0, 0] >= 0).float().numpy(), lambda w: w.sum() > 12, 5, mode='mirror'
    )
    assert torch.equal(ours, torch.from_numpy(counted > 0))


def test_the_learned_filter_begins_with_the_rule_and_can_learn() -> None:
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(3)
    given = torch.rand(2, 2, 24, 32, generator=chance)
    errors = torch.rand(2, 2, 24, 32, generator=chance)
    above, threshold = fused(given, 0.2)
    learner = LearnedFilter()
    logits = learner(given, threshold, errors)
    torch.testing.assert_close(logits, learner.SHARPNESS * above, atol=1e-4, rtol=1e-4)
    optimizer = torch.optim.Adam(learner.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = learner.loss(learner(given, threshold, errors), errors[:, :1])
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        assert all(p.grad is not None and p.grad.isfinite().all() for p in learner.parameters())
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]


def test_a_pixel_is_left_out_from_twice_the_mean_error_on() -> None:
    """The cost s e / m - log s is least at s = m / e: one half at e = 2 m."""
    error = torch.ones(1, 1, 2, 2)
    error[0, 0, 0, 0] = torch.inf
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    LearnedFilter.loss(logits, error).backward()
    assert logits.grad[0, 0, 0, 0] == 0 and (logits.grad.flatten()[1:] < 0).all()
    far = torch.tensor([5.0, 1.0]).view(1, 1, 1, 2)  # the mean is 3
    logits = torch.zeros(1, 1, 1, 2, requires_grad=True)
    LearnedFilter.loss(logits, far * 1.0).backward()
    wanted = (0.25 * far / 3 - 0.5) / 2
    torch.testing.assert_close(logits.grad, wanted)
