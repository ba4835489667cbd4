# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method in a file of its own is learned, resumed, ablated and scored; nothing else knows it."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.cli import app
from mdepth_training.config import Experiment, load_experiment
from mdepth_training.data import Key
from mdepth_training.fit import fit
from mdepth_training.labels import LabelStore
from mdepth_training.methods.method import Method
from mdepth_training.stages import load_recipe, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model

TEXT = """
name: flat
input_size: [64, 96]
method: {name: toy, distance: 6}
network: {width: 0.125, disparity_bias: -3.0}
data: {workers: 0, synthetic: {drives: 2, frames: 6}}
training: {steps: 40, batch_size: 2, learning_rate: 0.2, warm_up: 2,
  images_every: 20, save_every: 5}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment of the toy, which is installed as another distribution would be."""
    installed = tmp_path / 'toy-1.0.dist-info'
    installed.mkdir()
    (installed / 'METADATA').write_text('Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n')
    entry = '[mdepth_training.methods]\ntoy = toy_method:ToySettings\n'
    (installed / 'entry_points.txt').write_text(entry)
    for folder in (tmp_path, Path(__file__).parent):
        monkeypatch.syspath_prepend(str(folder))
    path = tmp_path / 'flat.yaml'
    path.write_text(TEXT)
    return path


def test_it_is_learned_and_resumed(config: Path, tmp_path: Path) -> None:
    experiment = load_experiment(config, ['method.late=30'])
    whole = fit(experiment, tmp_path / 'whole', cache=tmp_path)
    network, card = load_model(whole)
    image = torch.rand(1, 3, 64, 96)
    depth = network.depth(network(image, image)[0][0])
    assert depth.std() < 1e-4 and depth.mean().item() == pytest.approx(6, rel=0.1)
    assert card.method == 'a constant' and card.details['distance'] == '6'
    assert card.details['steps'] == '40' and (card.metres_per_unit or 0) > 0
    with (whole.parent / 'metrics.csv').open() as file:
        first, second = csv.DictReader(file)
    assert float(first['loss']) > float(second['loss']) and float(second['gradient_norm']) >= 0
    assert (first['toy_stage'], second['toy_stage']) == ('0', '1') and 'cue_gate' not in first
    assert float(second['toy_depth']) == pytest.approx(6, rel=0.1)
    pictures = EventAccumulator(str(whole.parent / 'tensorboard')).Reload().Tags()['images']
    assert pictures == ['reconstruction']

    again = load_experiment(whole.parent / 'experiment.yaml')
    assert again == experiment and type(again.method).__name__ == 'ToySettings'
    fit(experiment, tmp_path / 'half', until=13, cache=tmp_path)
    with pytest.raises(MdepthError, match=r'method\.distance=6\.0, not 7\.0'):
        other = load_experiment(config, ['method.late=30', 'method.distance=7'])
        fit(other, tmp_path / 'half', resume=True, cache=tmp_path)
    with pytest.raises(MdepthError, match=r'method\.name=toy, not implicit_cues'):
        fit(replace(experiment, method=Experiment().method), tmp_path / 'half', resume=True)
    resumed = fit(experiment, tmp_path / 'half', resume=True, cache=tmp_path)
    assert load_model(resumed)[0].state_dict().keys() == network.state_dict().keys()
    for name, weight in load_model(resumed)[0].state_dict().items():
        assert torch.equal(weight, network.state_dict()[name]), name


def test_it_is_ablated_and_scored(config: Path, tmp_path: Path) -> None:
    """Through the commands, the run in a process of its own."""
    arguments = f'{config} -o {tmp_path / "runs"} --table far --seeds 1'
    size = '--drives 1 --frames 5 --set training.steps=2'
    result = CliRunner().invoke(app, ['ablate', *arguments.split(), *size.split()])
    assert result.exit_code == 0, result.output
    assert re.search(r'\| far +\| 1 +\| 0\.\d', (tmp_path / 'runs' / 'far.md').read_text())
    model = tmp_path / 'runs' / 'far-seed0' / 'flat.safetensors'
    assert load_model(model)[1].details['distance'] == '20'


RECIPE = """
experiment: flat.yaml
stages:
  near: {set: [method.late=0]}
  seen: {kind: labels, maker: measured, model: near}
  counted: {kind: count, labels: [seen]}
  copy: {labels: [seen], set: [method.distance=40, training.steps=60]}
  score: {kind: evaluate, model: copy, options: [--drives, '1', --frames, '5']}
"""


@pytest.mark.usefixtures('few_priors', 'no_unit')
def test_it_is_a_chain_of_stages_with_labels_of_its_own(config: Path, tmp_path: Path) -> None:
    """What the copy learns is the depth of the first, not the distance that it is told."""
    recipe, out = tmp_path / 'chain.yaml', tmp_path / 'out'
    recipe.write_text(RECIPE)
    arguments = ['run', str(recipe), '-o', str(out), '--cache', str(tmp_path / 'cache')]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert (out / 'counted' / 'count.txt').read_text() == '8'  # the ends of 2 drives of 6 frames
    depths = []
    for name in ('near', 'copy'):
        network, _ = load_model(out / name / 'flat.safetensors')
        image = torch.rand(1, 3, 64, 96)
        depths.append(network.depth(network(image, image)[0][0]).mean().item())
    assert depths == pytest.approx([6, 6], rel=0.1)
    # Half of the labels are gone: the stage that reads them says which command makes them.
    store = LabelStore.open(out / 'seen' / 'labels')
    (out / 'seen' / 'labels' / 'synthetic-1' / 'distance' / '2.0.0.0').unlink()
    said = 'distance of 1 of the 4 frames of synthetic-1, the first is 2: make it with: '
    assert '--only seen' in store.command and '--set' not in store.command
    with pytest.raises(MdepthError, match=re.escape(said + store.command)):
        run(load_recipe(recipe, out), tmp_path / 'cache', first='copy')
    result = CliRunner().invoke(app, [*arguments, '--only', 'seen'])
    assert result.exit_code == 0 and store.missing(store.keys('synthetic-1')) == []
    assert len(store.keys('synthetic-1')) == 4
    (out / 'near' / 'flat.safetensors').unlink()
    assert [stage.state()[0] for stage in load_recipe(recipe, out)] == [
        *('begun', 'finished', 'finished', 'to do', 'to do')
    ]


@pytest.mark.usefixtures('no_unit')
def test_labels_that_are_interrupted_go_on(config: Path, tmp_path: Path, monkeypatch) -> None:
    recipe, out, written = tmp_path / 'chain.yaml', tmp_path / 'out', []
    recipe.write_text(RECIPE)
    few = ['training.batch_size=1', 'training.steps=2']
    stages, write = load_recipe(recipe, out, few), LabelStore.write

    def pressed(store: LabelStore, key: Key, maps: object) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        write(store, key, maps)
        written.append(key)

    with monkeypatch.context() as patch:
        patch.setattr(LabelStore, 'write', pressed)
        with pytest.raises(MdepthError, match='interrupted in stage seen: the same command goes'):
            run(stages, tmp_path / 'cache')
    assert stages[1].state() == ('begun', '')
    monkeypatch.setattr(
        LabelStore,
        'write',
        lambda store, key, maps: written.append(key) or write(store, key, maps),
    )
    assert run(stages, tmp_path / 'cache', only='seen') and len(written) == len(set(written)) == 8
    assert LabelStore.open(out / 'seen' / 'labels').origin['method'] == 'toy measured'


def test_a_setting_of_another_method_and_a_label_that_is_missing_are_named(config: Path) -> None:
    with pytest.raises(MdepthError, match=r'unknown setting method\.joint_from: choose from dist'):
        load_experiment(config, ['method.joint_from=3'])
    experiment = load_experiment(config)
    learner = experiment.method.learner()(experiment)
    sample = type('Unlabelled', (), {'labels': {}})()
    with pytest.raises(MdepthError, match='toy learns from the labels distance, which the data'):
        Method.forward(learner, sample)
