# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A second method, as somebody else would write it: one constant depth, learned from a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from mdepth_training.ablation.plan import Variant
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.methods.method import Method
from mdepth_training.methods.settings import MethodSettings
from mdepth_training.settings import setting
from mdepth_training.stages import LabelMaker, Stage
from torch import Tensor

from mdepth_ros.model.file import load_model


@dataclass(frozen=True)
class ToySettings(MethodSettings):
    name: str = setting('toy', 'the method')
    distance: float = setting(4.0, 'depth that its label has, in network units', 0.2, 90)
    late: int = setting(2, 'step from which the second stage counts', 0)
    labels: ClassVar[tuple[str, ...]] = ('distance',)

    @staticmethod
    def learner() -> type[Method]:
        return Toy

    @property
    def stages(self) -> dict[str, int]:
        return {'late': self.late}


def measured(stage: Stage) -> LabelMaker:
    """The depth of a model as the label of the next."""
    assert stage.model_file is not None
    network = load_model(stage.model_file)[0]
    size = stage.experiment.input_size

    def maps(sample: Any) -> dict[str, Tensor]:
        disparity = network(sample.previous, sample.current)[0][0]
        return {'distance': network.depth(disparity)}

    return LabelMaker({'distance': Kind('depth', size)}, maps)


def counted(stage: Stage, _end: float | None) -> bool:
    """How many labels an earlier stage made."""
    store = LabelStore.open(Path(stage.experiment.data.labels[0]))
    count = sum(labels['distance'][0] for _, _, labels in store.summary())
    (stage.folder / 'count.txt').write_text(str(count))
    return True


class Toy(Method):
    settings: ToySettings
    makers = {'measured': measured}  # noqa: RUF012
    kinds = {'count': counted}  # noqa: RUF012
    columns = ('toy_depth', 'toy_stage')
    progress = {'depth': 'toy_depth'}  # noqa: RUF012
    tables = {'far': lambda _: [Variant('far', ('method.distance=20',))]}  # noqa: RUF012

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.network.requires_grad_(False)
        for head in self.network.depth_decoder.heads:
            head.weight.zero_()
        self.bias = self.network.depth_decoder.heads[0].bias.requires_grad_()

    def forward(self, sample: Any, part: int = 0) -> Tensor:
        assert all(key.drive.startswith('synthetic-') for key in sample.keys)
        if not sample.labels:
            distance = torch.full_like(sample.current[:, :1], self.settings.distance)
            sample = replace(sample, labels={'distance': distance})
        return super().forward(sample, part)

    def loss(self, sample: Any, seen: Any, *_: Tensor) -> Tensor:
        depth = self.network.depth(torch.sigmoid(self.bias))
        error = depth.log() - sample.labels['distance'].log()
        if self.watched:
            self.log({'toy_depth': depth.detach(), 'toy_stage': float(self.stage)})
        if self.pictured:
            self.pictures = {'seen': seen.current, 'error': error.detach()}
        return error.square().mean()

    def describe(self) -> tuple[str, dict[str, str]]:
        return 'a constant', {'distance': f'{self.settings.distance:g}'}
