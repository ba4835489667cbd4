# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol of a method, and what all methods share: chance, optimiser, what is logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import lightning
import torch
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.augmentation import augmented
from mdepth_training.data.sample import Sample
from mdepth_training.methods.settings import MethodSettings
from mdepth_training.optimiser import Timetable, parameter_groups

if TYPE_CHECKING:
    from mdepth_training.ablation.plan import Variant
    from mdepth_training.stages import LabelMaker, Stage

WATCH_EVERY = 20


class Method(lightning.LightningModule):
    """What learns in one experiment: a method writes `loss`, `describe`, and what else it needs.

    columns   what it logs into metrics.csv where it is `watched`, in order
    progress  what the progress bar shows: word -> name of what is logged
    tables    its own tables of an ablation
    makers    labels that it makes in stages of kind `labels`: name -> from a stage its LabelMaker
    kinds     kinds of stages that it brings: name -> does a stage until it is done (True), or
              until a time of time.time (False)
    network   is what becomes the model; all modules of the method learn
    pictures  of the last step that was asked for them: kind -> [B, 1 or 3, h, w]
    """

    columns: ClassVar[tuple[str, ...]] = ()
    progress: ClassVar[Mapping[str, str]] = {}
    tables: ClassVar[Mapping[str, Callable[[Experiment], list[Variant]]]] = {}
    makers: ClassVar[Mapping[str, Callable[[Stage], LabelMaker]]] = {}
    kinds: ClassVar[Mapping[str, Callable[[Stage, float | None], bool]]] = {}

    def __init__(
        self,
        experiment: Experiment,
        timetable: Timetable | None = None,
        network: JointDepthPose | None = None,
    ) -> None:
        super().__init__()
        self.experiment, self.shared = experiment, experiment.training
        self.settings: MethodSettings = experiment.method
        self.timetable = timetable or Timetable.of(self.shared, self.settings, 1)
        last = self.shared.channels_last
        self.layout = torch.channels_last if last else torch.contiguous_format
        network = network or JointDepthPose(experiment.network)
        self.network = network.to(memory_format=self.layout)
        if self.shared.compile:
            for part in self.network.children():
                part.compile()
        self.pictures: dict[str, Tensor] | None = None
        self.gradient_norm = torch.tensor(0.0)

    def loss(self, sample: Sample, seen: Sample, *coins: Tensor) -> Tensor:
        """What is learned from a batch: images to compare, the same with jitter to look at.

        coins  bool [B] for each chance that `coins` names
        """
        raise NotImplementedError

    def describe(self) -> tuple[str, dict[str, str]]:
        """What the card says of the method: one line, and details."""
        raise NotImplementedError

    def coins(self) -> tuple[float, ...]:
        """Chances of a sample, drawn anew in each step."""
        return ()

    def resting(self) -> Iterable[nn.Module]:
        """Modules that do not learn in this step: no gradient, hence no decay and no moments."""
        return ()

    def validation_loss(self, sample: Sample) -> Tensor:
        """The loss on held-out frames: no chance, nothing else logged."""
        never = torch.zeros(len(sample.K), dtype=torch.bool, device=self.device)
        return self.loss(sample, sample, *[never for _ in self.coins()])

    @property
    def stage(self) -> int:
        """The stage of this step, from 0."""
        return self.timetable.stage(self.global_step)

    @property
    def watched(self) -> bool:
        """Whether this step is to be logged."""
        return bool(self.training) and (self.global_step + 1) % WATCH_EVERY == 0

    @property
    def pictured(self) -> bool:
        """Whether this step is to leave pictures."""
        every = self.shared.images_every
        return bool(self.training) and every > 0 and (self.global_step + 1) % every == 0

    def transfer_batch_to_device(
        self, batch: Sample, device: torch.device, _dataloader: int
    ) -> Sample:
        """Bytes travel; floats are made on the device."""
        return batch.on(device)

    def training_step(self, sample: Sample, batch_index: int) -> Tensor:
        """One batch; all its chance comes from the seed and the number of the batch."""
        shared = self.shared
        if missing := set(self.settings.labels) - sample.labels.keys():
            raise MdepthError(
                f'{self.settings.name} learns from the labels {", ".join(sorted(missing))}, '
                'which the data does not have: make them first'
            )
        micro_step = self.global_step * shared.accumulate + batch_index % shared.accumulate
        torch.manual_seed(shared.seed * 1_000_003 + micro_step)
        processes = self._trainer.world_size if self._trainer is not None else 1
        sample, seen, coins = augmented(
            sample, shared, self.coins(), (self.global_rank, processes), self.layout
        )
        self.pictures = None
        loss = self.loss(sample, seen, *coins)
        if self.watched:
            self.log('loss', loss.detach(), on_step=True, on_epoch=False)
            rate = self.optimizers().param_groups[0]['lr']
            values = {'gradient_norm': self.gradient_norm, 'learning_rate': rate}
            self.log_dict(values, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, sample: Sample, _batch_index: int) -> None:
        """Log the loss on held-out frames; it selects nothing."""
        torch.manual_seed(self.shared.seed)
        loss = self.validation_loss(sample)
        self.log('validation_loss', loss, batch_size=len(sample.K), sync_dist=True)

    def on_before_optimizer_step(self, _optimizer: torch.optim.Optimizer) -> None:
        """Leave alone what rests, and note the norm of the gradient."""
        for module in self.resting():
            for parameter in module.parameters():
                parameter.grad = None
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        self.gradient_norm = torch.stack([gradient.norm() for gradient in gradients]).norm()

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam with betas (0.9, 0.999), and the timetable's rate."""
        groups = parameter_groups(self, self.shared.weight_decay)
        optimizer = torch.optim.Adam(groups, lr=self.shared.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.timetable.rate)
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': schedule, 'interval': 'step'},
        }
