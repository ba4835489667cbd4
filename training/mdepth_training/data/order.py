# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The order in which triplets come, and the loader that fetches them ahead of the device."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample, TripletSource, shuffled


class StepOrder:
    """Endless lists of indices; what step n sees depends on the seed and on n alone.

    That makes a run that was interrupted and resumed equal to one that was not: `first` is the
    step that the iteration begins with. `epoch` says the order of each epoch (TripletSource.epoch;
    None: a permutation), whose last incomplete batch is left out. Several ranks share it: step n
    of R ranks with batches of B is step n of one rank with batches of R*B, cut into R parts.

    Raises MdepthError where the triplets do not fill one batch.
    """

    def __init__(
        self,
        source_length: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        epoch: Callable[[int, int], Tensor] | None = None,
    ) -> None:
        if source_length < batch_size * ranks:
            raise MdepthError(
                f'{source_length} triplets do not fill a batch of {batch_size * ranks}: '
                'lower training.batch_size, or give more data'
            )
        self.source_length, self.batch_size, self.seed = source_length, batch_size, seed
        self.first, self.rank, self.ranks = 0, rank, ranks
        self._epoch = epoch or partial(shuffled, source_length)
        self._latest = -1, torch.empty(0)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass over the data."""
        return self.source_length // (self.batch_size * self.ranks)

    def indices(self, step: int) -> list[int]:
        """Return what step `step` sees."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = (position * self.ranks + self.rank) * self.batch_size
        return self._permutation(epoch)[start : start + self.batch_size].tolist()

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.indices, count(self.first))

    def _permutation(self, epoch: int) -> Tensor:
        if self._latest[0] != epoch:
            self._latest = epoch, self._epoch(epoch, self.seed)
        return self._latest[1]


class _Batches(Dataset[Sample]):
    """A TripletSource as a DataLoader likes it: the whole list of a batch in one call."""

    def __init__(self, source: TripletSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: Sequence[int]) -> Sample:
        return self.source.batch(indices)


def make_loader(
    source: TripletSource, order: Iterable[list[int]], workers: int
) -> DataLoader[Sample]:
    """Samples in the order of `order`, made by `workers` processes (0: in this one).

    With a StepOrder the loader has no end and no length. Each worker is single-threaded: their
    number is the number of cores they take. Memory is pinned where there is a CUDA device.
    """
    return DataLoader(
        _Batches(source),
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,  # type: ignore[arg-type]  # a batch comes whole
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        worker_init_fn=_single_threaded,
    )


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what a process of a loader has to say as it is: one line, not with its traceback."""
    try:
        yield
    except MdepthError as error:
        if not str(error).startswith('Caught '):
            raise
        raise MdepthError(str(error).rstrip().splitlines()[-1].partition(': ')[2]) from None


def _as_it_is(sample: Sample) -> Sample:
    return sample


def _single_threaded(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    # Ctrl-C goes to all processes of a terminal, SIGTERM to all of a service: the one that learns
    # decides what they mean. These end with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@atexit.register
def _end_workers() -> None:
    """End the loader's processes that an error has kept alive.

    At its end Python asks its daemons to end by SIGTERM, which these ignore, and waits for them.
    """
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()
