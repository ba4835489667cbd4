# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DSA on boxes that stand on a plane, whose depth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.methods.dynamic_regions.alignment import (
    ScaleAlignment,
    alignment_inputs,
    normalised,
    shapes,
    widened_box,
)
from mdepth_training.methods.dynamic_regions.alignment_stage import AlignScale, alignment_loss
from mdepth_training.methods.dynamic_regions.contact import ground_below
from mdepth_training.methods.dynamic_regions.part import has_part
from mdepth_training.methods.dynamic_regions.settings import ScaleAlignmentSettings
from mdepth_training.optimiser import Timetable
from safetensors.torch import save_file
from torch import Tensor

from mdepth_ros.geometry import Camera
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH, CAMERA_HEIGHT = 64, 96, 1.6
CAMERA = Camera(WIDTH, HEIGHT, 60.0, 60.0, 47.5, 20.5)
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0),
    method=ScaleAlignmentSettings(),
    training=Training(batch_size=2),
)


def boxes(distances: Tensor, across: Tensor) -> tuple[Tensor, ...]:
    """Boxes of 2 m x 1.6 m on a plane: image, mask, own depth (slanted), depth and ground.

    distances, across [N] in metres.
    """
    v, u = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing='ij')
    rays = (v - CAMERA.cy) / CAMERA.fy
    plane = torch.where(rays > 0.03, CAMERA_HEIGHT / rays.clamp(min=0.03), 80.0)
    d = distances[:, None, None]
    x, y = (u - CAMERA.cx) / CAMERA.fx * d, rays * d
    mask = ((x - across[:, None, None]).abs() < 1) & (y > 0) & (y < CAMERA_HEIGHT)
    slanted = d * (1 + 0.1 * (x - across[:, None, None]))
    depth = torch.where(mask, slanted, plane)
    ground = (rays > 0.03) & ~mask
    image = (0.3 + 0.4 * mask[:, None]).expand(-1, 3, -1, -1)
    return image, mask, torch.where(mask, slanted / d, 7.0), depth, ground


def drawn(count: int, seed: int) -> tuple[Tensor, ...]:
    chance = torch.Generator().manual_seed(seed)
    distances = 4 + 10 * torch.rand(count, generator=chance)
    return boxes(distances, 3 * torch.rand(count, generator=chance) - 1.5)


def small(count: int, seed: int) -> list[Tensor]:
    """Every second row and column."""
    return [x[..., ::2, ::2] for x in drawn(count, seed)]


def mean_depth(depth: Tensor, mask: Tensor) -> Tensor:
    return (depth * mask).sum((1, 2)) / mask.sum((1, 2))


def test_it_has_the_parameters_of_the_paper() -> None:
    """11.35 million: a ResNet-18 with a stem for 5 channels, and layers of 256, 128 and 1."""
    network = ScaleAlignment()
    count = sum(p.numel() for p in network.parameters())
    assert round(count / 1e6, 2) == 11.35
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.GroupNorm)]
    assert len(norms) == 20 and {norm.num_groups for norm in norms} == {1}


def test_what_the_network_sees() -> None:
    image, mask, own, depth, ground = boxes(torch.tensor([5.0]), torch.tensor([0.5]))
    inputs, unit = alignment_inputs(image, mask, own * 3, depth, ground)
    assert inputs.shape == (1, 5, HEIGHT, WIDTH)
    combined, shape = inputs[0, 3], inputs[0, 4]
    torch.testing.assert_close(shape[mask[0]].mean(), torch.tensor(1.0))
    assert (shape[~mask[0]] == 0).all() and torch.equal(combined[mask[0]], shape[mask[0]])
    torch.testing.assert_close(unit, depth[ground].median()[None])
    # The ground in the box, and a pixel around it, is left out.
    rows, columns = mask[0].any(1).nonzero(), mask[0].any(0).nonzero()
    box = torch.zeros_like(mask[0])
    box[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2] = True
    assert torch.equal(widened_box(mask)[0], box)
    assert (combined[box & ~mask[0]] == 0).all()
    outside = ground[0] & ~box
    torch.testing.assert_close(combined[outside], (depth / unit)[0][outside])
    assert (combined[~ground[0] & ~mask[0]] == 0).all()


def test_a_factor_on_the_scene_is_one_on_the_scale() -> None:
    network = ScaleAlignment('resnet18', 0.125).eval()
    image, mask, own, depth, ground = drawn(3, 0)
    scale = network.scale(image, mask, own, depth, ground)
    torch.testing.assert_close(network.scale(image, mask, own, depth * 7, ground), scale * 7)
    torch.testing.assert_close(network.scale(image, mask, own * 7, depth, ground), scale)


def test_the_loss_by_hand() -> None:
    own, mask = torch.ones(2, 2, 2), torch.ones(2, 2, 2, dtype=torch.bool)
    mask[1, 0] = False
    depth = torch.tensor([[[2.0, 2.0], [2.0, 2.0]], [[9.0, 9.0], [1.0, 4.0]]])
    scale = torch.tensor([4.0, 2.0])
    # log 2 on all, and log 2 on both that count.
    two = torch.tensor(2.0).log()
    torch.testing.assert_close(alignment_loss(scale, own, depth, mask, 'log'), two)
    # Huber with 0.005: 0.005 * (|e| - 0.0025); |e| is 2, and 1 and 2.
    wanted = torch.tensor(0.005 * (2 - 0.0025 + 1.5 - 0.0025) / 2)
    torch.testing.assert_close(alignment_loss(scale, own, depth, mask, 'huber'), wanted)
    assert alignment_loss(scale, own, depth, mask & False, 'log') == 0


def test_the_scale_is_the_mean_depth_after_a_short_training() -> None:
    torch.manual_seed(0)
    network = ScaleAlignment('resnet18', 0.125)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    steps = 150
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        image, mask, own, depth, ground = small(8, step)
        scale = network.scale(image, mask, own, depth, ground)
        shape = normalised(own, mask).where(mask, 1.0)
        loss = alignment_loss(scale, shape, depth, mask, 'log')
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    image, mask, own, depth, ground = small(24, 10_000)
    truth = mean_depth(depth, mask)
    with torch.no_grad():
        found = network.eval().scale(image, mask, own, depth, ground)
    off = (found / truth).log().abs()
    guess = (truth.median() / truth).log().abs()
    assert off.median() < 0.08 and off.mean() < 0.3 * guess.mean()


def test_the_closed_form_is_the_mean_depth_too() -> None:
    _, mask, _, depth, ground = drawn(24, 10_000)
    frames = zip(*(x.numpy() for x in (mask, depth, ground)), strict=True)
    found = torch.tensor([ground_below(*frame) for frame in frames])
    off = (found / mean_depth(depth, mask)).log().abs()
    assert off.median() < 0.1


def learner(**changes: object) -> AlignScale:
    torch.manual_seed(0)
    experiment = replace(TINY, method=replace(TINY.method, **changes))
    return AlignScale(experiment, Timetable.of(TINY.training, experiment.method, 1))


def given() -> Sample:
    image, mask, _, depth, ground = boxes(torch.tensor([5.0, 6.0]), torch.tensor([0.5, -0.5]))
    ids = mask[:, None].byte() * 3
    labels = {'scene_depth': depth[:, None].half(), 'ground': ground[:, None]}
    labels |= dict.fromkeys(('static_things', 'things_previous', 'things_following'), ids)
    K = CAMERA.matrix().float().expand(2, 3, 3)
    return Sample(image, image, image, K, labels=labels)


@pytest.mark.parametrize('shape', ['flat', 'scene', 'object'])
def test_only_the_alignment_learns(shape: str) -> None:
    method = learner(shape=shape).train()
    before = {name: value.clone() for name, value in method.network.state_dict().items()}
    method.step = 19
    method(given()).backward()
    assert method.logged['things'] == 2 and method.logged['log_scale_error'] > 0
    assert all(p.grad is not None for p in method.alignment.parameters())
    assert all(p.grad is None for p in method.network.parameters())
    after = method.network.state_dict()  # batch norms too stay as they are
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_batch_without_things_teaches_nothing() -> None:
    method, empty = learner(), given()
    labels = {n: x * 0 if 'things' in n else x for n, x in empty.labels.items()}
    loss = method(replace(empty, labels=labels))
    loss.backward()
    assert loss == 0 and all(not p.grad.any() for p in method.alignment.parameters())


def test_the_shape_of_a_thing_comes_from_its_own_images() -> None:
    network = learner().network
    image, mask, _, depth, _ = drawn(2, 0)
    alone = image * mask[:, None]
    assert (shapes('flat', None, alone, alone, depth) == 1).all()
    assert shapes('scene', None, alone, alone, depth) is depth
    seen = shapes('object', network, alone, alone, depth)
    assert seen.shape == depth.shape and (seen > 0).all()


def test_parts_of_a_scene_stage_are_left(tmp_path: Path) -> None:
    method, model = learner(), tmp_path / 'scene.safetensors'
    assert not has_part(model, 'alignment')
    method.load_parts(model)
    save_file({'motion.x': torch.zeros(2)}, tmp_path / 'scene.parts.safetensors')
    assert not has_part(model, 'alignment')
    method.load_parts(model)
    method.save_parts(model)
    assert has_part(model, 'alignment')
    other = learner()
    torch.nn.init.zeros_(other.alignment.head[0].weight)
    other.load_parts(model)
    assert torch.equal(other.alignment.head[0].weight, method.alignment.head[0].weight)
