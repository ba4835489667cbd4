# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole way from a configuration to a model file, at the smallest size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.config import Experiment, SyntheticData, Training
from mdepth_training.data import Sample
from mdepth_training.fit import fit
from mdepth_training.methods.implicit_cues import ImplicitCues

from mdepth_ros.errors import MdepthError
from mdepth_ros.model_file import load_model
from mdepth_ros.networks import NetworkConfig

TINY = Experiment(
    name='tiny',
    input_size=(64, 96),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    data=SyntheticData(drives=2, frames=6),
    training=Training(
        steps=24, joint_from=2, batch_size=2, warm_up=2, save_every=2, steady_motion=0.05
    ),
)


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> Path:
    return fit(TINY, tmp_path_factory.mktemp('whole'))


def test_a_run_ends_in_a_model_whose_card_says_what_it_is(whole: Path) -> None:
    network, card = load_model(whole)
    assert card.network == TINY.network and card.input_size == (64, 96)
    assert 'synthetic world: 2 drives' in card.data and card.details['steps'] == '24'
    assert card.metres_per_unit > 0
    assert (whole.parent / 'log' / 'version_0' / 'metrics.csv').exists()
    assert network.training is False


def test_an_interrupted_run_resumed_equals_the_whole_one(whole: Path, tmp_path: Path) -> None:
    half = fit(TINY, tmp_path, until=14)
    assert not half.exists()
    resumed = fit(TINY, tmp_path, resume=True)
    first, second = load_model(whole)[0].state_dict(), load_model(resumed)[0].state_dict()
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


def test_a_finished_folder_is_not_overwritten(whole: Path) -> None:
    with pytest.raises(MdepthError, match='add --resume'):
        fit(TINY, whole.parent)


def test_another_network_does_not_resume(whole: Path) -> None:
    other = replace(TINY, network=replace(TINY.network, width=0.25))
    with pytest.raises(MdepthError, match='begun with another network'):
        fit(other, whole.parent, resume=True)


def test_learning_lowers_the_loss_on_one_batch() -> None:
    """A textured wall that the camera approaches: depth and motion must come to agree."""
    torch.manual_seed(0)
    method = ImplicitCues(replace(TINY, training=replace(TINY.training, joint_from=0)))
    sample = approaching_wall()
    optimizer = torch.optim.Adam(method.network.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        disparities, pose = method.network(sample.previous, sample.current)
        ahead = method.network.pose(sample.current, sample.following)
        loss, _ = method.multi_scale_loss(
            sample, disparities, *method.transforms(pose, ahead), torch.zeros(2, dtype=torch.bool)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.9 * losses[0]


def test_gradients_reach_every_part_in_the_joint_stage() -> None:
    torch.manual_seed(0)
    method = ImplicitCues(TINY)
    sample = approaching_wall()
    disparities, pose = method.network(sample.previous, sample.current)
    ahead = method.network.pose(sample.current, sample.following)
    loss, _ = method.multi_scale_loss(
        sample, disparities, *method.transforms(pose, ahead), torch.zeros(2, dtype=torch.bool)
    )
    loss.backward()
    for part in ('depth_encoder', 'motion_encoder', 'depth_decoder', 'pose_decoder', 'cues'):
        gradients = [p.grad for p in getattr(method.network, part).parameters()]
        assert any(g is not None and g.abs().max() > 0 for g in gradients), part


def test_a_duplicated_sample_learns_from_the_following_frame_alone() -> None:
    method = ImplicitCues(TINY)
    sample = approaching_wall()
    disparities = [torch.full((2, 1, 64 >> s, 96 >> s), 0.3) for s in range(4)]
    motion, other = torch.eye(4).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1)
    other[:, 2, 3] = 5.0
    blind = torch.ones(2, dtype=torch.bool)

    def loss(before: torch.Tensor, duplicated: torch.Tensor) -> float:
        torch.manual_seed(0)  # the noise that breaks ties
        return method.multi_scale_loss(sample, disparities, before, motion, duplicated)[0].item()

    assert loss(motion, blind) == loss(other, blind)
    assert loss(other, blind) != loss(other, ~blind)


def approaching_wall() -> Sample:
    """Two samples of random texture that grows by five per cent from frame to frame."""
    generator = torch.Generator().manual_seed(1)
    texture = torch.rand(2, 3, 16, 24, generator=generator)
    wall = torch.nn.functional.interpolate(texture, (64, 96), mode='bicubic').clamp(0, 1)

    def zoomed(factor: float) -> torch.Tensor:
        turn = torch.tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]]).expand(2, 2, 3)
        grid = torch.nn.functional.affine_grid(turn, [2, 3, 64, 96], align_corners=False)
        return torch.nn.functional.grid_sample(wall, grid, align_corners=False)

    K = torch.tensor([[55.0, 0, 47.5], [0, 120.0, 31.5], [0, 0, 1]]).expand(2, 3, 3)
    return Sample(zoomed(0.95), zoomed(1.0), zoomed(1.05), K)
