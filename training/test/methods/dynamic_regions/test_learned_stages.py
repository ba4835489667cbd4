# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stages that learn a part, in a chain that begins with a model that knows depth."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.config import load_experiment
from mdepth_training.fit import fit
from mdepth_training.labels import LabelStore
from mdepth_training.methods.dynamic_regions import ground_stage
from mdepth_training.methods.dynamic_regions.method import DynamicRegions
from mdepth_training.stages import Stage, load_recipe, run
from safetensors.torch import load_file

from mdepth_ros.errors import MdepthError

MODEL = Path(__file__).parents[4] / 'models' / 'synthetic-nano.safetensors'
EXPERIMENT = """
name: tiny
input_size: [96, 320]
method: {name: dynamic_regions}
network:
  {width: 0.375, attention: elementwise, cues: true, cues_gate: true, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 1, frames: 5}}
training: {steps: 4, batch_size: 2, save_every: 1}
"""
SLOTS = ', '.join(
    (
        'method.name=dynamic_slots',
        'method.slot_channels=8',
        'method.slot_shrink=8',
        'method.least_motion=0',  # nobody learned motion: all of the little there is counts
    )
)
RECIPE = f"""
experiment: tiny.yaml
stages:
  maps: {{kind: labels, maker: scene, model: MOVING}}
  ground_network:
    model: {MODEL}
    labels: [maps]
    set: [method.name=ground_network, method.ground_channels=8]
  ground:
    kind: labels
    maker: ground
    model: ground_network
    labels: [maps]
    set: [method.name=ground_network, method.ground_channels=8]
  things: {{kind: labels, maker: things, labels: [maps, ground]}}
  slots: {{model: {MODEL}, labels: [maps], set: [{SLOTS}]}}
  masks: {{kind: labels, maker: slots, model: slots, labels: [maps], set: [{SLOTS}]}}
  parted:
    kind: labels
    maker: things
    labels: [maps, masks]
    set: [method.least_motion=0]
"""
Stages = dict[str, Stage]
pytestmark = pytest.mark.usefixtures('no_unit')


@pytest.fixture(scope='module')
def chain(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """The stages, of which the labels of the scene are made; its motion is one by chance."""
    folder = tmp_path_factory.mktemp('chain')
    (folder / 'tiny.yaml').write_text(EXPERIMENT)
    moving = folder / 'moving.safetensors'
    shutil.copyfile(MODEL, moving)
    torch.manual_seed(0)
    DynamicRegions(load_experiment(folder / 'tiny.yaml')).save_parts(moving)
    (folder / 'recipe.yaml').write_text(RECIPE.replace('MOVING', str(moving)))
    stages = load_recipe(folder / 'recipe.yaml', folder / 'out')
    assert run(stages[:1], folder / 'out')
    return {stage.name: stage for stage in stages}


def made(chain: Stages, *names: str) -> list[LabelStore]:
    """Run these stages, and open what they left where it is labels."""
    stages = [chain[name] for name in names]
    assert run(stages, stages[0].folder.parent)
    return [LabelStore.open(s.made_labels) for s in stages if s.kind == 'labels']


def test_things_stand_on_the_ground_that_the_network_sees(chain: Stages) -> None:
    ground, things = made(chain, 'ground_network', 'ground', 'things')
    scene, network = load_file(MODEL), load_file(chain['ground_network'].made_model)
    assert scene.keys() == network.keys()
    assert all(torch.equal(scene[name], network[name]) for name in scene)
    key = ground.keys(ground.drives()[0].name)[1]
    probability = ground.read(key)['ground_probability'][0]
    assert probability.std() > 5
    # Another network, other ground: the closed form does not come in between.
    said = LabelStore.create(
        chain['ground'].folder.with_name('said') / 'labels', ground.kinds, ground.origin
    )
    for drive in ground.drives():
        said.add_drive(drive.name, drive.stamps.tolist(), drive.view)
        for one in ground.keys(drive.name):
            everywhere = np.full((1, 96, 320), 255, np.uint8)
            everywhere[:, :60] = 0
            said.write(one, {'ground_probability': everywhere})
    other = replace(
        chain['things'],
        stores=(chain['maps'], said.path),
        folder=chain['things'].folder.with_name('other'),
    )
    assert run([other], other.folder.parent)
    found = LabelStore.open(other.made_labels).read(key)
    covered = found['ground'][0] | (found['instances'][0] > 0) | (found['static_things'][0] > 0)
    assert covered[60:].all() and not things.read(key)['ground'][0, 60:].all()


def test_things_are_parts_of_slots(chain: Stages) -> None:
    masks, parted = made(chain, 'slots', 'masks', 'parted')
    again = replace(chain['masks'], folder=chain['masks'].folder.with_name('again'))
    assert run([again], again.folder.parent)
    for key in masks.keys(masks.drives()[0].name):
        slots = masks.read(key)['slots'][0]
        other = LabelStore.open(again.made_labels).read(key)['slots'][0]
        np.testing.assert_array_equal(other, slots)
        assert slots.shape == (96, 320) and 0 < slots.max() < 5
        things = parted.read(key)['instances'][0]
        for thing in range(1, things.max() + 1):  # but for gaps that were closed
            counts = np.bincount(slots[things == thing])
            assert counts[1:].max() > 0.7 * counts.sum()


def test_what_cannot_be_done_is_one_line(
    chain: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(chain, 'ground_network')
    ground = replace(chain['ground'], folder=tmp_path / 'ground')
    with pytest.raises(MdepthError, match=r'synthetic-nano\.safetensors has no ground beside it'):
        run([replace(ground, model=MODEL)], tmp_path)
    with pytest.raises(MdepthError, match='no model has no ground'):
        run([replace(ground, model=None, folder=tmp_path / 'none')], tmp_path)
    maps = replace(chain['maps'], folder=tmp_path / 'maps')
    with pytest.raises(MdepthError, match=r'stage maps: .*nano\.safetensors has no motion beside'):
        run([replace(maps, model=MODEL)], tmp_path)
    with pytest.raises(MdepthError, match='stage maps: no model has no motion beside it: set its'):
        run([replace(maps, model=None)], tmp_path)
    resting = replace(maps.settings, method=replace(maps.settings.method, motion='none'))
    with pytest.raises(MdepthError, match=r'stage maps sees no motion with method\.motion=none'):
        run([replace(maps, settings=resting)], tmp_path)
    wider = replace(ground.settings.method, ground_channels=16)
    other = replace(ground, settings=replace(ground.settings, method=wider))
    with pytest.raises(MdepthError, match='other settings of the method'):
        run([replace(other, folder=tmp_path / 'wider')], tmp_path)
    learner = replace(chain['ground_network'], folder=tmp_path / 'learner')
    with pytest.raises(MdepthError, match='ground_network learns from the labels scene_depth'):
        run([replace(learner, stores=())], tmp_path)
    nothing = lambda depth, K: torch.zeros_like(depth, dtype=torch.bool)  # noqa: E731
    monkeypatch.setattr(ground_stage, 'ground_mask', nothing)
    with pytest.raises(MdepthError, match='no ground is seen in any frame of'):
        run([replace(learner, folder=tmp_path / 'blind')], tmp_path)
    still = replace(chain['slots'].settings.method, least_motion=1e6)
    slots = replace(chain['slots'].settings, method=still)
    with pytest.raises(MdepthError, match=r'nothing moves in any frame of .*: give data'):
        run([replace(chain['slots'], settings=slots, folder=tmp_path / 'still')], tmp_path)


def test_labels_of_another_world_are_refused(chain: Stages, tmp_path: Path) -> None:
    """Its drives have the same names and stamps."""
    settings = chain['ground_network'].experiment
    busy = replace(settings.data.synthetic, moving=3.0)
    other = replace(settings, data=replace(settings.data, synthetic=busy))
    with pytest.raises(MdepthError, match=r'other images: data\.synthetic\.moving is 1\.0 there'):
        fit(other, tmp_path / 'run')


@pytest.mark.parametrize('damage', ['cut', 'gone'])
def test_a_damaged_map_is_one_line_and_is_made_again(
    chain: Stages, tmp_path: Path, damage: str
) -> None:
    recipe = chain['maps'].folder.parents[1] / 'recipe.yaml'
    maps, network, _, things, *_ = load_recipe(recipe, tmp_path)
    shutil.copytree(chain['maps'].folder, maps.folder)
    (file,) = maps.made_labels.glob('*/scene_depth/2.0.0.0')
    store = LabelStore.open(maps.made_labels)
    (key,) = (key for key in store.keys(store.drives()[0].name) if key[1] == 2)
    before = store.read(key)['scene_depth']
    said = r'2\.0\.0\.0 is damaged: remove it, then make'
    if damage == 'cut':
        file.write_bytes(file.read_bytes()[:20])
    else:
        file.unlink()
        said = 'has no scene_depth of 1 of the 3 frames of synthetic-0, the first is 2: make'
    closed = replace(things, stores=(maps,))
    for stage in (network, closed):
        for workers in (0, 1):
            settings = replace(stage.settings, data=replace(stage.settings.data, workers=workers))
            with pytest.raises(MdepthError, match=said) as caught:
                run([replace(stage, settings=settings)], tmp_path)
            assert '\n' not in str(caught.value)
    file.unlink(missing_ok=True)
    assert run([maps], tmp_path, only='maps')
    np.testing.assert_allclose(store.read(key)['scene_depth'], before, rtol=0.02)
    assert run([network, closed], tmp_path)
