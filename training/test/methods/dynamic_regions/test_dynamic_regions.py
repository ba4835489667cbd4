# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.methods.dynamic_regions.method import DynamicRegions
from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.optimiser import Timetable
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.geometry import Camera, backproject, transform_from_axis_angle, warp
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH = 64, 96
CAMERA = Camera.from_normalised(WIDTH, HEIGHT, 0.58, 1.92, 0.5, 0.5)
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    method=DynamicRegionsSettings(joint_from=0, motion_from=0, together_from=0),
    training=Training(batch_size=2),
)


def method(**changes: object) -> DynamicRegions:
    torch.manual_seed(0)
    experiment = replace(TINY, method=replace(TINY.method, **changes))
    return DynamicRegions(experiment, Timetable.of(TINY.training, experiment.method, 1))


def sample(labels: dict[str, Tensor] | None = None) -> Sample:
    chance = torch.Generator().manual_seed(1)
    frames = [
        interpolate(torch.rand(2, 3, 16, 24, generator=chance), (HEIGHT, WIDTH), mode='bicubic')
        for _ in range(3)
    ]
    frames = [frame.clamp(0, 1) for frame in frames]
    return Sample(*frames, CAMERA.matrix().float().expand(2, 3, 3), labels=labels or {})


def coins() -> list[Tensor]:
    return [torch.zeros(2, dtype=torch.bool)] * 2


def test_without_motion_and_labels_it_is_implicit_cues() -> None:
    ours = method(motion='none')
    torch.manual_seed(0)
    plain = ImplicitCues(TINY, Timetable.of(TINY.training, ours.settings, 1))
    given = sample()
    torch.manual_seed(2)
    one = ours.loss(given, given, *coins())
    torch.manual_seed(2)
    assert torch.equal(one, plain.loss(given, given, *coins()))


@pytest.mark.parametrize('kind', ['2d', '3d'])
def test_the_phases_of_the_warm_up(kind: str) -> None:
    given = sample()
    for starts, depth_learns, motion_learns in (
        ({'motion_from': 10, 'together_from': 20}, True, False),
        ({'motion_from': 0, 'together_from': 20}, False, True),
        ({'motion_from': 0, 'together_from': 0}, True, True),
    ):
        learner = method(motion=kind, **starts)
        learner.loss(given, given, *coins()).backward()
        resting = {p for module in learner.resting() for p in module.parameters()}
        for part, learns in ((learner.network, depth_learns), (learner.motion, motion_learns)):
            moved = [p for p in part.parameters() if p.grad is not None and p not in resting]
            assert bool(moved) == learns


def test_motion_counts_where_both_neighbours_see_it() -> None:
    learner = method()
    depth = torch.full((2, HEIGHT, WIDTH), 10.0)
    still = transform_from_axis_angle(torch.zeros(2, 3), torch.zeros(2, 3))
    one, other = learner.own_motions(sample(), depth, [still, still])
    moves = [(m != 0).any(1) for m in (one, other)]
    assert torch.equal(*moves)
    assert 0 < moves[0].float().mean() < 0.6


def test_a_shift_of_the_image_is_a_translation_without_depth() -> None:
    learner = method(motion='2d')
    depth = torch.full((2, HEIGHT, WIDTH), 10.0)
    still = transform_from_axis_angle(torch.zeros(2, 3), torch.zeros(2, 3))
    (translation, _) = learner.own_motions(sample(), depth, [still, still], chosen=False)
    assert translation.shape == (2, 3, HEIGHT, WIDTH)
    assert (translation[:, 2] == 0).all() and (translation[:, :2] != 0).any()


def test_depth_and_motion_cannot_be_told_apart() -> None:
    """Eq. 4: whatever factor a pixel's depth has, a motion of it shows the same image."""
    chance = torch.Generator().manual_seed(3)
    image = sample().previous
    K = sample().K
    depth = torch.rand(2, HEIGHT, WIDTH, generator=chance) * 20 + 3
    T = transform_from_axis_angle(
        torch.randn(2, 3, generator=chance) * 0.02, torch.randn(2, 3, generator=chance) * 0.3
    )
    motion = torch.randn(2, 3, HEIGHT, WIDTH, generator=chance) * 0.1
    factor = torch.rand(2, HEIGHT, WIDTH, generator=chance) * 3 + 0.5
    turned = torch.einsum('bij,bjhw->bihw', T[:, :3, :3], backproject(depth, K))
    other = motion + (1 - factor[:, None]) * turned
    one, _ = warp(image, depth, T, K, translation=motion)
    same, _ = warp(image, depth * factor, T, K, translation=other)
    torch.testing.assert_close(one, same, atol=2e-4, rtol=0)


def test_labels_pull_the_depth_of_what_moves() -> None:
    label = torch.full((2, 1, HEIGHT, WIDTH), 8.0)
    label[:, :, 20:40, 30:60] = 3.0
    dynamic = torch.zeros(2, 1, HEIGHT, WIDTH)
    dynamic[:, :, 20:40, 30:60] = 1
    given = sample({'depth_label': label, 'dynamic': dynamic})
    learner = method(motion='none', label_weight=0.1)
    assert learner.settings.labels == ('depth_label', 'dynamic')
    depth = torch.linspace(1, 10, WIDTH).expand(2, HEIGHT, WIDTH).clone().requires_grad_()
    learner.depth_loss(given, [depth]).backward()
    assert (depth.grad[:, 20:40, 30:60] > 0).float().mean() > 0.9  # nearer, please
    depth.grad[:, 20:40, 30:60] = 0
    assert (depth.grad == 0).all()


def test_the_depth_of_the_scene_holds_what_has_no_label() -> None:
    label = torch.full((2, 1, HEIGHT, WIDTH), 8.0)
    dynamic = torch.zeros(2, 1, HEIGHT, WIDTH)
    dynamic[:, :, 20:40, 30:60] = 1
    learner = method(motion='none', label_error='log', scene_weight=0.1)
    given = sample({'depth_label': label, 'dynamic': dynamic})
    depth = torch.linspace(1, 10, WIDTH).expand(2, HEIGHT, WIDTH).clone().requires_grad_()
    learner.depth_loss(given, [depth]).backward()
    assert (depth.grad[:, 20:40, 30:60] == 0).all()
    # The median is the scale: what is nearer than it goes away, what is farther comes nearer.
    assert (depth.grad[:, :20, 5:40] < 0).all() and (depth.grad[:, :20, 60:85] > 0).all()


def test_around_a_thing_the_scene_counts_as_much_as_the_thing() -> None:
    label = torch.full((2, 1, HEIGHT, WIDTH), 8.0)
    dynamic = torch.zeros(2, 1, HEIGHT, WIDTH)
    dynamic[:, :, 20:40, 30:60] = 1
    given = sample({'depth_label': label, 'dynamic': dynamic})
    learner = method(motion='none', label_error='log', label_weight=0.5, ring=3 * 512 / WIDTH)
    depth = torch.linspace(1, 10, WIDTH).expand(2, HEIGHT, WIDTH).clone().requires_grad_()
    learner.depth_loss(given, [depth]).backward()
    pulled = depth.grad != 0
    assert pulled[:, 17:43, 27:60].float().mean() > 0.95  # but for what is as the label says
    pulled[:, 17:43, 27:63] = False
    assert not pulled.any()
