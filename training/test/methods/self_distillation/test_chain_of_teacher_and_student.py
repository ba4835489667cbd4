# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Teacher and student as stages of a chain: from pseudo-depth to the model, and interrupted."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from mdepth_training.config import load_experiment
from mdepth_training.data.synthetic import named_drive
from mdepth_training.fit import fit
from mdepth_training.labels import Kind, LabelStore, make_origin
from mdepth_training.source import open_source
from mdepth_training.stages import load_recipe, run

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import read_plain
from mdepth_ros.model.file import ModelCard, load_model, save_model
from mdepth_ros.networks import JointDepthPose

TEXT = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
method: {name: self_distillation, joint_from: 0, mask_filter: learned, pseudo: disparity}
data: {workers: 0, synthetic: {drives: 2, frames: 6}}
training:
  {steps: 20, batch_size: 2, warm_up: 2, save_every: 50, images_every: 10, learning_rate: 1.0e-4}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  teacher: {model: first.safetensors, labels: [pseudo]}
  student:
    model: teacher
    teacher: teacher
    labels: [pseudo]
    set: [method.teacher=frozen, method.pose_until=0.5, training.steps=4]
  again:
    teacher: teacher
    labels: [pseudo]
    set: [method.teacher=frozen, training.steps=2]
"""
pytestmark = pytest.mark.usefixtures('no_unit')


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe, and beside it true disparities of another scale and shift as `pseudo`.

    It begins with a network whose depth varies: to a flat one nothing is aligned.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tiny.yaml').write_text(TEXT)
    path = tmp_path / 'chain.yaml'
    path.write_text(RECIPE)
    experiment = load_experiment(tmp_path / 'tiny.yaml')
    torch.manual_seed(0)
    network = JointDepthPose(experiment.network)
    with torch.no_grad():
        network.depth_decoder.heads[0].weight *= 30
    card = ModelCard(
        name='first', network=network.config, input_size=(64, 96), camera=experiment.camera,
        frame_interval=0.1, method='none', data='none', licence='Apache-2.0',
    )  # fmt: skip
    save_model(tmp_path / 'first.safetensors', network, card)
    source = open_source(experiment, tmp_path / 'cache', ())
    kinds = {'pseudo_disparity': Kind('value', (64, 96), description='disparity of the truth')}
    origin = make_origin('truth', data='two drives', settings={})
    store = LabelStore.create(tmp_path / 'pseudo', kinds, origin)
    for drive, frames in source.drive_frames().items():
        store.add_drive(drive, frames.stamps, frames.view)
    for key in source.frame_keys():
        depth = named_drive(experiment, key.drive).render([key.frame], 'cpu').depth
        store.write(key, {'pseudo_disparity': 3 / depth + 0.5})
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / 'metrics.csv').open() as file:
        return list(csv.DictReader(file))


def test_teacher_student_and_one_born_again(recipe: Path) -> None:
    out = recipe.parent / 'out'
    assert run(load_recipe(recipe, out), recipe.parent / 'cache')
    (row,) = rows(out / 'teacher')
    # The row is of step 20, which is the twentieth: 19 of 20 are over.
    assert float(row['forgetting']) == pytest.approx(0.1 ** (0.95 / 0.6), rel=1e-4)
    assert 0 < float(row['static_share']) < 1 and float(row['pseudo_loss']) > 0
    assert float(row['pseudo_skipped']) < 1
    state = read_plain(out / 'teacher' / 'last.ckpt')['state_dict']
    assert state['forgetting'].item() == pytest.approx(float(row['forgetting']), rel=1e-4)
    assert not any(name.startswith('teacher.') for name in state)

    teacher, _ = load_model(out / 'teacher' / 'tiny.safetensors')
    state = read_plain(out / 'student' / 'last.ckpt')['state_dict']
    for name, weight in teacher.state_dict().items():
        assert torch.equal(state[f'teacher.{name}'], weight), name
    student, card = load_model(out / 'student' / 'tiny.safetensors')
    assert 'reconstruction' in card.method
    assert card.details['teacher'] == 'frozen, tiny.safetensors'
    assert card.details['pseudo-depth'] == 'disparity of the truth'
    assert card.details['began with'] == 'tiny.safetensors'
    weights, before = student.state_dict(), teacher.state_dict()
    assert not torch.equal(
        weights['depth_encoder.conv1.weight'], before['depth_encoder.conv1.weight']
    )
    _, card = load_model(out / 'again' / 'tiny.safetensors')
    assert card.details['began with'] == 'chance' and card.details['teacher'].startswith('frozen')

    # Another teacher makes the student outdated.
    stages = load_recipe(recipe, out)
    assert set(stages[1].inputs()) == {'model', 'teacher', 'labels 0'}
    run(stages, recipe.parent / 'cache', first='teacher', only='teacher')
    assert [stage.state()[0] for stage in load_recipe(recipe, out)][1:] == ['outdated'] * 2


@pytest.mark.parametrize('teacher', ['none', 'ema'])
def test_an_interrupted_run_ends_as_the_whole_one(recipe: Path, teacher: str) -> None:
    changes = [f'method.teacher={teacher}', 'method.teacher_momentum=0.6', 'training.steps=6']
    changes += ['training.accumulate=2', 'method.pose_until=0.5', 'data.labels=pseudo']
    experiment = load_experiment(recipe.parent / 'tiny.yaml', changes)
    cache = recipe.parent / 'cache'
    whole = fit(experiment, recipe.parent / 'whole', cache=cache)
    fit(experiment, recipe.parent / 'half', minutes=0.0, cache=cache)
    resumed = fit(experiment, recipe.parent / 'half', resume=True, cache=cache)
    checkpoints = [
        read_plain(model.parent / 'last.ckpt')['state_dict'] for model in (whole, resumed)
    ]
    assert checkpoints[0].keys() == checkpoints[1].keys()
    for name, value in checkpoints[0].items():
        assert torch.equal(value, checkpoints[1][name]), name
    assert any(name.startswith('teacher.') for name in checkpoints[0]) == (teacher == 'ema')


def test_what_is_missing_is_one_line(recipe: Path) -> None:
    out, cache = recipe.parent / 'out', recipe.parent / 'cache'
    text = RECIPE.replace('labels: [pseudo]}', 'labels: [others]}', 1)
    recipe.write_text(text)
    LabelStore.create(
        recipe.parent / 'others',
        {'pseudo_depth': Kind('depth', (64, 96))},
        make_origin('others', data='none', settings={}),
    )
    for overrides, said in (
        ([], r'no store of data\.labels has pseudo_disparity \(others\)'),
        (['method.pseudo=depth'], r'others has no drive synthetic-0: make its labels first'),
    ):
        with pytest.raises(MdepthError, match=said) as caught:
            run(load_recipe(recipe, out, overrides), cache, only='teacher')
        assert '\n' not in str(caught.value)
    with pytest.raises(MdepthError, match=r'student reads teacher \(model\), which is not there'):
        run(load_recipe(recipe, out), cache, only='student')
    recipe.write_text(RECIPE.replace('    model: teacher\n    teacher: teacher\n', ''))
    with pytest.raises(MdepthError, match='no teacher is given'):
        run(load_recipe(recipe, out), cache, only='student')
    lines = [line for line in TEXT.splitlines() if not line.startswith('method')]
    (recipe.parent / 'tiny.yaml').write_text('\n'.join(lines))
    recipe.write_text('experiment: tiny.yaml\nstages: {a: {teacher: b.safetensors}}')
    with pytest.raises(MdepthError, match='stage a has a `teacher`, but implicit_cues takes none'):
        load_recipe(recipe, out)
