# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stages that learn a part beside the joint network, which they keep as it is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, TypeVar

from safetensors import SafetensorError, safe_open

from mdepth_ros.core.machine import choose_device
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model
from mdepth_training.methods.method import Method, parts_file
from mdepth_training.stages import Stage

P = TypeVar('P', bound='LearnPart')


class LearnPart(Method):
    """The joint network as it is, and a module called `part`, which learns."""

    part: ClassVar[str]

    def prepare(self) -> None:
        """Keep the network; a stage adds its part."""
        super().prepare()
        self.network.requires_grad_(False)

    def train(self: P, mode: bool = True) -> P:
        """The network is only looked at."""
        super().train(mode)
        self.network.eval()
        return self

    def load_parts(self, model: Path) -> None:
        """Go on with a part of this kind; those of other stages are of no use here."""
        if has_part(model, self.part):
            super().load_parts(model)

    def progress_between(self, shares: tuple[float, float]) -> float:
        """How far this step is from the first to the second share of the run, 0 to 1."""
        first, last = shares
        done = self.step / self.timetable.steps
        return min(max((done - first) / max(last - first, 1e-9), 0.0), 1.0)


def has_part(model: Path, part: str) -> bool:
    """Whether a model has this part beside it; True too where nobody can tell."""
    file = parts_file(model)
    if not file.exists():
        return False
    try:
        with safe_open(file, 'pt') as parts:
            return any(name.startswith(f'{part}.') for name in parts.keys())  # noqa: SIM118 (no dict)
    except (OSError, SafetensorError):
        return True


def learned(stage: Stage, method: type[P]) -> P:
    """The method with the part that the model of a label stage has, ready to be asked.

    Raises MdepthError where the model has none, or one of other settings.
    """
    model, name = stage.model_file, stage.settings.method.name
    if model is None or not has_part(model, method.part):
        raise MdepthError(
            f'stage {stage.name}: {model or "no model"} has no {method.part} beside it: set its '
            f'`model` to a stage of kind fit with method.name={name}'
        )
    network, _ = load_model(model)
    learner = method(stage.experiment, network=network)
    learner.load_parts(model)
    return learner.to(choose_device('auto')).eval()
