# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol of a method, and what all methods share: random draws, optimiser, logging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.augmentation import augmented
from mdepth_training.data.sample import Sample
from mdepth_training.methods.settings import MethodSettings
from mdepth_training.optimiser import Timetable, parameter_groups

if TYPE_CHECKING:
    from mdepth_training.methods.variant import Variant
    from mdepth_training.stages import LabelMaker, Stage

WATCH_EVERY = 20


class Method(nn.Module):
    """What learns in one experiment. A method writes `loss` and `describe`; the rest is optional.

    columns   what it logs (`log`) into metrics.csv where it is `watched`, in order
    progress  what the progress bar shows: word -> name of what is logged
    tables    its own tables of an ablation
    makers    labels that it makes in stages of kind `labels`: name -> from a stage its LabelMaker
    kinds     kinds of stages that it brings: name -> does a stage until it is done (True), or
              until a time of time.time (False)
    network   is what becomes the model; all modules of the method learn
    not_parts  beginnings of names in its state that `save_parts` leaves out
    pictures  of the last step that was asked for them: kind -> [B, 1 or 3, h, w]
    step      number of the present step, from 0
    process   (number of this process, from 0; how many processes learn together)
    """

    columns: ClassVar[tuple[str, ...]] = ()
    progress: ClassVar[Mapping[str, str]] = {}
    tables: ClassVar[Mapping[str, Callable[[Experiment], list[Variant]]]] = {}
    makers: ClassVar[Mapping[str, Callable[[Stage], LabelMaker]]] = {}
    kinds: ClassVar[Mapping[str, Callable[[Stage, float | None], bool]]] = {}
    not_parts: ClassVar[tuple[str, ...]] = ('network.',)

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
        self.network = network.to(memory_format=self.layout)  # type: ignore[call-overload]
        if self.shared.compile:
            for part in self.network.children():
                part.compile()
        self.pictures: dict[str, Tensor] | None = None
        self.logged: dict[str, float | Tensor] = {}
        self.step, self.process, self._looked = 0, (0, 1), False
        self.prepare()

    def prepare(self) -> None:
        """Add what it has beside the network; called once, when all else is there."""

    def loss(self, sample: Sample, jittered: Sample, *drawn: Tensor) -> Tensor:
        """The loss of a batch: clean images to compare, jittered ones for the networks.

        drawn  bool [B] for each of `chances`
        """
        raise NotImplementedError

    def describe(self) -> tuple[str, dict[str, str]]:
        """What the card says of the method: one line, and details."""
        raise NotImplementedError

    def look_at(self, found: Tensor) -> None:
        """`if_nothing`, where the first batch has nothing to learn from: perhaps none has."""
        if not self._looked and not found.any():
            self.if_nothing()
        self._looked = True

    def if_nothing(self) -> None:
        """Raise MdepthError, or say so, where no frame of the label stores can be learned from."""

    def chances(self) -> tuple[float, ...]:
        """Probabilities, drawn for every sample of a step; `loss` gets the results as `drawn`."""
        return ()

    def resting(self) -> Iterable[nn.Module]:
        """Modules that do not learn in this step: no gradient, hence no decay and no moments."""
        return ()

    def validation_loss(self, sample: Sample) -> Tensor:
        """The loss on held-out frames: nothing is drawn, and nothing else is logged."""
        never = torch.zeros(len(sample.K), dtype=torch.bool, device=self.device)
        return self.loss(sample, sample, *[never for _ in self.chances()])

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def save_parts(self, model: Path) -> None:
        """Write what learned beside the network (if anything did), into a file beside the model.

        It is not deployed, but a later stage begins with it.
        """
        if parts := self._parts():
            save_file({k: v.contiguous() for k, v in parts.items()}, parts_file(model))

    def load_parts(self, model: Path) -> None:
        """Begin with what `save_parts` left beside a model; nothing there is fine.

        Raises MdepthError where it is of other parts than those of this method.
        """
        file = parts_file(model)
        if not file.exists():
            return
        own = self._parts()
        try:
            given = load_file(file)
        except (OSError, SafetensorError) as error:
            raise MdepthError(f'{file} cannot be read: {str(error).splitlines()[0]}') from None
        fitting = given.keys() == own.keys() and all(given[k].shape == own[k].shape for k in own)
        if own and not fitting:
            raise MdepthError(
                f'{file} was learned with other settings of the method: give a model without it, '
                'or the settings of its experiment.yaml'
            )
        self.load_state_dict({k: given[k] for k in own}, strict=False)

    def _parts(self) -> dict[str, Tensor]:
        state = self.state_dict()
        return {k: v for k, v in state.items() if not k.startswith(self.not_parts)}

    @property
    def stage(self) -> int:
        """The stage of this step, from 0."""
        return self.timetable.stage(self.step)

    def begun(self, name: str) -> bool:
        """Whether the stage of this setting has begun."""
        starts = dict(zip(self.settings.stages, self.timetable.stages, strict=True))
        return self.step >= starts[name]

    @property
    def watched(self) -> bool:
        """Whether this step is logged."""
        return self.training and (self.step + 1) % WATCH_EVERY == 0

    @property
    def pictured(self) -> bool:
        """Whether this step leaves pictures."""
        every = self.shared.images_every
        return self.training and every > 0 and (self.step + 1) % every == 0

    def log(self, values: Mapping[str, float | Tensor]) -> None:
        """Note scalars of this step."""
        self.logged.update(values)

    def forward(self, sample: Sample, part: int = 0) -> Tensor:
        """The loss of one of the batches of this step, on its device; `part` is its number.

        All random numbers follow from the seed, the step and the part.
        """
        shared = self.shared
        if missing := set(self.settings.labels) - sample.labels.keys():
            raise MdepthError(
                f'{self.settings.name} learns from the labels {", ".join(sorted(missing))}, '
                'which the data does not have: make them first'
            )
        torch.manual_seed(shared.seed * 1_000_003 + self.step * shared.accumulate + part)
        sample, jittered, drawn = augmented(
            sample, shared, self.chances(), self.process, self.layout
        )
        self.pictures = None
        self.logged = {}
        return self.loss(sample, jittered, *drawn)

    def rest(self) -> None:
        """Drop the gradients of the modules that rest in this step."""
        for module in self.resting():
            for parameter in module.parameters():
                parameter.grad = None

    def optimizer(self) -> torch.optim.Adam:
        """Adam with betas (0.9, 0.999) at the rate of the first step."""
        groups = parameter_groups(self, self.shared.weight_decay)
        rate = self.shared.learning_rate * self.timetable.rate(0)
        return torch.optim.Adam(groups, lr=rate)


def parts_file(model: Path) -> Path:
    """Where the parts of a method lie whose model lies there."""
    return model.with_suffix('.parts.safetensors')
