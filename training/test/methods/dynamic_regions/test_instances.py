# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Instances from pixels that point at the middle of their thing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment, load_experiment
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.methods.dynamic_regions.instance_network import (
    instance_loss,
    instances_of,
    middles,
)
from mdepth_training.methods.dynamic_regions.instance_stage import LearnInstances
from mdepth_training.methods.dynamic_regions.things import require_some
from mdepth_training.run_log import contact_sheet
from mdepth_training.stages import load_recipe
from scipy import ndimage

from mdepth_ros.errors import MdepthError


def boxes(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1, 3, 64, 96] with bright boxes, two of which touch, and their ids."""
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.uniform(0.2, 0.3, (1, 3, 64, 96))).float()
    ids = torch.zeros(1, 1, 64, 96, dtype=torch.uint8)
    top, left = random.integers(4, 30), random.integers(4, 30)
    places = [(top, left), (top, left + 18), (top + 10, left + 45)]
    for number, (row, column) in enumerate(places, 1):
        image[..., row : row + 16, column : column + 18] = 0.5 + 0.4 * (number == 2)
        ids[..., row : row + 16, column : column + 18] = number
    return image, ids


def test_the_middle_of_a_thing_is_its_centre_of_mass() -> None:
    _, ids = boxes(0)
    found = middles(ids)[0].numpy() * 64
    rows, columns = np.mgrid[:64, :96]
    for number in (1, 2, 3):
        inside = ids[0, 0].numpy() == number
        y, x = ndimage.center_of_mass(inside)
        np.testing.assert_allclose(found[0][inside] + columns[inside], x, atol=1e-4)
        np.testing.assert_allclose(found[1][inside] + rows[inside], y, atol=1e-4)
    assert not found[:, ids[0, 0].numpy() == 0].any()


def test_pixels_that_point_at_two_middles_are_two_things() -> None:
    _, ids = boxes(1)
    half = ids[..., ::2, ::2]
    offset = middles(half)[0].numpy()
    probability = np.where(half[0, 0] > 0, 0.8, 0.1)
    found = instances_of(probability, offset, 0.6)
    pairs = {*zip(found.ravel().tolist(), half.numpy().ravel().tolist(), strict=True)}
    assert len(pairs) == 4  # as many as ids with 0: each is one thing
    assert not instances_of(probability, offset, 0.85).any()
    assert instances_of(probability, offset, 0.6, least_area=0.06).max() == 0
    assert not instances_of(0 * probability, offset, 0.6).any()


def test_the_loss_leaves_out_what_nobody_knows() -> None:
    _, ids = boxes(2)
    small = torch.nn.functional.interpolate(ids.float(), (32, 48))
    logit = torch.where(small > 0, 30.0, -30.0)
    right = (logit, middles(small))
    nothing = torch.zeros_like(ids, dtype=torch.bool)
    assert instance_loss(right, ids, nothing) < 1e-6
    wrong = (torch.where(small == 2, -30.0, logit), middles(small))
    assert instance_loss(wrong, ids, nothing) > 0.5
    assert instance_loss(wrong, ids, ids == 2) < 1e-6
    some, a_little = (float(instance_loss(wrong, ids, ids == 2, 1.0, w)) for w in (1.0, 0.1))
    assert some == pytest.approx(float(instance_loss(wrong, ids, nothing)))
    # Each wrong pixel has an entropy of 30; all count in the mean, as much as they weigh.
    missed, every = int((small == 2).sum()), small.numel()
    assert a_little == pytest.approx(0.1 * 30 * missed / (every - 0.9 * missed), rel=1e-4)
    wide = torch.nn.functional.max_pool2d(logit, 3, 1, 1)  # one pixel too much all around
    assert instance_loss((wide, middles(small)), ids, nothing) > 0.5
    moved = (logit, middles(small) + torch.tensor([0.5, -0.25])[:, None, None])
    torch.testing.assert_close(instance_loss(moved, ids, nothing), torch.tensor(0.75))


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    path = tmp_path / 'tiny.yaml'
    path.write_text(
        'name: tiny\ninput_size: [64, 96]\ncamera: [0.58, 0.87, 0.5, 0.5]\n'
        'method: {name: dynamic_instances, found_weight: 1.0}\nnetwork: {width: 0.125}\n'
        'data: {synthetic: {drives: 1, frames: 3}}\n'
    )
    return load_experiment(path)


def test_it_learns_what_things_look_like(experiment: Experiment) -> None:
    """Trained on images in which one of the three things is not labelled, but unsure."""
    torch.manual_seed(0)
    learner = LearnInstances(experiment).train()
    optimizer = torch.optim.Adam(learner.instances.parameters(), lr=1e-2)
    depth = torch.ones(4, 1, 64, 96)

    def sample(seeds: range) -> tuple[Sample, torch.Tensor]:
        images, ids = (torch.cat(parts) for parts in zip(*map(boxes, seeds), strict=True))
        hidden = ids == torch.tensor([seed % 3 + 1 for seed in seeds])[:, None, None, None]
        labels = {
            'scene_depth': depth[: len(ids)],
            'instances': ids * ~hidden,
            'unsure': hidden,
        }
        K = torch.eye(3).expand(len(ids), 3, 3)
        return Sample(images, images, images, K, labels=labels), ids

    for step in range(150):
        given, _ = sample(range(4 * step, 4 * step + 4))
        loss = learner.loss(given, given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is None for p in learner.network.parameters())
    exact = learner.loss(given, given).detach()
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(learner.loss(given, given).detach(), exact, rtol=0.1, atol=0.02)
    learner.step = learner.shared.images_every - 1
    learner.loss(given, given)
    assert learner.pictures is not None
    contact_sheet(learner.pictures)  # of one size
    given, ids = sample(range(1000, 1004))
    with torch.no_grad():
        logit, offset = learner.eval().instances(*learner.seen(given.current, given))
    truth = ids[..., ::2, ::2]
    overlap = ((logit > 0) & (truth > 0)).sum() / ((logit > 0) | (truth > 0)).sum()
    assert overlap > 0.7  # two thirds, if one were not found
    small = torch.nn.functional.interpolate(ids.float(), truth.shape[-2:])
    error = (offset - middles(small)).abs().sum(1, keepdim=True)[small > 0]
    alone = middles(small).abs().sum(1, keepdim=True)[small > 0]  # of pointing at itself
    assert error.mean() < 0.6 * alone.mean()


def test_no_thing_in_any_frame_is_one_line(tmp_path: Path) -> None:
    store = LabelStore.create(tmp_path / 'labels', {'instances': Kind('ids', (2, 2))}, {})
    store.add_drive('a', [1, 2], (0.5, 0.5, 0.5, 0.5))
    with pytest.raises(MdepthError, match='no instances in any frame: give more'):
        require_some([str(store.path)], 'instances', 'give more')


def test_without_torchvision_mask_rcnn_is_one_line_before_the_first_stage(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(
        'experiment: tiny.yaml\n'
        'stages:\n'
        '  scene: {set: [method.name=dynamic_regions]}\n'
        '  round1: {model: scene, set: [method.detector=mask_rcnn]}\n'
    )
    config = tmp_path / 'tiny.yaml'  # of which the scene stage takes no setting of instances
    config.write_text(config.read_text().replace(', found_weight: 1.0', ''))
    with pytest.raises(MdepthError, match=r'needs torchvision .*pip install .mdepth-training\[t'):
        load_recipe(recipe, tmp_path / 'out')
    method = replace(experiment.method, detector='mask_rcnn')  # type: ignore[call-arg]
    with pytest.raises(MdepthError, match='needs torchvision') as caught:
        LearnInstances(replace(experiment, method=method))
    assert '\n' not in str(caught.value) and 'set method.detector=own' in str(caught.value)
    lost = replace(method, detector_weights='gone.pth')  # type: ignore[call-arg]
    with pytest.raises(MdepthError, match=r'detector_weights=gone\.pth is no file'):
        lost.learner()
