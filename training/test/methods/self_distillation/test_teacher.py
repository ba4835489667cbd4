# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.config import Experiment
from mdepth_training.methods.self_distillation.pseudo import PseudoDepth
from mdepth_training.methods.self_distillation.settings import SelfDistillationSettings
from mdepth_training.methods.self_distillation.teacher import (
    depth_of,
    follow,
    make_teacher,
    trusted,
)

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.card import ModelCard
from mdepth_ros.model.file import save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

SIZE = (64, 96)
NETWORK = NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1)
EXPERIMENT = Experiment(input_size=SIZE, network=NETWORK)


def taught_by(teacher: str, file: str = '') -> JointDepthPose | None:
    settings = SelfDistillationSettings(teacher=teacher, teacher_model=file)
    torch.manual_seed(0)
    return make_teacher(settings, EXPERIMENT, JointDepthPose(NETWORK))


def test_where_things_move_the_pseudo_depth_judges_the_teacher() -> None:
    prior = torch.tensor([4.0, 4.0, 4.0, 4.0, 4.0]).view(1, 1, 5)
    error = torch.tensor([0.2, 0.2, torch.inf, 0.0, 0.0]).view(1, 1, 1, 5)
    prior_error = torch.tensor([0.1, 0.3, torch.inf, 1.0, 1.0]).view(1, 1, 1, 5)
    static = torch.tensor([True, True, True, False, False]).view(1, 1, 5)
    pseudo = torch.tensor([1.0, 1.0, 1.0, 4.9, 5.1]).view(1, 1, 5)
    everywhere = torch.ones_like(static)
    given = PseudoDepth(pseudo, everywhere, torch.ones(1), torch.ones(1))
    believed = trusted(prior, prior_error, error, static, given)
    assert believed.flatten().tolist() == [True, False, False, True, False]  # 4.9 / 4 < 1.25
    unknown = replace(given, known=~everywhere)
    for of in (unknown, None):
        assert trusted(prior, prior_error, error, static, of).flatten()[3:].all()


def test_the_running_mean_moves_by_its_share() -> None:
    network, teacher = (JointDepthPose(NETWORK) for _ in range(2))
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    network.train()(*torch.rand(2, 2, 3, *SIZE))  # statistics of the norms, and their counters
    for _ in range(2):
        follow(teacher, network, 0.75)
    for name, value in teacher.state_dict().items():
        new = network.state_dict()[name]
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.5625 * before[name] + 0.4375 * new)
        else:
            assert value == new == 1


def model_of(folder: Path, network: NetworkConfig, size: tuple[int, int]) -> str:
    path = folder / 'teacher.safetensors'
    card = ModelCard(
        name='teacher', network=network, input_size=size, camera=EXPERIMENT.camera,
        frame_interval=0.1, method='none', data='none', licence='Apache-2.0',
    )  # fmt: skip
    save_model(path, JointDepthPose(network), card)
    return str(path)


def test_a_frozen_teacher_says_what_its_file_says(tmp_path: Path) -> None:
    teacher = taught_by('frozen', model_of(tmp_path, NETWORK, SIZE))
    assert teacher is not None and not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
    previous, current = torch.rand(2, 2, 3, *SIZE)
    none = torch.zeros(2, dtype=torch.bool)
    with torch.no_grad():
        alone = teacher.depth(teacher(previous, current, none)[0][0])[:, 0]
        cued = teacher.depth(teacher(previous, current)[0][0])[:, 0]
    torch.testing.assert_close(depth_of(teacher, previous, current, cues=False), alone)
    torch.testing.assert_close(depth_of(teacher, previous, current, cues=True), cued)
    assert taught_by('none') is None


def test_a_teacher_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match=r'no teacher is given: set method\.teacher_model'):
        taught_by('frozen')
    with pytest.raises(MdepthError, match='gone'):
        taught_by('frozen', str(tmp_path / 'gone.safetensors'))
    for network, size, said in (
        (replace(NETWORK, width=0.25), SIZE, r'network\.width 0\.25 and this experiment 0\.125'),
        (replace(NETWORK, decoder='dense'), SIZE, r'network\.decoder dense'),
        (NETWORK, (64, 128), re.escape('input_size (64, 128) and this experiment (64, 96)')),
    ):
        with pytest.raises(MdepthError, match=said) as caught:
            taught_by('frozen', model_of(tmp_path, network, size))
        assert '\n' not in str(caught.value)
    plain = replace(NETWORK, cues=False, attention='none', motion='posecnn')
    assert taught_by('frozen', model_of(tmp_path, plain, SIZE)) is not None
