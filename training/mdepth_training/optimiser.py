# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When what learns, and how fast: stages, learning rate, weight decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from mdepth_ros.errors import MdepthError
from mdepth_training.config import Training


@dataclass(frozen=True)
class Timetable:
    """A run in steps of the optimiser.

    Until `joint_from` the baseline learns with HAM, then everything with IDCE (Implicit Cues,
    section IV.B). The paper: 20 epochs at 1e-4, a tenth of it after 15; how they are divided
    between the stages it does not say.
    """

    steps: int
    joint_from: int
    settings: Training

    @staticmethod
    def of(settings: Training, steps_per_epoch: int) -> Timetable:
        """Count epochs as steps where the settings give epochs.

        Raises MdepthError where the second stage would begin after the last epoch, or an epoch
        has no step.
        """
        if settings.epochs and not steps_per_epoch:
            raise MdepthError(
                'an epoch of training.epochs has no whole step: give more data, or lower '
                'training.batch_size, training.accumulate or the number of processes'
            )
        if not settings.epochs:
            return Timetable(settings.steps, settings.joint_from, settings)
        if settings.joint_from > settings.epochs:
            raise MdepthError(
                f'training.joint_from is {settings.joint_from}, but there are '
                f'{settings.epochs} epochs, and it counts epochs too: lower it'
            )
        return Timetable(
            settings.epochs * steps_per_epoch, settings.joint_from * steps_per_epoch, settings
        )

    def joint(self, step: int) -> bool:
        """Whether IDCE learns in this step."""
        return step >= self.joint_from

    def rate(self, step: int) -> float:
        """The share of the learning rate for this step, in 0..1."""
        settings, start, end = self.settings, 0, self.steps
        if settings.restart and 0 < self.joint_from < self.steps:
            start, end = (self.joint_from, end) if self.joint(step) else (start, self.joint_from)
        progress = min((step - start) / (end - start), 1.0)
        if settings.schedule == 'cosine':
            fallen = (1 - math.cos(math.pi * progress)) / 2
        else:
            fallen = float(progress >= settings.drop_at)
        warm = min((step - start + 1) / settings.warm_up, 1.0)
        return warm * (1 - (1 - settings.final_rate) * fallen)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """All parameters; the decay is on the weights of convolutions alone.

    Decay would pull HAM's beta and the gate of the cues, which start at 0, back to it, and the
    scales of norms and the biases have no reason to be small.
    """
    decayed = {m.weight for m in network.modules() if isinstance(m, nn.Conv2d)}
    others = [p for p in network.parameters() if p not in decayed]
    kept = [p for p in network.parameters() if p in decayed]
    return [
        {'params': kept, 'weight_decay': weight_decay},
        {'params': others, 'weight_decay': 0.0},
    ]
