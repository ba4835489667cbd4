# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chains of stages: what is done, what is left alone, what goes on, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from mdepth_training.cli import app
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.optimiser import Timetable
from mdepth_training.stages import load_recipe, run
from mdepth_training.stages.stage import BEGUN, FINISHED, OUTDATED, TO_DO
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TINY = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 2, frames: 6}}
method: {joint_from: 1}
training: {steps: 3, batch_size: 2, save_every: 1}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  first:
  second: {model: first, set: [training.steps=2, training.seed=7]}
  score: {kind: evaluate, model: second, options: [--drives, '1', --frames, '5', --record]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE)
    return path


def states(recipe: Path, *overrides: str) -> list[str]:
    stages = load_recipe(recipe, recipe.parent / 'out', overrides)
    return [stage.state()[0] for stage in stages]


def go(recipe: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, ['run', str(recipe), '-o', str(recipe.parent / 'out'), *arguments]
    )
    if isinstance(result.exception, MdepthError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_chain_runs_once_and_is_made_anew_from_a_stage(recipe: Path) -> None:
    assert states(recipe) == [TO_DO] * 3
    with pytest.raises(MdepthError, match=r'stage second reads first \(model\), which is not th'):
        go(recipe, '--only', 'second')
    assert 'finished' in go(recipe, '--only', 'first')
    assert states(recipe) == [FINISHED, TO_DO, TO_DO]
    assert re.search('stage second .*begins', go(recipe)) and states(recipe) == [FINISHED] * 3
    out = recipe.parent / 'out'
    model = out / 'second' / 'tiny.safetensors'
    assert load_model(model)[1].details['began with'] == 'tiny.safetensors'
    assert load_model(model)[1].metrics['abs_rel'] > 0
    assert list(out.glob('cache/drives-*.npy')) and not list(out.glob('first/drives-*'))
    before = (model.stat().st_mtime_ns, (out / 'first' / 'tiny.safetensors').stat().st_mtime_ns)
    assert 'stage' in go(recipe) and model.stat().st_mtime_ns == before[0]  # nothing to do
    go(recipe, '--from', 'second')
    assert model.stat().st_mtime_ns > before[0]
    assert (out / 'first' / 'tiny.safetensors').stat().st_mtime_ns == before[1]
    # The first one alone made anew: what others made of it is out of date.
    go(recipe, '--from', 'first', '--only', 'first')
    assert states(recipe) == [FINISHED, OUTDATED, OUTDATED]


def test_other_settings_are_named_and_nothing_is_lost(recipe: Path) -> None:
    go(recipe, '--only', 'first')
    assert states(recipe, 'first.training.steps=4') == [OUTDATED, TO_DO, TO_DO]
    assert states(recipe, 'second.training.steps=4') == [FINISHED, TO_DO, TO_DO]
    assert states(recipe, 'training.save_every=4', 'data.workers=1')[0] == FINISHED
    text = go(recipe, '--status', '--set', 'training.learning_rate=1e-4')
    assert 'outdated' in text and 'learning_rate' in text
    with pytest.raises(
        MdepthError, match=r'stage first was made of something else .*steps is 3 t'
    ) as caught:
        go(recipe, '--set', 'training.steps=4')
    assert '\n' not in str(caught.value) and '--from first makes it and what' in str(caught.value)
    assert (recipe.parent / 'out/first/tiny.safetensors').exists()


def test_a_setting_that_came_later_was_at_its_default(recipe: Path) -> None:
    go(recipe, '--only', 'first')
    file = recipe.parent / 'out/first/stage.json'
    record = json.loads(file.read_text())
    assert record['made of']['settings'].pop('method.auto_mask') == 'area'
    file.write_text(json.dumps(record))
    assert states(recipe)[0] == FINISHED
    assert states(recipe, 'first.method.auto_mask=image')[0] == OUTDATED
    (first, *_) = load_recipe(recipe, recipe.parent / 'out', ['first.method.auto_mask=image'])
    assert 'method.auto_mask is "area" there and "image" here' in first.state()[1]


def test_other_code_is_told(recipe: Path) -> None:
    go(recipe, '--only', 'first')
    file = recipe.parent / 'out/first/stage.json'
    file.write_text(json.dumps(json.loads(file.read_text()) | {'code': 'of yesterday'}))
    (first, *_) = load_recipe(recipe, recipe.parent / 'out')
    state, why = first.state()
    assert state == FINISHED and 'by other code: of yesterday' in why
    file.write_text('{')
    with pytest.raises(MdepthError, match=r'stage\.json is damaged: remove the folder'):
        first.state()


def test_an_interrupted_stage_goes_on(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, calls = SyntheticTriplets.batch, []

    def pressed(self: SyntheticTriplets, indices: list[int]) -> object:
        calls.append(indices)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return good(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(SyntheticTriplets, 'batch', pressed)
        with pytest.raises(MdepthError, match='interrupted'):
            go(recipe)
    assert states(recipe) == [BEGUN, TO_DO, TO_DO]
    assert 'goes on' in go(recipe, '--only', 'first')
    stages = load_recipe(recipe, recipe.parent / 'out')
    assert run(stages, recipe.parent / 'out' / 'cache', minutes=0) is False
    assert states(recipe) == [FINISHED, TO_DO, TO_DO]
    assert 'the time is over: go on with mdepth-train run' in go(recipe, '--minutes', '0')


def test_an_experiment_is_a_recipe_of_one_stage(recipe: Path) -> None:
    (stage,) = load_recipe(recipe.parent / 'tiny.yaml', recipe.parent / 'run')
    assert run([stage], recipe.parent / 'cache') and stage.state()[0] == FINISHED
    assert stage.made_model == recipe.parent / 'run' / 'tiny.safetensors'
    assert stage.made_model.exists()


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (
            'stages: {a: {kind: dream}}',
            "stage a: there is no kind 'dream': choose from fit, label",
        ),
        (
            'stages: {a: {kind: labels}}',
            "implicit_cues makes no labels '': `maker` can be pseudo",
        ),
        ('stages: {a: {kind: evaluate}}', 'stage a scores no model'),
        ('stages: {a: {kinds: fit}}', r'unknown setting stages\.a\.kinds: did you mean'),
        ('stages: {training: {}}', "a stage cannot be called 'training'"),
        ('stages: {../a: {}}', "a stage cannot be called '../a'"),
        ('stages: {a: {set: []}}\n# no experiment', 'stage a names no `experiment`'),
        ('stages: []', 'must have `stages`, a mapping'),
        ('{stages: {a: {}}, method: {}}', 'must have `stages`, a mapping'),
        ('stages: {a: {set: [training.stesp=1]}}', r'stage a: unknown setting training\.stesp'),
        ('stages: {a: {experiment: no.yaml}}', 'stage a: cannot read the configuration'),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(recipe: Path, text: str, said: str) -> None:
    text = text if 'experiment' in text else f'{text}\nexperiment: tiny.yaml'
    text = text.replace('method: {}}\nexperiment: tiny.yaml', 'method: {}}')
    recipe.write_text(text)
    with pytest.raises(MdepthError, match=said) as caught:
        load_recipe(recipe, recipe.parent / 'out')
    assert '\n' not in str(caught.value)


def test_stages_that_are_not_there_are_named(recipe: Path) -> None:
    stages = load_recipe(recipe, recipe.parent / 'out')
    with pytest.raises(MdepthError, match="no stage 'third': choose from first, second, score"):
        run(stages, recipe.parent, only='third')
    recipe.write_text(RECIPE.replace('model: first', 'model: gone.safetensors'))
    (_, second, _) = load_recipe(recipe, recipe.parent / 'out')
    with pytest.raises(MdepthError, match=r'second reads gone\.safetensors \(model\), which is n'):
        run([second], recipe.parent)


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('recipes/*.yaml')), ids=lambda path: path.stem
)
def test_our_recipes_can_be_read(path: Path, tmp_path: Path) -> None:
    stages = load_recipe(path, tmp_path)
    assert len(stages) > 1 and {stage.state()[0] for stage in stages} == {TO_DO}
    assert all(stage.experiment.training.initial for stage in stages[1:] if stage.kind == 'fit')


MADE = {
    'scene': ('scene_depth', 'flow_previous', 'flow_following', 'transforms'),
    'prior': ('objects',),
    'pseudo': ('pseudo_depth', 'pseudo_disparity'),
    'ground': ('ground_probability',),
    'instances': ('objects', 'unsure'),
    'labels': ('depth_label', 'dynamic'),
    'slots': ('slots',),
    'things': (
        *('ground', 'instances', 'static_things', 'unsure'),
        *('things_previous', 'things_following'),
    ),
}


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('recipes/*.yaml')), ids=lambda path: path.stem
)
def test_stages_of_our_recipes_are_given_what_they_read(path: Path, tmp_path: Path) -> None:
    for stage in load_recipe(path, tmp_path):
        made = {
            name
            for store in stage.stores
            for name in MADE[store.maker]  # type: ignore[union-attr]
        }
        if stage.kind == 'fit':
            assert set(stage.settings.method.labels) <= made, stage.name
            times = Timetable.of(stage.settings.training, stage.settings.method, 100)
            assert all(start < times.steps for start in times.stages), stage.name
