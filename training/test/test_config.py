# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from mdepth_training.config import Experiment, load_experiment, save_experiment

from mdepth_ros.errors import MdepthError

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.yaml')), ids=lambda path: path.stem)
def test_the_shipped_configurations_load(path: Path) -> None:
    assert load_experiment(path).name == path.stem


def test_overrides_and_round_trip(tmp_path: Path) -> None:
    (tmp_path / 'a.yaml').write_text('training: {learning_rate: 1e-4}\nnetwork: {width: 0.25}')
    experiment = load_experiment(tmp_path / 'a.yaml', ['training.steps=7', 'data.moving=0'])
    assert experiment.training.steps == 7 and experiment.training.learning_rate == 1e-4
    assert experiment.network.width == 0.25 and experiment.data.moving == 0.0
    save_experiment(experiment, tmp_path / 'b.yaml')
    assert load_experiment(tmp_path / 'b.yaml') == experiment


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('trainig: {}', 'unknown setting trainig'),
        ('training: {step: 3}', 'unknown setting training.step'),
        ('training: {steps: many}', "training.steps cannot be 'many'"),
        ('training: 3', 'training. must be a mapping'),
        ('input_size: [96]', 'input_size cannot be'),
        ('a: [', 'is not YAML'),
        ('[1, 2]', 'must be a mapping'),
        ('name: a/b', "name 'a/b'"),
        ('input_size: [65, 96]', 'multiples of 32'),
        ('training: {precision: fp8}', "training.precision cannot be 'fp8'"),
        ('training: {warm_up: 0}', 'training.warm_up is 0'),
        ('training: {batch_size: 9}\ndata: {drives: 2, frames: 4}', 'only 4 triplets'),
        ('data: {frames: 2}', 'data.frames is 2'),
        ('data: {moving: .nan}', 'data.moving is nan'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'bad.yaml').write_text(text)
    with pytest.raises(MdepthError, match=message.replace('.', r'\.')):
        load_experiment(tmp_path / 'bad.yaml')


@pytest.mark.parametrize('override', ['training.steps', 'name.x=1', 'a=['])
def test_overrides_that_set_nothing(tmp_path: Path, override: str) -> None:
    (tmp_path / 'a.yaml').write_text('name: a')
    with pytest.raises(MdepthError, match=r'write it as training\.steps=100'):
        load_experiment(tmp_path / 'a.yaml', [override])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match='cannot read the configuration'):
        load_experiment(tmp_path / 'none.yaml')


def test_defaults_are_an_experiment() -> None:
    assert Experiment().network.depth_range == (0.1, 100.0)
