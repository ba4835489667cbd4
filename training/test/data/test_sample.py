# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import islice

import torch
from mdepth_training.data import Sample, StepBatches


class Numbers:
    """Triplets whose images are their own index."""

    def __len__(self) -> int:
        return 23

    def batch(self, indices: torch.Tensor) -> Sample:
        image = indices.float()[:, None, None, None]
        return Sample(image, image, image, torch.eye(3).expand(len(indices), 3, 3))


def order(first: int, steps: int, seed: int = 0) -> list[list[float]]:
    batches = StepBatches(Numbers(), 4, seed, lambda: first)
    return [batch.current.flatten().tolist() for batch in islice(batches, steps)]


def test_an_epoch_sees_every_triplet_at_most_once() -> None:
    seen = [index for batch in order(0, 5) for index in batch]
    assert len(seen) == len(set(seen)) == 20
    assert order(0, 5) != order(5, 5)  # the next epoch has another order


def test_a_resumed_run_sees_what_the_whole_run_sees() -> None:
    assert order(0, 12)[7:] == order(7, 5)


def test_the_seed_decides_the_order() -> None:
    assert order(0, 5) == order(0, 5) != order(0, 5, seed=1)
