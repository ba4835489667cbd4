# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one typed sample that every kind of data delivers, and the order they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import IterableDataset


@dataclass(frozen=True)
class Sample:
    """A batch of triplets: images [B, 3, H, W] RGB in 0..1, and the camera matrix [B, 3, 3]."""

    previous: Tensor
    current: Tensor
    following: Tensor
    K: Tensor

    def to(self, device: torch.device) -> Sample:
        """Return the same batch on a device."""
        return Sample(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class TripletSource(Protocol):
    """A fixed number of triplets, taken by index."""

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Sample:
        """Return the triplets of these indices [B]."""
        ...


class StepBatches(IterableDataset[Sample]):
    """Endless batches; what step n sees depends on the seed and on n alone.

    That makes a run that was interrupted and resumed equal to one that was not: the first
    step is asked for when the iteration begins.
    """

    def __init__(
        self, source: TripletSource, batch_size: int, seed: int, first_step: Callable[[], int]
    ) -> None:
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.first_step = first_step

    def __iter__(self) -> Iterator[Sample]:
        per_epoch = len(self.source) // self.batch_size
        epoch_of_order, order = -1, torch.empty(0)
        for step in count(self.first_step()):
            epoch, position = divmod(step, per_epoch)
            if epoch != epoch_of_order:
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                order, epoch_of_order = (
                    torch.randperm(len(self.source), generator=generator),
                    epoch,
                )
            yield self.source.batch(order[position * self.batch_size :][: self.batch_size])
