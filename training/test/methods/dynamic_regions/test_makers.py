# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The chain from end to end on a tiny network, and what its labels hold."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.labels import LabelStore
from mdepth_training.methods.dynamic_regions import makers
from mdepth_training.methods.dynamic_regions.objects import ObjectRules
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
  things: {kind: labels, maker: things, labels: [maps]}
  labels: {kind: labels, maker: labels, labels: [maps, things]}
"""
WHOLE = """
experiment: tiny.yaml
stages:
  scene:
  maps: {kind: labels, maker: scene, model: scene}
  things: {kind: labels, maker: things, labels: [maps]}
  objects: {model: scene, labels: [things], set: [method.name=dynamic_objects]}
  alignment:
    model: objects
    labels: [maps, things]
    set: [method.name=scale_alignment, method.shape=object]
  labels:
    kind: labels
    maker: labels
    model: alignment
    labels: [maps, things]
    set: [method.scale=network, method.shape=object]
  final: {model: scene, labels: [labels], set: [method.label_weight=0.1]}
"""
pytestmark = pytest.mark.usefixtures('no_unit')
MOVING, STILL = (slice(30, 50), slice(20, 45)), (slice(30, 50), slice(60, 90))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scene stage of three steps would not find: a thing that moves, one that stands."""

    def things_in(depth: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        moving, still = (np.zeros(depth.shape, np.uint8) for _ in range(2))
        moving[MOVING], still[STILL] = 1, 2
        return moving, still

    monkeypatch.setattr(makers, 'things_in', things_in)
    monkeypatch.setattr(makers, 'credible_things', lambda ids, *_: ids)


@pytest.fixture(scope='module')
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the whole chain, of which the scene stage and its maps are made."""
    folder = tmp_path_factory.mktemp('begun')
    (folder / 'tiny.yaml').write_text(TINY)
    (folder / 'recipe.yaml').write_text(WHOLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mdepth_training.fit.metres_per_unit', lambda *_: 5.0)
        output = folder / 'out'
        assert run(load_recipe(folder / 'recipe.yaml', output)[:2], output)
    return folder


@pytest.fixture
def recipe(begun: Path, tmp_path: Path) -> Path:
    """The chain in a folder of this test alone."""
    return shutil.copytree(begun, tmp_path / 'chain') / 'recipe.yaml'


def test_labels_of_the_closed_form(recipe: Path) -> None:
    output = recipe.parent / 'out'
    recipe.write_text(RECIPE)
    stages = load_recipe(recipe, output)
    assert [stage.state()[0] for stage in stages] == ['finished', 'finished', 'to do', 'to do']
    assert run(stages, output)
    assert (output / 'scene' / 'tiny.parts.safetensors').exists()
    maps, things, labels = (
        LabelStore.open(output / name / 'labels') for name in ('maps', 'things', 'labels')
    )
    for drive in maps.drives():
        keys = maps.keys(drive.name)
        assert keys == things.keys(drive.name) and len(keys) == 3  # all that have two neighbours
        for key in keys:
            scene, label, found = maps.read(key), labels.read(key), things.read(key)
            still = ~label['dynamic'][0]
            np.testing.assert_array_equal(
                label['depth_label'][0][still], scene['scene_depth'][0][still]
            )
            assert not (label['dynamic'] & (found['instances'] == 0)).any()
            assert not ((found['instances'] > 0) & (found['static_things'] > 0)).any()
            assert scene['transforms'].shape == (24, 1, 1)


def test_parts_of_other_settings_are_refused(recipe: Path) -> None:
    output = recipe.parent / 'out'
    scene, *_, final = load_recipe(recipe, output, ['final.method.motion=2d'])
    with pytest.raises(MdepthError, match='other settings of the method'):
        from mdepth_training.fit import fit

        experiment = replace(
            final.settings,
            method=replace(final.settings.method, label_weight=0.0),
            training=replace(final.settings.training, initial=str(scene.made_model)),
        )
        fit(experiment, recipe.parent / 'other')


def test_the_whole_chain_runs(recipe: Path, found: None) -> None:
    """Shape from the object stage, scale from DSA: the label is what these networks say."""
    output = recipe.parent / 'out'
    stages = load_recipe(recipe, output)
    assert run(stages, output)
    load_model(output / 'final' / 'tiny.safetensors')
    assert (output / 'alignment' / 'tiny.parts.safetensors').exists()
    objects, _ = load_model(output / 'objects' / 'tiny.safetensors')
    alignment, _ = load_model(output / 'alignment' / 'tiny.safetensors')
    scene, _ = load_model(output / 'scene' / 'tiny.safetensors')
    weights = [network.depth_encoder.conv1.weight for network in (scene, objects, alignment)]
    assert torch.equal(weights[1], weights[2]) and not torch.equal(weights[0], weights[1])
    labels, maps = (LabelStore.open(output / name / 'labels') for name in ('labels', 'maps'))
    key = labels.keys(labels.drives()[0].name)[0]
    label, depth = labels.read(key), maps.read(key)['scene_depth'][0]
    inside = np.zeros(depth.shape, bool)
    inside[MOVING] = True
    certain = np.zeros_like(inside)
    certain[32:48, 22:43] = True  # without two pixels at the edge
    assert (label['dynamic'][0] == certain).all()
    np.testing.assert_array_equal(label['depth_label'][0][~inside], depth[~inside])
    own = label['depth_label'][0][inside].astype(np.float32)
    assert own.std() > 0 and not np.array_equal(own, depth[inside])


def test_what_cannot_be_learned_or_labelled_is_one_line(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.zeros((64, 96), np.uint8)
    monkeypatch.setattr(makers, 'things_in', lambda *_: (nothing, nothing))
    output = recipe.parent / 'out'
    stages = {stage.name: stage for stage in load_recipe(recipe, output)}
    assert run([stages['things']], output)
    with pytest.raises(MdepthError, match=r'no usable instances .* set method\.shape=scene'):
        run([stages['objects']], output)
    alignment = replace(stages['alignment'], model=stages['scene'])
    with pytest.raises(MdepthError, match=r'no usable static_things .* method\.scale=contact'):
        run([alignment], output)
    labels = stages['labels']
    with pytest.raises(MdepthError, match='has no scale alignment'):
        run([replace(labels, model=stages['scene'])], output)
    with pytest.raises(MdepthError, match='stage labels needs a model for method'):
        run([replace(labels, model=None, folder=output / 'other')], output)


def test_a_frame_in_which_nothing_moves_has_no_things() -> None:
    depth = np.full((64, 96), 10.0, np.float32)
    nothing = np.zeros((64, 96), bool)
    moving, still = makers.things_in(nothing, depth, nothing, nothing, ObjectRules())
    assert not moving.any() and not still.any()


def test_the_ids_of_what_stands_go_on_after_those_that_move() -> None:
    """Boxes on a plane, the left one moves."""
    v, u = np.mgrid[:96, :320]
    rays = (v - 47.5) / 184.3
    depth = np.where(rays > 0.02, 1.6 / np.maximum(rays, 0.02), 80.0).astype(np.float32)
    ground = rays > 0.03
    boxes = [(u > x) & (u < x + 40) & (v > 40) & (v < 77) for x in (60, 220)]
    for box in boxes:
        depth[box], ground[box] = 10.0, False
    moving, still = makers.things_in(boxes[0], depth, ground, ground, ObjectRules())
    assert np.unique(moving).tolist() == [0, 1] and ((moving == 1) == boxes[0]).mean() > 0.99
    assert np.unique(still).tolist() == [0, 2] and ((still == 2) == boxes[1]).mean() > 0.99


def test_known_objects_are_sorted_by_what_moves() -> None:
    """Of four boxes one moves, one does so in part, one is straight ahead, one is a speck."""
    nothing, objects = np.zeros((96, 320), bool), np.zeros((96, 320), np.uint8)
    moves, ground = nothing.copy(), nothing.copy()
    for number, (left, right) in enumerate([(20, 60), (70, 110), (150, 170), (300, 304)], 3):
        objects[40:60, left:right] = number
    objects[40:45, 300:304], ground[58:] = 0, True
    moves[40:60, 20:60], moves[40:60, 70:80] = True, True
    depth = np.full((96, 320), 10.0, np.float32)
    rules = ObjectRules(least=0.003)
    moving, still = makers.things_in(moves, depth, ground, ground, rules, objects)
    assert [np.unique(moving[objects == i]).max() for i in range(3, 7)] == [1, 0, 2, 0]
    assert [np.unique(still[objects == i]).max() for i in range(3, 7)] == [0, 3, 0, 0]
    assert not (moving | still)[58:].any()
