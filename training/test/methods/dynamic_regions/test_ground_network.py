# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network of the ground: its losses against torch, and boxes on a plane."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.losses import smoothness_between_edges
from mdepth_training.methods.dynamic_regions.ground import ground_mask
from mdepth_training.methods.dynamic_regions.ground_network import (
    GroundNetwork,
    ground_inputs,
    lower_thirds,
    thirds_loss,
)
from mdepth_training.methods.dynamic_regions.ground_stage import LearnGround
from mdepth_training.methods.dynamic_regions.part_settings import GroundNetworkSettings
from mdepth_training.optimiser import Timetable
from torch import Tensor
from torch.nn import functional

from mdepth_ros.geometry import Camera
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH = 48, 64
CAMERA = Camera(WIDTH, HEIGHT, 40.0, 40.0, 31.5, 20.5)
TINY = Experiment(
    network=NetworkConfig(width=0.125),
    method=GroundNetworkSettings(ground_channels=8),
    training=Training(batch_size=4, steps=60, warm_up=1),
)


def plane_with_boxes(count: int, seed: int) -> tuple[Sample, Tensor]:
    """A plane 1.6 m below the camera, on it a box each: samples, and where the plane is seen."""
    chance = torch.Generator().manual_seed(seed)
    v, u = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing='ij')
    rays = (v - CAMERA.cy) / CAMERA.fy
    plane = torch.where(rays > 0.04, 1.6 / rays.clamp(min=0.04), 40.0)
    d = 4 + 6 * torch.rand(count, 1, 1, generator=chance)
    across = 4 * torch.rand(count, 1, 1, generator=chance) - 2
    x, y = (u - CAMERA.cx) / CAMERA.fx * d, rays * d
    box = ((x - across).abs() < 1) & (y > -0.2) & (y < 1.6)
    truth = (rays > 0.04) & ~box
    depth = torch.where(box, d, plane)[:, None]
    grey = torch.where(truth, 0.4, torch.where(box, 0.2, 0.9))[:, None]
    image = (grey + 0.05 * torch.randn(count, 3, 48, 64, generator=chance)).clamp(0, 1)
    K = CAMERA.matrix().float().expand(count, 3, 3)
    return Sample(image, image, image, K, labels={'scene_depth': depth}), truth


def learner(steps: int = 60, **changes: object) -> LearnGround:
    torch.manual_seed(0)
    method = replace(TINY.method, **changes)
    experiment = replace(TINY, method=method, training=replace(TINY.training, steps=steps))
    return LearnGround(experiment, Timetable.of(experiment.training, method, 1)).train()


def test_one_probability_for_each_pixel_of_any_size() -> None:
    network = GroundNetwork()
    assert network(torch.rand(2, 4, 20, 36)).shape == (2, 1, 20, 36)
    # 3x3 convolutions 4-64-64-128, 1x1 to 1, and two affine norms.
    assert sum(p.numel() for p in network.parameters()) == 2368 + 36928 + 73856 + 129 + 2 * 192


def test_the_disparity_is_over_its_largest() -> None:
    inputs = ground_inputs(torch.rand(1, 3, 1, 2), torch.tensor([[[[2.0, 8.0]]]]))
    torch.testing.assert_close(inputs[0, 3], torch.tensor([[1.0, 0.25]]))


def test_the_loss_is_cross_entropy_and_smoothness() -> None:
    """As torch has them: no jitter, and before the network learns from itself."""
    method, (sample, _) = learner(), plane_with_boxes(2, 0)
    loss = method.loss(sample, sample)
    depth = sample.labels['scene_depth']
    inputs = ground_inputs(sample.current, depth)
    probability = method.ground(inputs).sigmoid()
    label = ground_mask(depth[:, 0], sample.K)[:, None].float()
    wanted = functional.binary_cross_entropy(probability, label)
    for axis in (2, 3):
        size = probability.shape[axis] - 1
        step = probability.narrow(axis, 1, size) - probability.narrow(axis, 0, size)
        edge = (inputs.narrow(axis, 1, size) - inputs.narrow(axis, 0, size)).abs().mean(1)
        wanted = wanted + 2 * functional.l1_loss(step * (-edge).exp()[:, None], 0 * step)
    torch.testing.assert_close(loss, wanted)


def test_the_ground_may_end_where_the_image_has_an_edge() -> None:
    ground = torch.zeros(1, 1, 4, 6)
    ground[..., 3:] = 1
    plain = torch.zeros(1, 2, 4, 6)
    assert smoothness_between_edges(ground, plain) == pytest.approx(1 / 5)
    edge = smoothness_between_edges(ground, 2 * ground.expand(1, 2, -1, -1))
    assert edge == pytest.approx(torch.tensor(-2.0).exp().item() / 5)


def test_the_lower_thirds_are_enlarged() -> None:
    rows = torch.arange(9.0).reshape(1, 1, 9, 1).expand(1, 1, 9, 4)
    middle, bottom = lower_thirds(rows)
    assert middle.shape == bottom.shape == rows.shape
    torch.testing.assert_close(middle[0, 0, ::4, 0], torch.tensor([3.0, 4.0, 5.0]))
    torch.testing.assert_close(bottom, middle + 3)


def test_what_is_said_of_the_thirds_is_the_target_of_the_whole() -> None:
    """Of a network that says ground where the first channel is above one half."""

    class Threshold(torch.nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return 8 * (inputs[:, :1] - 0.5)

    inputs = torch.zeros(1, 4, 9, 4)
    inputs[:, 0, :, :2] = 1
    label = torch.zeros(1, 1, 9, 4)
    logits = torch.randn(1, 1, 9, 4)
    loss = thirds_loss(Threshold(), inputs, logits, label)
    target, said = inputs[:, :1, 3:], torch.tensor([4.0, 4.0, -4.0, -4.0]).expand(1, 1, 9, 4)
    wanted = functional.binary_cross_entropy(said.sigmoid(), label)
    wanted = wanted + functional.binary_cross_entropy(logits[:, :, 3:].sigmoid(), target)
    torch.testing.assert_close(loss, wanted)


def test_the_weights_of_the_run() -> None:
    method = learner(steps=100)
    shares = [(0.2, 0.3), (0.5, 0.5)]
    found = []
    for method.step in (0, 20, 25, 30, 50, 99):
        found.append([method.progress_between(one) for one in shares])
    wanted = [[0, 0], [0, 0], [0.5, 0], [1, 0], [1, 0], [1, 1]]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(wanted, dtype=torch.float32))


def test_a_plane_is_learned_up_to_the_boxes_on_it() -> None:
    method = learner(steps=60)
    optimizer = method.optimizer()
    for method.step in range(60):
        sample, _ = plane_with_boxes(2, method.step)
        for group in optimizer.param_groups:
            group['lr'] = 2e-2 * method.timetable.rate(method.step)
        loss = method(sample)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is None for p in method.network.parameters())
    sample, truth = plane_with_boxes(16, 10_000)
    depth = sample.labels['scene_depth']
    with torch.no_grad():
        found = method.eval().ground(ground_inputs(sample.current, depth))[:, 0] > 0
    precision = (found & truth).sum() / found.sum()
    recall = (found & truth).sum() / truth.sum()
    assert precision > 0.9 and recall > 0.9
    closed = ground_mask(depth[:, 0], sample.K)
    assert recall > (closed & truth).sum() / truth.sum()
