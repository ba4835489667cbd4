# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The chain from end to end on a tiny network, and what its labels hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mdepth_training.labels import LabelStore
from mdepth_training.methods.dynamic_regions.makers import labels_of
from mdepth_training.stages import load_recipe, run

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model

TINY = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 2, frames: 5}}
method: {name: dynamic_regions, joint_from: 0, motion_from: 1, together_from: 2}
training: {steps: 3, batch_size: 2, save_every: 1}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  scene:
  maps: {kind: labels, maker: scene, model: scene}
  things: {kind: labels, maker: labels, labels: [maps]}
  final: {model: scene, labels: [things], set: [method.label_weight=0.1]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE)
    return path


def test_the_chain_runs_from_views_to_a_model(recipe: Path) -> None:
    output = recipe.parent / 'out'
    stages = load_recipe(recipe, output)
    assert run(stages, output)
    load_model(output / 'final' / 'tiny.safetensors')
    assert (output / 'scene' / 'tiny.parts.safetensors').exists()
    maps, things = (LabelStore.open(output / name / 'labels') for name in ('maps', 'things'))
    for drive in maps.drives():
        keys = maps.keys(drive.name)
        assert keys == things.keys(drive.name) and len(keys) == 3  # all that have two neighbours
        for key in keys:
            scene, label = maps.read(key), things.read(key)
            still = ~label['dynamic'][0]
            np.testing.assert_array_equal(
                label['depth_label'][0][still], scene['scene_depth'][0][still]
            )
            assert ((label['instances'] > 0) == label['dynamic']).all()


def test_parts_of_other_settings_are_refused(recipe: Path) -> None:
    output = recipe.parent / 'out'
    scene, *_ = load_recipe(recipe, output)
    assert run([scene], output)
    *_, final = load_recipe(recipe, output, ['final.method.motion=2d'])
    with pytest.raises(MdepthError, match='other settings of the method'):
        from dataclasses import replace

        from mdepth_training.fit import fit

        experiment = replace(
            final.settings,
            method=replace(final.settings.method, label_weight=0.0),
            training=replace(final.settings.training, initial=str(scene.made_model)),
        )
        fit(experiment, recipe.parent / 'other')


def test_a_frame_in_which_nothing_moves_has_the_scene_as_its_label() -> None:
    depth = np.full((64, 96), 10.0, np.float32)
    label, instances = labels_of(
        depth, np.zeros((2, 2, 64, 96), np.float32), np.zeros((64, 96), bool)
    )
    assert (label == depth).all() and not instances.any()
