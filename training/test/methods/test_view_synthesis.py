# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.losses import Moments, Photometric, photometric_error
from mdepth_training.methods.view_synthesis import (
    View,
    ViewGroup,
    ViewSynthesis,
    multi_scale_loss,
)

from mdepth_ros.geometry import backproject, scaled_camera, warp

K = torch.tensor([[[40.0, 0, 31.5], [0, 40.0, 15.5], [0, 0, 1]]])


def views(count: int) -> list[View]:
    generator = torch.Generator().manual_seed(0)
    transforms = []
    for index in range(count):
        transforms.append(torch.eye(4)[None].clone())
        transforms[-1][0, 0, 3] = 0.1 * (index + 1)
    images = [torch.rand(1, 3, 32, 64, generator=generator) for _ in range(count)]
    return [View(image, T) for image, T in zip(images, transforms, strict=True)]


def loss_of(
    current: torch.Tensor,
    groups: list[ViewGroup],
    scales: int = 1,
    usable: torch.Tensor | None = None,
    **options: object,
):
    torch.manual_seed(0)
    disparities = [torch.full((1, 1, 32 >> s, 64 >> s), 0.5) for s in range(scales)]
    settings = ViewSynthesis(smoothness=0.0, **options)
    return multi_scale_loss(current, K, disparities, lambda d: 1 / d, groups, settings, usable)


def test_the_loss_is_the_mean_over_the_mask_of_the_least_error() -> None:
    """Worked out again from the pieces: Eq. 2-4 with the mask's area instead of the image's."""
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    loss, shown = loss_of(current, [ViewGroup(sources)])
    target, depth = Moments.of(current), torch.full((1, 32, 64), 2.0)
    errors = [
        photometric_error(target, warp(v.image, depth, v.T_view_current, K)[0]) for v in sources
    ]
    still = [photometric_error(target, v.image) for v in sources]
    least, least_still = torch.minimum(*errors), torch.minimum(*still)
    clear = (least - least_still).abs() > 1e-4  # the noise decides the rest
    mask = shown.mask.bool()
    assert torch.equal(mask[clear], (least < least_still)[clear])
    assert 0.2 < mask.float().mean() < 0.8
    torch.testing.assert_close(loss, least[mask].mean())


def test_masks_and_weights_are_settings() -> None:
    """The mean over the image is the mean over the mask's area, times its share."""
    current, group = torch.rand(1, 3, 32, 64), [ViewGroup(views(2))]
    area, shown = loss_of(current, group)
    share = shown.mask.mean()
    torch.testing.assert_close(loss_of(current, group, auto_mask='image')[0], area * share)
    whole, unmasked = loss_of(current, group, auto_mask='none')
    assert unmasked.mask.all() and 0.2 < share < 0.8
    torch.testing.assert_close(whole, shown.error.mean())
    doubled = Photometric(ssim=1.7, l1=0.3)
    # Twice the errors, the same mask but for ties.
    twice = loss_of(current, group, auto_mask='none', photometric=doubled)[0]
    torch.testing.assert_close(twice, 2 * whole)


def test_a_hidden_view_is_not_there() -> None:
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    hidden = View(sources[0].image, sources[0].T_view_current, torch.tensor([True]))
    both = loss_of(current, [ViewGroup([hidden, sources[1]])])[0]
    assert both == loss_of(current, [ViewGroup([sources[1]])])[0]
    assert both != loss_of(current, [ViewGroup(sources)])[0]


@pytest.mark.parametrize('scales', [1, 2])
@pytest.mark.parametrize('full', [True, False])
def test_pixels_that_are_not_usable_do_not_count(scales: int, full: bool) -> None:
    """Whatever the frame shows there, the loss is the same."""
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    usable = torch.ones(1, 1, 32, 64, dtype=torch.bool)
    usable[..., 20:, 10:50] = False
    other = torch.where(usable, current, torch.rand(1, 3, 32, 64))
    # Windows of SSIM would reach over the edge of what is usable.
    settings = {'photometric': Photometric(ssim=0.0, l1=1.0), 'full_size_losses': full}
    first, second = (
        loss_of(image, [ViewGroup(sources)], scales, usable=usable, **settings)[0]
        for image in (current, other)
    )
    torch.testing.assert_close(first, second)
    assert first != loss_of(current, [ViewGroup(sources)], scales, **settings)[0]


def test_groups_add_up() -> None:
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    alone = [loss_of(current, [ViewGroup([view])])[0] for view in sources]
    together = loss_of(current, [ViewGroup([view]) for view in sources])[0]
    torch.testing.assert_close(together, sum(alone), rtol=1e-3, atol=0)


def test_the_mean_is_over_the_scales() -> None:
    """At full size four equal scales give what one gives; smaller images give something else."""
    current, group = torch.rand(1, 3, 32, 64), [ViewGroup(views(2))]
    one = loss_of(current, group)[0]
    torch.testing.assert_close(
        loss_of(current, group, 4, full_size_losses=True)[0], one, rtol=1e-3, atol=0
    )
    assert abs(loss_of(current, group, 4)[0] / one - 1) > 0.05


@pytest.mark.parametrize('shrink', [2, 4, 8])
def test_a_smaller_camera_looks_along_the_same_rays(shrink: int) -> None:
    """The centre of a small pixel is the mean of the centres of the pixels it is made of."""
    rays = backproject(torch.ones(1, 32, 64), K)
    small = backproject(torch.ones(1, 32 // shrink, 64 // shrink), scaled_camera(K, shrink))
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(rays, shrink), small)


def with_depths(sources: list[View], *distances: float, scales: int = 1) -> list[View]:
    return [
        replace(
            v, disparities=[torch.full((1, 1, 32 >> s, 64 >> s), 1 / d) for s in range(scales)]
        )
        for v, d in zip(sources, distances, strict=True)
    ]


def test_the_settings_of_sc_depth_are_off_by_default() -> None:
    settings = ViewSynthesis()
    assert settings.auto_mask_error == 'photometric' and not settings.compares_depths


@pytest.mark.parametrize('scales', [1, 3])
def test_geometry_consistency_is_added_with_its_weight(scales: int) -> None:
    """Depth 2 here and 3 or 6 there: 1/5 and 1/2, whatever the mask, once and not per scale."""
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    plain, _ = loss_of(current, [ViewGroup(sources)], scales)
    groups = [ViewGroup(with_depths(sources, 3, 6, scales=scales))]
    loss, _ = loss_of(current, groups, scales, geometry_consistency=0.1)
    torch.testing.assert_close(loss, plain + 0.1 * (1 / 5 + 1 / 2) / 2)
    alone = [ViewGroup([with_depths(sources, 3, 6, scales=scales)[0], sources[1]])]
    loss, _ = loss_of(current, alone, scales, geometry_consistency=0.1)
    torch.testing.assert_close(loss, plain + 0.1 / 5)  # the stereo image has no depth of its own


def test_a_pixel_counts_as_much_as_the_view_that_explains_it_agrees() -> None:
    """1 - D: 4/5 where the first of two views is the better one, 1/2 where the second is."""
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    target, depth = Moments.of(current), torch.full((1, 32, 64), 2.0)
    first, second = (
        photometric_error(target, warp(v.image, depth, v.T_view_current, K)[0]) for v in sources
    )
    visible = [warp(v.image, depth, v.T_view_current, K)[1][:, None] for v in sources]
    weights = [1 - 0.2 * visible[0].float(), 1 - 0.5 * visible[1].float()]
    expected = torch.where(first <= second, weights[0] * first, weights[1] * second)
    groups = [ViewGroup(with_depths(sources, 3, 6))]
    loss, shown = loss_of(current, groups, self_discovered_mask=True, auto_mask='none')
    torch.testing.assert_close(shown.error, expected)
    torch.testing.assert_close(loss, expected.mean())


def test_the_auto_mask_can_compare_absolute_differences_alone() -> None:
    current, sources = torch.rand(1, 3, 32, 64), views(2)
    depth = torch.full((1, 32, 64), 2.0)
    moved = [warp(v.image, depth, v.T_view_current, K)[0] for v in sources]
    least, least_still = (
        torch.minimum(*((current - image).abs().mean(1, keepdim=True) for image in images))
        for images in (moved, [v.image for v in sources])
    )
    _, shown = loss_of(current, [ViewGroup(sources)], auto_mask_error='l1')
    clear = (least - least_still).abs() > 1e-4
    assert torch.equal(shown.mask.bool()[clear], (least < least_still)[clear])
    _, other = loss_of(current, [ViewGroup(sources)])
    assert not torch.equal(shown.mask, other.mask)
