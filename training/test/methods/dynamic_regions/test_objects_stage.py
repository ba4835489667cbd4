# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A textured square before a camera that moves: what the loss of single things says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.losses import masked_smoothness
from mdepth_training.losses.photometric import Photometric
from mdepth_training.methods.dynamic_regions.objects_stage import DynamicObjects, thing_loss
from mdepth_training.methods.dynamic_regions.settings import DynamicObjectsSettings
from mdepth_training.optimiser import Timetable
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.geometry import Camera, sample, transform_from_axis_angle
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH, DEPTH, STEP = 64, 96, 5.0, 0.4
CAMERA = Camera(WIDTH, HEIGHT, 60.0, 60.0, 47.5, 31.5)
K = CAMERA.matrix().float()[None]
PAPER = Photometric(ssim=3.0, l1=2.0, form='structure')
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    method=DynamicObjectsSettings(),
    training=Training(batch_size=2),
)


def square(shift: float) -> tuple[Tensor, Tensor]:
    """A textured square, moved to the right by `shift` pixels: the image, and where it is."""
    chance = torch.Generator().manual_seed(0)
    texture = torch.rand(1, 3, HEIGHT // 2, WIDTH // 2, generator=chance)
    texture = interpolate(texture, (HEIGHT, WIDTH), mode='bicubic').clamp(0, 1)
    v, u = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing='ij')
    image = sample(texture, torch.stack([u - shift, v], -1)[None])
    left = 30 + shift
    mask = (v >= 20) & (v < 44) & (u >= left - 0.5) & (u < left + 23.5)
    return image * mask, mask[None, None]


def scene() -> tuple[Sample, Tensor, list[Tensor]]:
    """Shift of a pixel: f t / z = 60 * 0.4 / 5 = 4.8."""
    pixels = 60 * STEP / DEPTH
    (before, _), (now, mask), (after, _) = square(pixels), square(0), square(-pixels)
    transforms = [
        transform_from_axis_angle(torch.zeros(1, 3), torch.tensor([[x, 0.0, 0.0]]))
        for x in (STEP, -STEP)
    ]
    return Sample(before, now, after, K), mask, transforms


@pytest.mark.parametrize('photometric', [PAPER, Photometric()])
@pytest.mark.parametrize('kind', ['area', 'image', 'none'])
def test_the_true_depth_explains_a_thing_best(photometric: Photometric, kind: str) -> None:
    images, mask, transforms = scene()
    settings = replace(TINY.method, photometric=photometric, auto_mask=kind, smoothness=0.0)

    def loss(factor: float) -> float:
        depth = torch.full((1, HEIGHT, WIDTH), DEPTH * factor)
        return float(thing_loss(images, mask, depth, 1 / depth[:, None], transforms, settings)[0])

    assert loss(1.0) < 0.3 * min(loss(0.8), loss(1.25))


def test_gradient_flows_inside_of_the_mask_alone() -> None:
    images, mask, transforms = scene()
    depth = (torch.rand(1, HEIGHT, WIDTH) + DEPTH).requires_grad_()
    loss, shown = thing_loss(images, mask, depth, 1 / depth[:, None], transforms, TINY.method)
    (gradient,) = torch.autograd.grad(loss, depth)
    assert (gradient[0][~mask[0, 0]] == 0).all()
    assert (gradient[0][mask[0, 0]] != 0).float().mean() > 0.8
    assert (shown.mask[~mask] == 0).all() and (shown.warped * ~mask == 0).all()


def test_smoothness_counts_between_neighbours_inside() -> None:
    disparity = torch.tensor([[1.0, 2.0, 100.0], [3.0, 2.0, -7.0]])[None, None]
    mask = torch.tensor([[True, True, False], [True, True, False]])[None, None]
    # Mean 2; along x 1 and 1, along y 2 and 0: (1 + 1) / 2 / 2 + (2 + 0) / 2 / 2.
    torch.testing.assert_close(masked_smoothness(disparity, mask), torch.tensor(1.0))
    assert masked_smoothness(disparity, mask & False) == 0


def given(things: bool) -> Sample:
    images = [torch.rand(2, 3, HEIGHT, WIDTH) for _ in range(3)]
    ids = torch.zeros(2, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    moving, still = ids.clone(), ids.clone()
    if things:
        moving[:, :, 20:40, 10:40], still[1, :, 20:40, 60:90] = 1, 2
    every = torch.maximum(moving, still)
    labels = {'instances': moving, 'static_things': still, 'things_previous': every}
    labels['things_following'] = every
    return Sample(*images, K.expand(2, 3, 3), labels=labels)


def learner(**changes: object) -> DynamicObjects:
    torch.manual_seed(0)
    experiment = replace(TINY, method=replace(TINY.method, **changes))
    return DynamicObjects(experiment, Timetable.of(TINY.training, experiment.method, 1))


def test_all_of_the_network_learns_from_things_that_move_and_that_stand() -> None:
    method = learner(things='all')
    assert len(method._things(given(True), 'all').ids) == 3
    method.step = 19
    method(given(True)).backward()
    assert method.logged['things'] == 3 and 0 < method.logged['mask_share'] <= 1
    coarse = ('depth_decoder.heads.1', 'depth_decoder.heads.2', 'depth_decoder.heads.3')
    for name, parameter in method.network.named_parameters():
        assert (parameter.grad is not None) == (not name.startswith(coarse)), name


def test_a_batch_without_things_teaches_nothing() -> None:
    method = learner()
    loss = method(given(False))
    loss.backward()
    assert loss == 0
    assert all(not p.grad.any() for p in method.parameters() if p.grad is not None)


def test_its_defaults_are_those_of_the_paper() -> None:
    assert TINY.method.smoothness == 0.02 and TINY.method.least_area == 0.005
    assert TINY.method.stages == {}
