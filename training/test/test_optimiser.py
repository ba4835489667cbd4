# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from mdepth_training.config import Training
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.optimiser import Timetable, parameter_groups

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import JointDepthPose, NetworkConfig


def table_of(training: Training, joint_from: int, steps_per_epoch: int) -> Timetable:
    method = ImplicitCuesSettings(joint_from=joint_from)
    return Timetable.of(training, method, steps_per_epoch)


PAPER = {'schedule': 'step', 'final_rate': 0.1, 'warm_up': 1}


def rates(table: Timetable, *steps: int) -> list[float]:
    return [table.rate(step) for step in steps]


def test_the_schedule_of_the_paper() -> None:
    """20 epochs, a tenth of the rate after the 15th."""
    table = table_of(Training(epochs=20, **PAPER), 0, 10)
    assert table.steps == 200
    assert rates(table, 0, 149, 150, 199) == pytest.approx([1, 1, 0.1, 0.1])


def test_twenty_and_twenty_epochs_restart_the_schedule() -> None:
    table = table_of(Training(epochs=40, restart=True, **PAPER), 20, 10)
    assert [table.stage(step) for step in (0, 199, 200, 399)] == [0, 0, 1, 1]
    assert rates(table, 0, 149, 150, 199) == pytest.approx([1, 1, 0.1, 0.1])
    assert rates(table, 200, 349, 350, 399) == pytest.approx([1, 1, 0.1, 0.1])


def test_ten_and_ten_epochs_under_one_schedule() -> None:
    table = table_of(Training(epochs=20, **PAPER), 10, 10)
    assert table.stages == (100,)
    assert rates(table, 0, 100, 149, 150) == pytest.approx([1, 1, 1, 0.1])


def test_every_stage_restarts_the_schedule() -> None:
    training = Training(steps=400, restart=True, **PAPER)
    table = Timetable(400, (0, 100, 200, 500), training)
    assert [table.stage(step) for step in (0, 99, 100, 200, 399)] == [1, 1, 2, 3, 3]
    assert rates(table, 0, 74, 75, 99) == pytest.approx([1, 1, 0.1, 0.1])
    assert rates(table, 100, 174, 175, 199) == pytest.approx([1, 1, 0.1, 0.1])
    assert rates(table, 200, 349, 350, 399) == pytest.approx([1, 1, 0.1, 0.1])


def test_the_cosine_with_its_warm_up() -> None:
    table = table_of(Training(steps=1000, warm_up=100, final_rate=0.05), 2000, 0)
    assert table.rate(0) == pytest.approx(0.01, rel=1e-4)
    assert table.rate(500) == pytest.approx(0.05 + 0.95 / 2)
    assert table.rate(1000) == pytest.approx(0.05)
    quarter = 0.05 + 0.95 * (1 + math.cos(math.pi / 4)) / 2
    assert table.rate(250) == pytest.approx(quarter)


def test_the_second_stage_cannot_begin_after_the_last_epoch() -> None:
    with pytest.raises(MdepthError, match='counts epochs too'):
        table_of(Training(epochs=20), 2000, 10)


def test_an_epoch_without_a_step_is_refused() -> None:
    with pytest.raises(MdepthError, match='has no whole step'):
        table_of(Training(epochs=3), 0, 0)


def test_decay_is_on_the_weights_of_convolutions_alone() -> None:
    network = JointDepthPose(NetworkConfig(width=0.125))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, others = (
        {names[id(parameter)] for parameter in group['params']}
        for group in parameter_groups(network, 1e-4)
    )
    assert decayed | others == set(names.values()) and not decayed & others
    parameters = dict(network.named_parameters())
    assert all(name.endswith('weight') and parameters[name].ndim == 4 for name in decayed)
    assert all(parameters[name].ndim < 2 for name in others)
    assert {'cues.gate', 'pose_decoder.attention.beta', 'depth_encoder.bn1.weight'} <= others
    assert [g['weight_decay'] for g in parameter_groups(network, 1e-4)] == [1e-4, 0.0]
