# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from mdepth_training.losses import align
from scipy import stats

SIZE = (2, 24, 32)
EVERYWHERE = torch.ones(SIZE, dtype=torch.bool)


def maps(seed: int = 0) -> torch.Tensor:
    return torch.rand(SIZE, generator=torch.Generator().manual_seed(seed)) * 20 + 2


@pytest.mark.parametrize('how', ['robust', 'least_squares'])
def test_an_affine_map_comes_back_exactly(how: str) -> None:
    depth = maps()
    given = (depth - torch.tensor([3.0, -5.0])[:, None, None]) / torch.tensor([0.2, 7.0]).view(
        2, 1, 1
    )
    found = align(given, depth, EVERYWHERE, how)
    torch.testing.assert_close(found.scale, torch.tensor([0.2, 7.0]))
    torch.testing.assert_close(found.shift, torch.tensor([3.0, -5.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.of(given), depth, atol=1e-4, rtol=0)
    assert found.usable.all() and (found.correlation > 0.999).all()


def test_least_squares_is_that_of_scipy_on_the_mask() -> None:
    given, mask = maps(1), maps(2) > 9
    depth = 0.3 * given + maps(3)
    found = align(given, depth, mask, 'least_squares')
    for i in range(2):
        wanted = stats.linregress(given[i][mask[i]], depth[i][mask[i]])
        assert found.scale[i].item() == pytest.approx(wanted.slope, rel=1e-5)
        assert found.shift[i].item() == pytest.approx(wanted.intercept, rel=1e-5)
        assert found.correlation[i].item() == pytest.approx(wanted.rvalue, rel=1e-5)


def test_robust_makes_ranges_equal_as_numpy_says() -> None:
    given, mask = maps(1), maps(2) > 9
    depth = (5 + given) * (1 + 0.001 * maps(3))  # of even noise no pixel is far off
    found = align(given, depth, mask)
    for i in range(2):
        x, y = given[i][mask[i]].double().numpy(), depth[i][mask[i]].double().numpy()
        x_range, y_range = (np.quantile(of, [0.02, 0.98]) for of in (x, y))
        scale, shift = np.polyfit(x_range, y_range, 1)
        factor = np.median(y / (scale * x + shift))
        assert found.scale[i].item() == pytest.approx(factor * scale, rel=1e-5)
        assert found.shift[i].item() == pytest.approx(factor * shift, rel=1e-5)


def test_a_fifth_of_wrong_pixels_hardly_moves_the_robust_one() -> None:
    depth = maps()
    given = (depth - 3) / 2
    given[:, :5] = 100.0
    off = {}
    for how in ('robust', 'least_squares'):
        error = (align(given, depth, EVERYWHERE, how).of(given) - depth)[:, 5:]
        off[how] = error.abs().mean().item()
    assert off['robust'] < 1e-4 and off['least_squares'] > 2


def test_what_the_reference_does_not_know_shrinks_least_squares_alone() -> None:
    """A slope is smaller where the reference is noise: a depth would learn to be constant."""
    given, reference = maps(1), maps(2)
    spread = {how: align(given, reference, EVERYWHERE, how) for how in ('robust', 'least_squares')}
    assert (spread['robust'].scale > 0.8).all()
    assert (spread['least_squares'].scale.abs() < 0.2).all()


def test_as_many_pixels_are_above_as_below() -> None:
    """Else a depth that learns from its own alignment would drift: a map with a long tail."""
    given, reference, mask = maps(1).pow(4), 5 + maps(2), maps(3) > 6
    off = align(given, reference, mask).of(given) - reference
    above, below = ((off > 0) & mask).sum((1, 2)), ((off < 0) & mask).sum((1, 2))
    assert ((above - below).abs() <= 1).all() and above.min() > 200


def test_a_depth_that_learns_from_its_own_alignment_does_not_become_flat() -> None:
    """What learns is smoother than the map. By least squares each round is flatter than the last.

    A third of the image is sky, where a disparity is next to nothing and says no scale.
    """
    rows = torch.linspace(0, 1, 48)[:, None].expand(48, 64)
    smooth = torch.where(rows < 0.33, 0.001, 0.02 + 0.3 * (rows - 0.33))[None]
    noise = torch.randn(1, 48, 64, generator=torch.Generator().manual_seed(0))
    given, everywhere = 3 * smooth * (0.15 * noise).exp() + 0.1, torch.ones(1, 48, 64).bool()
    spread = {}
    for how in ('robust', 'least_squares'):
        learned = smooth * (0.3 * torch.sin(9 * rows)).exp()
        for _ in range(20):
            target = align(given, learned, everywhere, how).of(given).clamp(min=1e-3)
            blurred = torch.nn.functional.avg_pool2d(target.log()[:, None], 7, 1, 3)
            learned = blurred[:, 0].exp()
        spread[how] = learned[0, 20:].log().std().item()
    true = smooth[0, 20:].log().std().item()
    assert spread['robust'] > 0.8 * true and spread['least_squares'] < 0.7 * true


def test_nothing_outside_of_the_mask_counts() -> None:
    depth, given, mask = maps(), maps() / 2, EVERYWHERE.clone()
    mask[:, :9] = False
    given[:, :3], given[:, 3:6], depth[:, 6:9] = torch.nan, torch.inf, torch.nan
    for how in ('robust', 'least_squares'):
        torch.testing.assert_close(align(given, depth, mask, how).scale, torch.tensor([2.0, 2.0]))
        everywhere = align(given, depth, EVERYWHERE, how)  # what is not finite is left out
        torch.testing.assert_close(everywhere.scale, torch.tensor([2.0, 2.0]))


@pytest.mark.parametrize('how', ['robust', 'least_squares'])
def test_what_cannot_be_aligned_is_not(how: str) -> None:
    depth, given = maps(), maps() / 2
    constant = given.clone()
    constant[0] = 4.0
    constant[0, 0, 0] = 4.001
    few = EVERYWHERE.clone()
    few[0] = False
    few[0, 0, :31] = True
    empty = EVERYWHERE.clone()
    empty[0] = False
    flat = depth.clone()  # a depth that has not learned yet knows no scale
    flat[0] = 5 + 0.01 * depth[0]
    for values, reference, mask in (
        (constant, depth, EVERYWHERE),
        (given, flat, EVERYWHERE),
        (given, depth, few),
        (given, depth, empty),
    ):
        found = align(values, reference, mask, how)
        assert found.usable.tolist() == [False, True]
        assert found.of(values)[0].isnan().all() and found.of(values)[1].isfinite().all()
        assert all(part.isfinite().all() for part in (found.scale, found.shift))


def test_least_squares_does_not_turn_a_map_over() -> None:
    depth = maps()
    found = align(-depth, depth, EVERYWHERE, 'least_squares')
    assert not found.usable.any() and (found.correlation < -0.99).all()
    assert (align(-depth, depth, EVERYWHERE).correlation < -0.99).all()
