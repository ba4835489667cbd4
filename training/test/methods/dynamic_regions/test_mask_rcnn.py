# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN as the network of the instances: where torchvision is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment, load_experiment
from mdepth_training.data.sample import Sample
from mdepth_training.methods.dynamic_regions.instance_stage import LearnInstances
from mdepth_training.methods.dynamic_regions.part import has_part
from safetensors.torch import load_file, save_file

from mdepth_ros.errors import MdepthError

pytest.importorskip('torchvision.ops', reason='torchvision is not there (an extra)')

from mdepth_training.methods.dynamic_regions.mask_rcnn import (
    _as_ids,
    _left_open,
    _target,
    share_in,
)
from torchvision.ops import masks_to_boxes

H, W = 64, 96


def squares(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1, 3, 64, 96] with two bright squares, and their ids [1, 1, 64, 96]."""
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.uniform(0.2, 0.3, (1, 3, H, W))).float()
    ids = torch.zeros(1, 1, H, W, dtype=torch.uint8)
    for number, left in enumerate((random.integers(2, 24), random.integers(50, 70)), 1):
        top = random.integers(4, 40)
        image[..., top : top + 18, left : left + 20] = 0.8
        ids[..., top : top + 18, left : left + 20] = number
    return image, ids


def sample(seeds: range, unsure: int = 0) -> tuple[Sample, torch.Tensor]:
    """Samples with the labels of squares, of which one may be unsure instead."""
    images, ids = (torch.cat(parts) for parts in zip(*map(squares, seeds), strict=True))
    labels = {
        'scene_depth': torch.ones(len(ids), 1, H, W),
        'instances': ids * (ids != unsure) if unsure else ids,
        'unsure': (ids == unsure) & (ids > 0),
    }
    K = torch.tensor([[0.6 * W, 0, W / 2], [0, 0.9 * H, H / 2], [0, 0, 1]])
    return Sample(images, images, images, K.expand(len(ids), 3, 3), labels=labels), ids


def tiny(folder: Path, *overrides: str) -> Experiment:
    path = folder / 'tiny.yaml'
    path.write_text(
        f'name: tiny\ninput_size: [{H}, {W}]\ncamera: [0.58, 0.87, 0.5, 0.5]\n'
        'method: {name: dynamic_instances, detector: mask_rcnn, detector_channels: 16}\n'
        'network: {width: 0.125}\ndata: {synthetic: {drives: 1, frames: 3}}\n'
    )
    return load_experiment(path, [*overrides])


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[LearnInstances, list[float]]:
    """What it is after some steps on two pictures, and the losses on the way."""
    torch.manual_seed(0)
    learner = LearnInstances(tiny(tmp_path_factory.mktemp('trained'))).train()
    optimizer = torch.optim.Adam(learner.instances.parameters(), lr=1e-3)
    given, _ = sample(range(2))
    losses = []
    for _ in range(60):
        loss = learner.loss(given, given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return learner.eval(), losses


def test_it_finds_the_squares_that_it_learned(
    trained: tuple[LearnInstances, list[float]],
) -> None:
    learner, losses = trained
    assert np.mean(losses[-5:]) < 0.4 * np.mean(losses[:5])
    assert all(p.grad is None for p in learner.network.parameters())
    given, truth = sample(range(2))
    found, probability = learner.instances.found(learner.seen(given.current, given), 0.6)
    assert found.shape == probability.shape == (2, H, W) and found.dtype == np.uint8
    assert probability.min() >= 0 and probability.max() <= 1
    for ids, exact in zip(found, truth[:, 0].numpy(), strict=True):
        assert ids.max() == 2
        for number in (1, 2):
            mask = exact == number
            same = ids == np.bincount(ids[mask], minlength=3)[1:].argmax() + 1
            assert (same & mask).sum() / (same | mask).sum() > 0.7
    assert not learner.instances.found(learner.seen(given.current, given), 1.0)[0].any()
    blank = given.current * 0 + 0.25
    assert not learner.instances.found(learner.seen(blank, given), 0.6)[0].any()


def test_a_loss_on_held_out_frames_leaves_it_as_it_is(
    trained: tuple[LearnInstances, list[float]],
) -> None:
    learner, _ = trained
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    given, _ = sample(range(2000, 2002))
    losses = []
    for _ in range(2):
        torch.manual_seed(5)
        with torch.inference_mode():
            losses.append(learner.validation_loss(given))
        with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
            torch.manual_seed(5)
            losses.append(learner.validation_loss(given))
    assert losses[0] == losses[2] and losses[0].isfinite()
    torch.testing.assert_close(losses[1], losses[0], rtol=0.1, atol=0.02)
    assert not learner.instances.training
    after = learner.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_model_keeps_it_as_a_part(
    trained: tuple[LearnInstances, list[float]], tmp_path: Path
) -> None:
    learner, _ = trained
    model = tmp_path / 'tiny.safetensors'
    learner.save_parts(model)
    assert has_part(model, 'instances')
    other = LearnInstances(tiny(tmp_path))
    other.load_parts(model)
    given, _ = sample(range(3000, 3001))
    pair = [
        one.eval().instances.found(one.seen(given.current, given), 0.6) for one in (learner, other)
    ]
    np.testing.assert_array_equal(pair[0][1], pair[1][1])
    for setting in ('detector=own', 'detector_channels=8', 'detector_encoder=resnet50'):
        with pytest.raises(MdepthError, match='other settings of the method'):
            LearnInstances(tiny(tmp_path, f'method.{setting}')).load_parts(model)


def test_a_box_of_which_half_is_unsure_is_no_background() -> None:
    mask = torch.zeros(20, 30, dtype=torch.bool)
    mask[5:15, 10:20] = True
    boxes = torch.tensor(
        [[10.0, 5, 20, 15], [10, 5, 30, 15], [12, 7, 14, 9], [0, 0, 10, 20], [-8, 5, 18, 15]]
    )
    share = share_in(mask, boxes)
    torch.testing.assert_close(share, torch.tensor([1, 0.5, 1, 0, 8 / 18]))
    label = torch.tensor([1, 0, 0, 0, 0])
    (left,) = _left_open([label], [boxes], [mask])
    assert left.tolist() == [1, -1, -1, 0, 0]
    # Where nothing would be left the mean loss is of no box: the one that is least unsure stays.
    (left,) = _left_open([label[1:3] * 0], [boxes[1:3]], [mask])
    assert left.tolist() == [0, -1]


def test_what_is_unsure_is_no_background(trained: tuple[LearnInstances, list[float]]) -> None:
    """It is sure of two things, of which only one has a label."""
    learner, _ = trained
    given, ids = sample(range(2))
    seen, known = learner.seen(given.current, given), ids[:, 0] * (ids[:, 0] != 2)
    losses = {}
    for unsure in (False, True):
        open_ = (ids[:, 0] == 2) & unsure
        targets = [_target(*pair) for pair in zip(known, open_, strict=True)]
        torch.manual_seed(0)
        with torch.no_grad():
            said = learner.instances.net.train()(list(seen), targets)
        losses[unsure] = said['loss_classifier'] + said['loss_objectness']
    learner.eval()
    assert losses[True] < 0.6 * losses[False]


def test_frames_without_anything_have_a_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = LearnInstances(tiny(tmp_path)).train()
    given, ids = sample(range(2))
    nothing, everywhere = torch.zeros_like(ids), torch.ones_like(ids, dtype=torch.bool)
    seen = learner.seen(given.current, given)
    for unsure in (~everywhere, everywhere):
        loss = learner.instances.loss(seen, nothing, unsure)
        loss.backward()
        assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in learner.instances.parameters())


def test_targets_are_those_of_torchvision() -> None:
    _, ids = squares(0)
    ids = ids[0, 0]
    ids[ids == 1] = 7
    target = _target(ids, ids < 0)
    masks = torch.stack([ids == 2, ids == 7])
    torch.testing.assert_close(target['masks'], masks.byte())
    exact = masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1])  # theirs end at the last pixel
    torch.testing.assert_close(target['boxes'], exact)
    assert target['labels'].tolist() == [1, 1]
    assert _target(ids * 0, ids < 0)['boxes'].shape == (0, 4)


def test_the_surest_of_two_that_overlap_is_the_thing() -> None:
    masks = torch.zeros(4, 1, 40, 50)
    masks[0, :, 10:20, 10:20] = 0.9
    masks[1, :, 10:20, 12:22] = 0.9  # nearly the first one
    masks[2, :, 10:20, 18:30] = 0.9  # beside it
    masks[3, :, 0, 0] = 0.9  # a speck
    said = {'scores': torch.tensor([0.7, 0.8, 0.65, 0.9]), 'masks': masks}
    ids, probability = _as_ids(said, 0.6, (40, 50))
    assert sorted(np.unique(ids)) == [0, 1, 2]
    np.testing.assert_array_equal(ids == 1, masks[1, 0].numpy() > 0)
    assert (ids[10:20, 22:30] == 2).all() and not ids[10:20, 10:12].any()
    np.testing.assert_allclose(probability[15, 11], 0.7 * 0.9, rtol=1e-6)
    assert not _as_ids(said, 0.95, (40, 50))[0].any()


def test_it_sees_the_ground_of_a_label(tmp_path: Path) -> None:
    experiment = tiny(tmp_path, 'method.detector_ground=label')
    assert experiment.method.labels == ('scene_depth', 'instances', 'unsure', 'ground_probability')
    learner = LearnInstances(experiment)
    given, _ = sample(range(1))
    depth = given.labels['scene_depth']
    # A level plane one unit below: its depth is f / (row - cy).
    rows = torch.arange(H)[:, None].float()
    depth[:] = (0.9 * H / (rows - H / 2).clamp(min=1)).clamp(max=20)
    seen = learner.seen(given.current, given)
    assert seen.shape == (1, 5, H, W)
    torch.testing.assert_close(seen[:, 3:4], depth.amin() / depth)
    assert seen[0, 4, 50:60].mean() > 0.9 and not seen[0, 4, :30].any()
    given.labels['ground_probability'] = torch.full((1, 1, H, W), 51, dtype=torch.uint8)
    torch.testing.assert_close(
        learner.seen(given.current, given)[:, 4:], torch.full((1, 1, H, W), 0.2)
    )


def test_it_begins_with_a_file_of_its_user(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.manual_seed(3)
    state = resnet18(weights=None).state_dict()
    file = tmp_path / 'resnet18.safetensors'
    save_file(state, file)
    learner = LearnInstances(tiny(tmp_path, f'method.detector_weights={file}'))
    parts = {
        name.removeprefix('instances.net.backbone.body.'): value
        for name, value in learner.state_dict().items()
    }
    torch.testing.assert_close(parts['layer3.0.conv1.weight'], state['layer3.0.conv1.weight'])
    torch.testing.assert_close(parts['conv1.weight'][:, :3], state['conv1.weight'])
    assert not parts['conv1.weight'][:, 3:].any()
    assert load_file(file).keys() == state.keys()
    with pytest.raises(MdepthError, match=r'detector_weights=.*missing') as caught:
        LearnInstances(
            tiny(
                tmp_path,
                f'method.detector_weights={file}',
                'method.detector_encoder=resnet50',
            )
        )
    assert '\n' not in str(caught.value)
