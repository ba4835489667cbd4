# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stages cost: seconds add up, and say nothing of what a stage was made of."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from mdepth_training.cli import app
from mdepth_training.stages import cost, load_recipe, run
from mdepth_training.stages.stage import BEGUN, FINISHED, OUTDATED, TO_DO, Stage
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError

TINY = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 2, frames: 6}}
method: {name: dynamic_regions}
training: {steps: 3, batch_size: 2, save_every: 1}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  masks: {kind: labels, maker: prior, set: [method.masks=exact]}
  scene:
  final: {model: scene, labels: [masks], set: [training.steps=1]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE)
    return path


def stages_of(recipe: Path, *overrides: str) -> list[Stage]:
    return load_recipe(recipe, recipe.parent / 'out', overrides)


def test_seconds_add_up_over_all_starts(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, *_ = stages_of(recipe)
    times = iter([100.0, 104.5, 7.0, 10.0])  # of two processes: each has a clock of its own
    monkeypatch.setattr(cost, 'time', SimpleNamespace(monotonic=lambda: next(times)))
    stage.begin('')
    with pytest.raises(KeyboardInterrupt), cost.counted(stage):
        raise KeyboardInterrupt
    assert stage.record()['seconds'] == 4.5
    stage.begin('')
    with cost.counted(stage):
        pass
    stage.note(finished='now')
    stage.note(seconds=99.0)
    assert stage.record()['seconds'] == 7.5


def test_a_stage_that_is_killed_has_its_seconds(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, *_ = stages_of(recipe)
    monkeypatch.setattr(cost, 'MINUTE', 0.01)
    stage.begin('')
    late = time.monotonic() + 60
    with cost.counted(stage):
        while not stage.record()['seconds'] and time.monotonic() < late:
            time.sleep(0.01)
        assert 0 < stage.record()['seconds'] < 60


def test_what_a_chain_cost_is_said(recipe: Path) -> None:
    out = recipe.parent / 'out'
    began = time.monotonic()
    result = CliRunner().invoke(app, ['run', str(recipe), '-o', str(out)])
    took = time.monotonic() - began
    assert result.exit_code == 0, result.output
    stages = stages_of(recipe)
    records = {stage.name: stage.record() for stage in stages}
    assert 0 < sum(record['seconds'] for record in records.values()) <= took
    assert (records['scene']['steps'], records['final']['steps']) == (3, 1)
    files = list((out / 'masks' / 'labels').glob('*/objects/*.0.0.0'))
    assert records['masks']['images'] == len(files) == 8
    assert records['masks']['bytes'] == sum(file.stat().st_size for file in files)
    said = [cost.cost_of(stage) for stage in stages]
    assert re.fullmatch(r'[\d.]+ s/image, [\d.]+ KB/image', said[0][1])
    assert re.fullmatch(r'[\d.]+ s/step', said[1][1]) and 's/step' in result.output
    # One of before that had no seconds yet is as good.
    file = out / 'masks' / 'stage.json'
    old = {name: records['masks'][name] for name in ('made of', 'code', 'finished')}
    file.write_text(json.dumps(old))
    assert cost.cost_of(stages[0]) == ('', '') and stages[0].state()[0] == FINISHED


def test_a_stage_that_did_nothing_yet_is_not_begun(recipe: Path, tmp_path: Path) -> None:
    cache = tmp_path / 'cache'
    wrong, right = 'masks.method.masks=none', 'masks.method.masks=exact'
    with pytest.raises(MdepthError, match='none is not there'):
        run(stages_of(recipe, wrong), cache, only='masks')
    assert stages_of(recipe, wrong)[0].state()[0] == TO_DO
    assert run(stages_of(recipe, right), cache, only='masks')
    stage = stages_of(recipe, right)[0]
    assert stage.state()[0] == FINISHED
    # Not finished, with labels: they count.
    file = stage.folder / 'stage.json'
    file.write_text(json.dumps(stage.record() | {'finished': None}))
    assert stage.state()[0] == BEGUN
    assert stages_of(recipe, wrong)[0].state()[0] == OUTDATED
    with pytest.raises(MdepthError, match='--from masks makes it and what follows anew'):
        run(stages_of(recipe, wrong), cache, only='masks')
    # An empty store of other settings is no labels.
    for map_file in stage.made_labels.glob('*/*/*.0.0.0'):
        map_file.unlink()
    assert run(stages_of(recipe, right, 'training.seed=5'), cache, only='masks')
