# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.data import Sample, StepOrder, make_loader

from mdepth_ros.errors import MdepthError


class Numbers:
    """Triplets whose images are their own index."""

    frame_interval = 0.1
    camera = (0.58, 1.92, 0.5, 0.5)
    description = 'numbers'

    def __len__(self) -> int:
        return 23

    def batch(self, indices: Sequence[int]) -> Sample:
        image = torch.tensor(indices, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1)
        # What loaders do: something that OpenCV and torch would do with several threads.
        cv2.resize(np.zeros((600, 600), np.uint8), (400, 400))
        torch.rand(300, 300) @ torch.rand(300, 300)
        return Sample(image, image, image, torch.eye(3).expand(len(indices), 3, 3))


def from_step(first: int, made: StepOrder) -> StepOrder:
    made.first = first
    return made


def order(first: int, steps: int, seed: int = 0, **ranks: int) -> list[list[int]]:
    return list(islice(from_step(first, StepOrder(23, 4, seed, **ranks)), steps))


def test_an_epoch_sees_every_triplet_at_most_once() -> None:
    seen = [index for batch in order(0, 5) for index in batch]
    assert len(seen) == len(set(seen)) == 20
    assert order(0, 5) != order(5, 5)  # the next epoch has another order


def test_a_resumed_run_sees_what_the_whole_run_sees() -> None:
    assert order(0, 12)[7:] == order(7, 5)


def test_the_seed_decides_the_order() -> None:
    assert order(0, 5) == order(0, 5) != order(0, 5, seed=1)


def test_two_ranks_share_the_batches_of_one() -> None:
    first, second = order(1, 5, rank=0, ranks=2), order(1, 5, rank=1, ranks=2)
    together = list(islice(from_step(1, StepOrder(23, 8, 0)), 5))
    assert [a + b for a, b in zip(first, second, strict=True)] == together


def test_too_few_triplets_are_named() -> None:
    with pytest.raises(MdepthError, match='23 triplets do not fill a batch of 24'):
        StepOrder(23, 8, 0, ranks=3)


@pytest.mark.parametrize('workers', [0, 2])
def test_workers_deliver_in_order(workers: int) -> None:
    # The parent has used its own threads before: a forked worker must not wait for them.
    cv2.resize(np.zeros((900, 900), np.uint8), (800, 800))
    loader = make_loader(Numbers(), from_step(3, StepOrder(23, 4, 0)), workers)
    seen = [sample.current[:, 0, 0, 0].tolist() for sample in islice(loader, 6)]
    assert seen == order(3, 6)


def test_a_process_of_the_loader_does_not_outlive_the_program() -> None:
    """Not even where an error keeps its iterator, as the debugger and pytest do."""
    code = """
from mdepth_training.data.order import make_loader
class Unreadable:
    def batch(self, indices):
        raise ValueError('nothing here')
iterator = iter(make_loader(Unreadable(), [[0]], 1))
try:
    next(iterator)
except ValueError as error:
    kept = error
print('caught')
"""
    ended = subprocess.run([sys.executable, '-c', code], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, b'caught\n')
