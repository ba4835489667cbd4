# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tables as variants: what differs, and that nothing else does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from mdepth_training.ablation.plan import TABLES, Run, plan
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.run_folder import CHECKPOINT

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import JointDepthPose

TEXT = 'name: small\ninput_size: [64, 192]\nnetwork: {width: 0.125}\ntraining: {steps: 10}\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / 'small.yaml'
    path.write_text(TEXT)
    return path


def planned(config: Path, table: str, seeds: int = 1, *overrides: str) -> list[Run]:
    return plan(config, table, seeds, config.parent / 'runs', overrides)


def differing(first: Run, second: Run) -> set[str]:
    def flat(value: object, where: str = '') -> dict[str, object]:
        if not isinstance(value, dict):
            return {where: value}
        return {
            k: v for key, item in value.items() for k, v in flat(item, f'{where}.{key}').items()
        }

    a, b = flat(asdict(first.experiment)), flat(asdict(second.experiment))
    return {key.removeprefix('.') for key in a if a[key] != b[key]}


def test_table_v_has_the_four_networks_of_the_paper(config: Path) -> None:
    runs = planned(config, 'components')
    networks = [run.experiment.network for run in runs]
    assert [(n.attention, n.cues) for n in networks] == [
        ('none', False), ('none', True), ('elementwise', False), ('elementwise', True)
    ]  # fmt: skip
    assert runs[0].variant == 'baseline' and runs[3].variant == 'ham+idce'
    assert differing(runs[0], runs[3]) == {'network.attention', 'network.cues'}


def test_seeds_come_one_after_the_other_and_are_all_that_differs(config: Path) -> None:
    runs = planned(config, 'components', 3, 'training.seed=5')
    assert [run.seed for run in runs] == [5] * 4 + [6] * 4 + [7] * 4
    assert differing(runs[0], runs[4]) == {'training.seed'}
    assert len({run.folder for run in runs}) == 12
    assert runs[0].model == config.parent / 'runs' / 'baseline-seed5' / 'small.safetensors'


@pytest.mark.parametrize('table', sorted({**TABLES, **ImplicitCues.tables}))
def test_every_table_has_equal_budgets_and_networks_that_can_be_built(
    config: Path, table: str
) -> None:
    runs = planned(config, table)
    assert len({run.variant for run in runs}) == len(runs) >= 3
    for run in runs:
        assert run.against in {other.variant for other in runs}
        assert run.experiment.training.steps == 10 and run.experiment.training.batch_size == 8
        assert run.experiment.data == runs[0].experiment.data
        JointDepthPose(run.experiment.network)


def test_table_vi_has_two_pose_networks_and_three_attentions_without_cues(config: Path) -> None:
    networks = [run.experiment.network for run in planned(config, 'pose')]
    assert {(n.motion, n.attention) for n in networks} == {
        (motion, attention)
        for motion in ('resnet', 'posecnn')
        for attention in ('none', 'channel', 'elementwise')
    }
    assert not any(network.cues for network in networks)
    against = {run.variant: run.against for run in planned(config, 'pose')}
    assert against['posecnn+ham'] == 'posecnn' and against['resnet+cam'] == 'resnet'
    assert against['posecnn'] == against['resnet'] == 'resnet'


@pytest.mark.parametrize(
    ('own', 'others'),
    [
        ('64, 192', ['96x320', '128x416']),
        ('192, 640', ['128x416', '320x1024']),
        ('320, 1024', ['128x416', '192x640']),
        ('96, 288', ['64x192', '96x320']),
    ],
)
def test_resolutions_are_the_own_and_its_neighbours(
    config: Path, own: str, others: list[str]
) -> None:
    runs = planned(config, 'resolution', 1, f'input_size=[{own}]')
    assert [run.variant for run in runs] == [own.replace(', ', 'x'), *others]
    assert differing(runs[0], runs[1]) == {'input_size'}


def test_stages_split_steps_or_epochs(config: Path) -> None:
    by_steps = {run.variant: run.experiment for run in planned(config, 'stages')}
    assert by_steps['joint'].method.joint_from == 0 and by_steps['halves'].method.joint_from == 5
    assert by_steps['halves-restart'].training.restart
    assert not by_steps['halves'].training.restart
    runs = planned(config, 'stages', 1, 'training.epochs=20')
    assert {run.experiment.method.joint_from for run in runs} == {0, 10}


def test_a_folder_of_another_budget_is_refused(config: Path) -> None:
    run = planned(config, 'ham')[0]
    run.stages[0].begin('')
    (run.stages[0].folder / CHECKPOINT).touch()  # something to go on from
    planned(config, 'ham')
    with pytest.raises(MdepthError, match='begun with other settings'):
        planned(config, 'ham', 1, 'training.steps=11')


def test_runs_of_several_processes_are_refused(config: Path) -> None:
    with pytest.raises(MdepthError, match=r'training\.devices and training\.nodes must be 1'):
        plan(config, 'ham', 1, config.parent, ['training.devices=2'])


def test_an_unknown_table_names_the_known(config: Path) -> None:
    with pytest.raises(MdepthError, match='resolution, components, ham, pose'):
        planned(config, 'losses')


def test_a_recipe_is_compared_as_a_whole(config: Path) -> None:
    recipe = config.parent / 'recipe.yaml'
    recipe.write_text(
        """
experiment: small.yaml
stages:
  first:
  last: {model: first, set: [training.steps=5]}
  score: {kind: evaluate, model: last}
"""
    )
    run, *_ = planned(recipe, 'ham')
    assert run.experiment.network.attention == 'none' and run.experiment.training.steps == 5
    assert run.stages[0].settings.network.attention == 'none'
    assert run.model == run.folder / 'last' / 'small.safetensors'
