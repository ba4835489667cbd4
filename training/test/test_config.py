# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest
from mdepth_training.config import DEFAULT_METHOD, Experiment, load_experiment, save_experiment
from mdepth_training.methods import settings_class
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.optimiser import Timetable
from mdepth_training.settings import described, markdown_table

from mdepth_ros.errors import MdepthError

CONFIGS = Path(__file__).parents[1] / 'configs'
METHOD = {'method': settings_class(DEFAULT_METHOD)}


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.yaml')), ids=lambda path: path.stem)
def test_the_shipped_configurations_load(path: Path) -> None:
    assert load_experiment(path).name == path.stem


def test_overrides_and_round_trip(tmp_path: Path) -> None:
    (tmp_path / 'a.yaml').write_text('training: {learning_rate: 1e-4}\nnetwork: {width: 0.25}')
    experiment = load_experiment(
        tmp_path / 'a.yaml', ['training.steps=7', 'data.synthetic.moving=0']
    )
    assert experiment.training.steps == 7 and experiment.training.learning_rate == 1e-4
    assert experiment.network.width == 0.25 and experiment.data.synthetic.moving == 0.0
    save_experiment(experiment, tmp_path / 'b.yaml')
    assert load_experiment(tmp_path / 'b.yaml') == experiment


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('trainig: {}', 'unknown setting trainig: did you mean training?'),
        ('training: {step: 3}', 'unknown setting training.step: did you mean training.steps?'),
        ('training: {xyz: 3}', 'unknown setting training.xyz: choose from accumulate, batch_size'),
        ('training: {steps: many}', "training.steps: a whole number from 1 to 1e+09, not 'many'"),
        ('training: {learning_rate: x}', 'training.learning_rate: a number from 1e-09 to 1, not'),
        ('training: {compile: 1}', 'training.compile: true or false, not 1'),
        ('training: 3', 'training must be a mapping'),
        ('input_size: [96]', 'input_size: 2 whole numbers, not [96]'),
        ('data: {recordings: [1]}', 'data.recordings: a list of texts, not [1]'),
        ('a: [', 'is not YAML'),
        ('[1, 2]', 'must be a mapping'),
        ('name: a/b', "name 'a/b'"),
        ('name: 3', 'name: a text, not 3'),
        ('input_size: [65, 96]', 'multiples of 32'),
        ('training: {precision: fp8}', "training.precision: auto, fp32, bf16 or fp16, not 'fp8'"),
        ('training: {warm_up: 0}', 'training.warm_up: a whole number from 1 to 1e+09, not 0'),
        ('training: {devices: 0}', 'training.devices is 0'),
        ('data: {synthetic: {frames: 2}}', 'data.synthetic.frames: a whole number from 3 to 1e+0'),
        ('data: {synthetic: {moving: .nan}}', 'data.synthetic.moving: a number from 0 to 10, not'),
        ('method: {constant_velocity: .inf}', 'constant_velocity: a number from 0, not inf'),
        ('method: {photometric: {ssim: -1}}', 'photometric.ssim: a number from 0 to 1000, not -1'),
        ('method: {photometric: {window: 4}}', 'method.photometric.window is 4: it must be odd'),
        ('method: {name: explicit}', "there is no method 'explicit': choose from "),
        ('method: implicit_cues', 'method must be a mapping'),
        (
            'training: {steps: 3, joint_from: 1, sources: M}',
            'training.joint_from is method.joint_from now, training.sources is method.sources now',
        ),
        ('network: {rotation_scale: .nan}', 'network.rotation_scale: a number, not nan'),
        ('training: {seed: 20261105143000}', 'training.seed: a whole number from 0 to 1e+12'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'bad.yaml').write_text(text)
    with pytest.raises(MdepthError, match=re.escape(message)):
        load_experiment(tmp_path / 'bad.yaml')


@pytest.mark.parametrize(
    ('override', 'expected'),
    [
        ('data.recordings=*.mcap', ('*.mcap',)),
        ('data.recordings=[0-9]*.bag', ('[0-9]*.bag',)),
        ('data.recordings=drives/run #2.mcap', ('drives/run #2.mcap',)),
        ('data.recordings=2011_09_26', ('2011_09_26',)),
        ('data.recordings=2024-05-01', ('2024-05-01',)),
        ('data.recordings=[a, b c]', ('a', 'b c')),
        ('data.recordings=[]', ()),
        ('data.split=1e3', '1e3'),
        ('name=123', '123'),
        ('training.initial=no', 'no'),
    ],
)
def test_texts_are_taken_as_they_stand(tmp_path: Path, override: str, expected: object) -> None:
    (tmp_path / 'a.yaml').write_text('name: a')
    value = load_experiment(tmp_path / 'a.yaml', [override])
    for part in override.partition('=')[0].split('.'):
        value = getattr(value, part)
    assert value == expected


@pytest.mark.parametrize('override', ['training.steps', 'name.x=1', 'a=['])
def test_overrides_that_set_nothing(tmp_path: Path, override: str) -> None:
    (tmp_path / 'a.yaml').write_text('name: a')
    with pytest.raises(MdepthError, match=r'write it as training\.steps=100'):
        load_experiment(tmp_path / 'a.yaml', [override])


def test_a_run_of_before_goes_on_under_the_new_name_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / 'experiment.yaml').write_text('method: {steady_motion: 0.05}')
    method = load_experiment(tmp_path / 'experiment.yaml').method
    assert method == ImplicitCuesSettings(constant_velocity=0.05)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match='cannot read the configuration'):
        load_experiment(tmp_path / 'none.yaml')


def test_defaults_are_an_experiment() -> None:
    assert Experiment().network.depth_range == (0.1, 100.0)


def test_an_empty_override_empties(tmp_path: Path) -> None:
    (tmp_path / 'a.yaml').write_text('data: {split: list.txt, recordings: [a, b]}')
    data = load_experiment(tmp_path / 'a.yaml', ['data.split=', 'data.recordings=']).data
    assert data.split == '' and data.recordings == ()
    data = load_experiment(tmp_path / 'a.yaml', ['data.recordings=drives/*.mcap']).data
    assert data.recordings == ('drives/*.mcap',)


def test_every_setting_is_explained() -> None:
    for name, _, _, text in described(Experiment, '', METHOD):
        assert len(text) > 5, name


def test_the_readme_has_the_table_of_settings() -> None:
    readme = (CONFIGS.parent / 'README.md').read_text()
    assert markdown_table(Experiment, METHOD) in readme, (
        'python -m mdepth_training.config makes it'
    )


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('kitti-*.yaml')), ids=lambda path: path.stem)
def test_the_papers_recipe(path: Path) -> None:
    """Adam at 1e-4, a tenth after 15 of 20 epochs, decay 1e-4, smoothness 1e-3, batches of 8."""
    experiment = load_experiment(path)
    training, method = experiment.training, experiment.method
    table = Timetable.of(training, method, steps_per_epoch=100)
    assert (training.learning_rate, training.weight_decay, method.smoothness) == (1e-4, 1e-4, 1e-3)
    assert training.batch_size * training.accumulate == 8 and method.full_size_losses
    last = table.steps - 2000  # where the last 20 epochs begin
    assert [table.rate(last + step) for step in (0, 1499, 1500)] == pytest.approx([1, 1, 0.1])
    assert table.stages in ((0,), (2000,))
