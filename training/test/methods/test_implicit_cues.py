# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from torch.nn.functional import affine_grid, grid_sample, interpolate

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, warp
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH = 64, 96
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    method=ImplicitCuesSettings(joint_from=0),
    training=Training(batch_size=2),
)


def method(**changes: object) -> ImplicitCues:
    torch.manual_seed(0)
    own = {name: changes.pop(name) for name in vars(TINY.method) if name in changes}
    training = replace(TINY.training, **changes)
    return ImplicitCues(replace(TINY, method=replace(TINY.method, **own), training=training))


def camera_matrix(zoom: float = 1.0) -> torch.Tensor:
    fx, fy, cx, cy = TINY.camera
    camera = Camera.from_normalised(WIDTH, HEIGHT, zoom * fx, zoom * fy, cx, cy)
    return camera.matrix().float().expand(2, 3, 3)


def texture() -> torch.Tensor:
    """Two images of random blobs."""
    noise = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    return interpolate(noise, (HEIGHT, WIDTH), mode='bicubic').clamp(0, 1)


def approaching_wall() -> Sample:
    """A wall that grows by five per cent from frame to frame."""
    wall = texture()

    def zoomed(factor: float) -> torch.Tensor:
        turn = torch.tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]]).expand(2, 2, 3)
        grid = affine_grid(turn, [2, 3, HEIGHT, WIDTH], align_corners=False)
        return grid_sample(wall, grid, align_corners=False)

    return Sample(zoomed(0.95), zoomed(1.0), zoomed(1.05), camera_matrix())


def stereo_wall(depth: float, baseline: float) -> Sample:
    """A wall `depth` metres away with a camera to the right, and neighbours of elsewhere."""
    wall, T = texture(), torch.eye(4).repeat(2, 1, 1)
    elsewhere = wall.flip(0, -1)
    T[:, 0, 3] = -baseline
    back = T.inverse()
    stereo, _ = warp(wall, torch.full((2, HEIGHT, WIDTH), depth), back, camera_matrix())
    return Sample(elsewhere, wall, elsewhere, camera_matrix(), stereo, T)


def test_learning_lowers_the_loss_on_one_batch() -> None:
    """Depth and motion must come to agree."""
    learner, sample = method(), approaching_wall()
    optimizer = torch.optim.Adam(learner.network.parameters(), 1e-3)
    losses = []
    while len(losses) < 30 and not (losses and losses[-1] < 0.9 * losses[0]):
        disparities, pose = learner.network(sample.previous, sample.current)
        ahead = learner.network.pose(sample.current, sample.following)
        loss, _ = learner.view_loss(sample, disparities, pose, ahead)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_gradients_reach_every_part_in_the_joint_stage() -> None:
    learner = method(duplicated=0.0, dropped_cues=0.0)
    learner(approaching_wall()).backward()
    for part in ('depth_encoder', 'motion_encoder', 'depth_decoder', 'pose_decoder', 'cues'):
        gradients = [p.grad for p in getattr(learner.network, part).parameters()]
        assert any(g is not None and g.abs().max() > 0 for g in gradients), part


def test_noise_reaches_the_networks_and_not_the_images_of_the_loss() -> None:
    learner, sample = method(noise=1.0, colour=0.0, hue=0.0, accumulate=8), approaching_wall()
    seen, explained = [], []
    learner.network.register_forward_pre_hook(lambda _, views: seen.append(views[1]))
    learner.view_loss = lambda made, *_: explained.append(made.current) or (torch.zeros(()), None)
    learner._watch = lambda *_: None
    for step in range(8):
        learner(sample, step)
    difference = (torch.cat(seen) - torch.cat(explained)).abs().amax((1, 2, 3))
    noisy = difference > 0.1
    assert 4 <= noisy.sum() <= 12 and difference[~noisy].max() < 1e-5


def test_the_first_stage_leaves_the_cues_alone() -> None:
    """Even decay: Adam turns a gradient of decay alone into full steps towards zero."""
    learner = method(joint_from=5, weight_decay=0.1)
    learner(approaching_wall()).backward()
    optimizer = learner.optimizer()
    before = {name: value.clone() for name, value in learner.network.named_parameters()}
    learner.rest()
    optimizer.step()
    moved = {
        n.split('.')[0] for n, v in learner.network.named_parameters() if (v != before[n]).any()
    }
    assert moved == {'depth_encoder', 'motion_encoder', 'depth_decoder', 'pose_decoder'}


def disparities_of(learner: ImplicitCues, depth: float) -> list[torch.Tensor]:
    near, far = learner.network.config.depth_range
    value = (1 / depth - 1 / far) / (1 / near - 1 / far)
    return [torch.full((2, 1, HEIGHT >> s, WIDTH >> s), value) for s in range(4)]


def test_a_duplicated_sample_learns_from_the_following_frame_alone() -> None:
    learner, sample = method(), approaching_wall()
    motion, other = torch.zeros(2, 6), torch.zeros(2, 6)
    other[:, 5] = 5.0
    blind = torch.ones(2, dtype=torch.bool)

    def loss(before: torch.Tensor, duplicated: torch.Tensor) -> float:
        torch.manual_seed(0)  # the noise that breaks ties
        disparities = disparities_of(learner, 3.0)
        return learner.view_loss(sample, disparities, before, motion, duplicated)[0].item()

    assert loss(motion, blind) == loss(other, blind)
    assert loss(other, blind) != loss(other, ~blind)


@pytest.mark.parametrize('full_size', [False, True])
def test_the_right_depth_and_motion_explain_a_wall_best(full_size: bool) -> None:
    """Five per cent of growth is a step forward of five per cent of the distance."""
    learner, sample = method(full_size_losses=full_size, smoothness=0.0), approaching_wall()

    def loss(depth: float) -> float:
        torch.manual_seed(0)
        forward = torch.tensor([[0.0, 0, 0, 0, 0, -0.1]]).expand(2, 6)  # T_second_first
        return learner.view_loss(sample, disparities_of(learner, depth), forward, forward)[
            0
        ].item()

    assert loss(2.0) < min(loss(1.5), loss(2.7))


def test_a_longer_lens_changes_no_pixel_of_what_the_network_says() -> None:
    """The network sees pixels alone, so the same answer must fit them whatever the lens.

    For translations and turns about the optical axis that holds exactly.
    """
    learner = method()
    pose = torch.tensor([[0.0, 0, 0.02, 0.05, -0.02, -0.1]]).expand(2, 6)
    losses = []
    for zoom in (1.0, 1.7):
        torch.manual_seed(0)
        sample = replace(approaching_wall(), K=camera_matrix(zoom))
        losses.append(learner.view_loss(sample, disparities_of(learner, 2.0), pose, pose)[0])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)


def test_a_longer_lens_turns_less_for_the_same_shift_of_the_image() -> None:
    learner = method()
    pose = torch.tensor([[0.004, 0.008, 0, 0, 0, 0]]).expand(2, 6)
    warped = []
    for zoom in (1.0, 2.0):
        sample = replace(approaching_wall(), K=camera_matrix(zoom))
        disparities = disparities_of(learner, 2.0)
        warped.append(learner.view_loss(sample, disparities, pose, pose)[1].warped)
    first, second, still = (
        image[..., 24:40, 36:60]
        for image in (*warped, sample.previous)  # where tan w is w
    )
    shift = (first - still).abs().mean()
    assert shift > 1e-2
    assert (first - second).abs().mean() < 0.1 * shift


@pytest.mark.parametrize('sources', ['S', 'MS'])
def test_a_stereo_pair_fixes_the_unit(sources: str) -> None:
    """A wall at 10 m and a baseline of 0.5 m: with 4 m in a unit it is 2.5 units away."""
    learner = method(sources=sources, metres_per_unit=4.0, smoothness=0.0)
    sample, still = stereo_wall(10.0, 0.5), torch.zeros(2, 6)

    def loss(depth: float) -> float:
        torch.manual_seed(0)
        return learner.view_loss(sample, disparities_of(learner, depth), still, still)[0].item()

    assert loss(2.5) < min(loss(1.5), loss(4.0)) - 0.04


@pytest.mark.parametrize(('sources', 'learns'), [('M', True), ('S', False), ('MS', True)])
def test_only_with_neighbours_does_their_motion_teach_the_depth(
    sources: str, learns: bool
) -> None:
    learner = method(sources=sources, smoothness=0.0)
    wall = approaching_wall()
    stereo = stereo_wall(10.0, 0.54)
    elsewhere = wall.current.flip(0, -1)
    sample = replace(wall, stereo=elsewhere, T_stereo_current=stereo.T_stereo_current)
    gradients = []
    for forward in (-0.05, -0.1):
        torch.manual_seed(0)
        disparities = [d.requires_grad_() for d in disparities_of(learner, 2.0)]
        pose = torch.tensor([[0.0, 0, 0, 0, 0, forward]]).repeat(2, 1).requires_grad_()
        loss, _ = learner.view_loss(sample, disparities, pose, pose)
        loss.backward()
        gradients.append(disparities[0].grad)
        assert pose.grad.abs().max() > 0
    assert torch.equal(*gradients) != learns


def test_stereo_without_a_second_camera_says_what_to_do() -> None:
    learner, pose = method(sources='MS'), torch.zeros(2, 6)
    with pytest.raises(MdepthError, match=r'method\.sources=M'):
        learner.view_loss(approaching_wall(), disparities_of(learner, 2.0), pose, pose)


def test_depths_of_the_neighbours_are_made_and_learn_where_they_are_compared() -> None:
    """SC-Depth's terms: three depths of a triplet, with and without the joint stage."""
    sample = approaching_wall()
    plain = method(duplicated=0.0)(sample).item()
    for settings in ({'geometry_consistency': 0.5}, {'self_discovered_mask': True}):
        learner = method(duplicated=0.0, **settings)
        loss = learner(sample)
        loss.backward()
        assert loss.isfinite() and (loss.item() > plain) == ('geometry_consistency' in settings)
        assert learner.network.depth_decoder.fuse[0].weight.grad.abs().max() > 0
        assert learner.validation_loss(sample).isfinite()
