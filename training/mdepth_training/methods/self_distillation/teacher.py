# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The teacher: a network like the one that learns, which is only asked for its depth."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.methods.self_distillation.pseudo import PseudoDepth
from mdepth_training.methods.self_distillation.settings import SelfDistillationSettings

DEPTH = ('encoder', 'width', 'decoder', 'depth_range')
"""What the networks of a depth must have in common; cues and motion may differ."""
AGREE = 1.25
"""Ratio up to which teacher and pseudo-depth agree about what moves."""


def make_teacher(
    settings: SelfDistillationSettings, experiment: Experiment, network: JointDepthPose
) -> JointDepthPose | None:
    """The teacher at the start of a run, which does not learn; None where there is none.

    Raises MdepthError where the file of a frozen one is not given, or is of another network or
    size.
    """
    if settings.teacher == 'none':
        return None
    if settings.teacher == 'ema':
        teacher = copy.deepcopy(network)
    else:
        teacher = _read(settings.teacher_model, experiment)
    return teacher.eval().requires_grad_(False)


def make_reference(
    settings: SelfDistillationSettings, initial: str, network: JointDepthPose
) -> JointDepthPose | None:
    """The network as it began, to whose depth pseudo-depth is brought.

    None where nothing needs it: there is no pseudo-depth, a frozen teacher takes its place, or
    the run began without a model, whose depth says nothing: then the depth itself has to do.
    """
    began = initial.endswith('.safetensors')
    if settings.pseudo == 'none' or settings.teacher == 'frozen' or not began:
        return None
    return copy.deepcopy(network).eval().requires_grad_(False)


def _read(path: str, experiment: Experiment) -> JointDepthPose:
    if not path:
        raise MdepthError(
            'method.teacher is frozen, but no teacher is given: set method.teacher_model to a '
            'model file, or in a recipe `teacher` of the stage'
        )
    network, card = load_model(Path(path).expanduser())
    problems = [
        (f'network.{name}', getattr(network.config, name), getattr(experiment.network, name))
        for name in DEPTH
    ]
    problems.append(('input_size', card.input_size, experiment.input_size))
    for name, theirs, ours in problems:
        if theirs != ours:
            raise MdepthError(
                f'the teacher {path} has {name} {theirs} and this experiment {ours}: give a '
                'teacher of the same network, or let it make pseudo-depth instead'
            )
    return network


@torch.no_grad()
def follow(teacher: JointDepthPose, network: JointDepthPose, momentum: float) -> None:
    """Move all numbers of the teacher towards those of the network, by 1 - momentum of the way."""
    for mean, value in zip(
        teacher.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - momentum)
        else:
            mean.copy_(value)


@torch.no_grad()
def depth_of(teacher: JointDepthPose, previous: Tensor, current: Tensor, cues: bool) -> Tensor:
    """What it says of images [B, 3, H, W], its own unit: [B, H, W]. Without cues of one image."""
    if cues:
        (disparity,), _ = teacher(previous, current, scales=1)
    else:
        (disparity,) = teacher.depth_decoder(teacher.features(current), 1)
    return teacher.depth(disparity.float())[:, 0]


def trusted(
    prior: Tensor, prior_error: Tensor, error: Tensor, static: Tensor, pseudo: PseudoDepth | None
) -> Tensor:
    """Where the teacher is believed, bool [B, H, W].

    prior, static (bool) [B, H, W]; errors [B, 1, H, W] of views with the prior, and with the
    student's depth; infinite where no view shows the point.

    What stands: where its depth explains the views no worse than the student's. What moves, views
    cannot judge: where it agrees with the pseudo-depth, or nothing is known of that.
    """
    explains = (prior_error <= error)[:, 0] & error.isfinite()[:, 0]
    agrees = torch.ones_like(static)
    if pseudo is not None:
        off = (prior.log() - pseudo.depth.log()).abs()
        agrees = (off < math.log(AGREE)) | ~pseudo.known
    return torch.where(static, explains, agrees)
