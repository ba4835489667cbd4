# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of things from elsewhere: as labels, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mdepth_training.config import load_experiment
from mdepth_training.data.sample import Key
from mdepth_training.data.synthetic import drive_camera, experiment_camera, synthetic_drive
from mdepth_training.labels import LabelStore
from mdepth_training.methods.dynamic_regions.prior import numbered
from mdepth_training.stages import load_recipe, run

from mdepth_ros.errors import MdepthError

TINY = """
name: tiny
input_size: [64, 96]
data: {workers: 0, synthetic: {drives: 2, frames: 4, first_seed: 3, appearance: 1.0, moving: 2.0}}
method: {name: dynamic_regions}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  masks: {kind: labels, maker: prior, set: [method.masks=exact]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE)
    return path


def masks_of(recipe: Path, *overrides: str) -> LabelStore:
    """The store that the stage of the recipe makes."""
    output = recipe.parent / 'out'
    stages = load_recipe(recipe, output, overrides)
    assert run(stages, output)
    return LabelStore.open(stages[0].made_labels)


def test_exact_masks_are_those_of_what_can_move(recipe: Path) -> None:
    store = masks_of(recipe, 'data.synthetic.cameras=1')
    assert 'truth' in store.kinds['objects'].description
    experiment = load_experiment(recipe.parent / 'tiny.yaml', ['data.synthetic.cameras=1'])
    some = 0
    for seed in (3, 4):
        camera = drive_camera(experiment.data.synthetic, experiment_camera(experiment), seed)
        drive = synthetic_drive(experiment.data, camera, seed, 4)
        view = drive.render([1, 2])
        for place, key in enumerate(store.keys(f'synthetic-{seed}')):
            objects, instance = store.read(key)['objects'][0], view.instance[place].numpy()
            assert objects.dtype == np.uint8 and (objects[view.moving[place].numpy()] > 0).all()
            for number in range(1, objects.max() + 1):
                of_thing = np.unique(instance[objects == number])
                assert len(of_thing) == 1
                assert ((instance == of_thing) == (objects == number)).all()
            some += int(objects.max())
    assert some > 5


def test_exact_masks_of_recordings_are_refused(recipe: Path) -> None:
    with pytest.raises(MdepthError, match='synthetic alone: give a folder'):
        masks_of(recipe, f'data.recordings=[{recipe.parent}]')


def test_ids_are_small_numbers_in_their_order() -> None:
    key = Key('a', 1, 0)
    assert numbered(np.array([[0, 7], [65000, 7]]), key).tolist() == [[0, 1], [2, 1]]
    assert numbered(np.arange(256), key).tolist() == list(range(256))
    with pytest.raises(MdepthError, match='frame 1 of a has masks of 256 things'):
        numbered(np.arange(257), key)
