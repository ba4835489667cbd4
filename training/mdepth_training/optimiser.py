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
from mdepth_training.methods.settings import MethodSettings


@dataclass(frozen=True)
class Timetable:
    """A run in steps of the optimiser; at `stages` the method's second and later stages begin.

    Implicit Cues, section IV.B: 20 epochs at 1e-4, a tenth of it after 15; how they are divided
    between the stages it does not say.
    """

    steps: int
    stages: tuple[int, ...]
    settings: Training

    @staticmethod
    def of(settings: Training, method: MethodSettings, steps_per_epoch: int) -> Timetable:
        """Count epochs as steps where the settings give epochs.

        Raises MdepthError where a stage would begin after the last epoch, or an epoch has no
        step.
        """
        starts = method.stages
        if settings.epochs and not steps_per_epoch:
            raise MdepthError(
                'an epoch of training.epochs has no whole step: give more data, or lower '
                'training.batch_size, training.accumulate or the number of processes'
            )
        if not settings.epochs:
            return Timetable(settings.steps, tuple(starts.values()), settings)
        for name, start in starts.items():
            if start > settings.epochs:
                raise MdepthError(
                    f'method.{name} is {start}, but there are {settings.epochs} epochs, and it '
                    'counts epochs too: lower it'
                )
        stages = tuple(start * steps_per_epoch for start in starts.values())
        return Timetable(settings.epochs * steps_per_epoch, stages, settings)

    def stage(self, step: int) -> int:
        """The stage of a step, from 0."""
        return sum(step >= start for start in self.stages)

    def rate(self, step: int) -> float:
        """The share of the learning rate for this step, in 0..1."""
        settings, start, end = self.settings, 0, self.steps
        for change in sorted(self.stages) if settings.restart else ():
            if step < change < end:
                end = change
                break
            if 0 < change < self.steps:
                start = change
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
