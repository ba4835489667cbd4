# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train pseudo`, and the same as a stage of a chain: what stays, what is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.data import open_triplets
from mdepth_training.labels import LabelStore
from mdepth_training.labels.pseudo.stand_in import StandIn
from mdepth_training.stages import load_recipe, run

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.card import ModelCard
from mdepth_ros.model.file import load_model, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

Go = Callable[..., str]
SMALL = ['--set', 'data.synthetic.drives=1', '--set', 'data.synthetic.frames=6']
TINY = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 1, frames: 5}}
method: {joint_from: 1}
training: {steps: 1, batch_size: 2, save_every: 1}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  scene:
  from_truth: {kind: labels, maker: pseudo, pseudo: {provider: truth-stand-in, wrong: 0.2}}
  from_scene: {kind: labels, maker: pseudo, model: scene}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network of 64x128 without sense."""
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125))
    card = ModelCard(
        name='large',
        network=network.config,
        input_size=(64, 128),
        camera=(0.58, 1.16, 0.5, 0.5),
        frame_interval=0.1,
        method='none',
        data='none',
        licence='CC0-1.0',
    )
    save_model(tmp_path / 'large.safetensors', network, card, half=False)
    return tmp_path / 'large.safetensors'


def test_it_goes_on_where_it_stopped(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, asked = StandIn._map, list[int]()

    def pressed(self: StandIn, key: tuple[str, int, int]) -> torch.Tensor:
        asked.append(key[1])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return good(self, key)  # type: ignore[arg-type]

    monkeypatch.setattr(StandIn, '_map', pressed)
    with pytest.raises(MdepthError, match='interrupted: the same command goes on'):
        go('truth-stand-in', *SMALL)
    store = LabelStore.open(tmp_path / 'store')
    assert [key.frame for key in store.keys('synthetic-0')] == [1, 2]
    assert 'the time is over: the same' in go('truth-stand-in', *SMALL, '--minutes', 0)
    text = go('truth-stand-in', *SMALL)
    assert asked == [1, 2, 3, 3, 4] and 'stand-in made of the synthetic truth' in text
    assert [key.frame for key in store.keys('synthetic-0')] == [1, 2, 3, 4]
    go('truth-stand-in', *SMALL)
    assert len(asked) == 5
    sheet = cv2.imread(str(tmp_path / 'store' / 'sheet.png'))
    assert sheet.shape[1] > 600 and sheet.std() > 20
    with pytest.raises(MdepthError, match='made by something else'):
        go('truth-stand-in', *SMALL, '--with', 'wrong=0.2')


def test_a_model_of_ours_sees_images_of_its_own_size(
    go: Go, model: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    good = JointDepthPose.features

    def features(self: JointDepthPose, image: torch.Tensor) -> list[torch.Tensor]:
        seen.append(tuple(image.shape[-2:]))
        return good(self, image)

    monkeypatch.setattr(JointDepthPose, 'features', features)
    text = go(model, recording)
    # Of the shape of 64x96, with as many pixels as 64x128: 73.9x110.9 in cells of 32.
    assert set(seen) == {(64, 96)} and 'depth of large (large.safetensors), known up to' in text
    assert 'licence CC0-1.0' in text
    seen.clear()
    go(model, recording, '--with', 'image_size=[128, 192]', store='larger')
    assert set(seen) == {(128, 192)}
    store = LabelStore.open(tmp_path / 'larger')
    assert store.kinds['pseudo_depth'].size == (64, 96)
    # What the network says of the larger image, by its own forward pass.
    network = load_model(model)[0].eval()
    source = open_triplets(
        [recording], input_size=(128, 192), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    image = source.batch([0]).current.float() / 255
    with torch.no_grad():
        disparities, _ = network(image, image, torch.tensor([False]))
        disparity = 1 / network.depth(disparities[0])[0, 0]
    label = store.read(store.keys('drive')[0])['pseudo_depth'][0].astype(np.float32)
    smaller = disparity.reshape(64, 2, 96, 2).mean((1, 3)).numpy()
    assert abs(label * smaller - 1).mean() < 0.01


def test_an_image_that_cannot_be_read_costs_its_own_label(
    go: Go, model: Path, recording: Path, tmp_path: Path
) -> None:
    go(model, recording, store='whole')
    file = recording / '0009.png'
    data, times = bytearray(file.read_bytes()), file.stat()
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    file.write_bytes(data)
    # As it was when the drive was looked through, as far as anybody can tell without reading it.
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert 'images of 1 frames could not be read, the first of frame 2' in go(model, recording)
    store = LabelStore.open(tmp_path / 'store')
    read = [store.read(key)['pseudo_depth'] for key in store.keys('drive')]
    assert [np.isnan(one).all() for one in read] == [False, True, False]


def test_it_is_a_stage_of_a_chain(tmp_path: Path) -> None:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(RECIPE)
    stages = load_recipe(recipe, tmp_path / 'out')
    assert run(stages, tmp_path / 'cache')
    _, from_truth, from_scene = (stage.made_labels for stage in stages)
    truth, scene = LabelStore.open(from_truth), LabelStore.open(from_scene)
    assert 'wrong 0.2' in truth.kinds['pseudo_disparity'].description
    assert 'depth of tiny (tiny.safetensors)' in scene.kinds['pseudo_depth'].description
    assert len(truth.keys('synthetic-0')) == len(scene.keys('synthetic-0')) == 3
    # Another knob is another label.
    recipe.write_text(RECIPE.replace('wrong: 0.2', 'wrong: 0.3'))
    stages = load_recipe(recipe, tmp_path / 'out')
    with pytest.raises(MdepthError, match=r'stage from_truth was made of something else .*wrong'):
        run(stages, tmp_path / 'cache')


def test_a_provider_that_is_missing_is_one_line(tmp_path: Path, go: Go) -> None:
    with pytest.raises(MdepthError, match='no provider of pseudo-depth: give the name'):
        go('')
    (tmp_path / 'tiny.yaml').write_text(TINY)
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(RECIPE.replace('provider: truth-stand-in', 'providre: x'))
    with pytest.raises(MdepthError, match=r'unknown setting .*providre: did you mean'):
        load_recipe(recipe, tmp_path / 'out')
