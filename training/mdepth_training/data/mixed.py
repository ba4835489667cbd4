# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several sources in one run, by weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Frames, Key, Sample, TripletSource, joined


class Mixed(TripletSource):
    """Several sources as one; each sample keeps the camera of its own.

    sources  by name
    weights  of each source: how much of what is learned comes from it
    camera   normalised intrinsics that the model is for
    """

    def __init__(
        self,
        sources: Mapping[str, TripletSource],
        weights: Sequence[float],
        camera: tuple[float, float, float, float],
    ) -> None:
        self.names, self.sources = list(sources), list(sources.values())
        self.camera, self.frame_interval = camera, self.sources[0].frame_interval
        self._first = np.cumsum([0, *map(len, self.sources)])
        self._shares = np.cumsum(weights) / np.sum(weights)

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def description(self) -> str:
        """What a model's card says about the data."""
        shares = zip(np.diff(self._shares, prepend=0), self.sources, strict=True)
        return '; '.join(f'{share:.0%} of {source.description}' for share, source in shares)

    def epoch(self, number: int, seed: int) -> Tensor:
        """The indices [len(self)] of epoch `number`, drawn by weight.

        Each source goes on in its own permutations where the epoch before ended, so all its
        triplets come equally often.
        """
        ends = [0, *np.rint(self._shares * len(self)).astype(int).tolist()]
        drawn = []
        for place, source in enumerate(self.sources):
            count, length = ends[place + 1] - ends[place], len(source)
            which = number * count + torch.arange(count)
            rounds = torch.stack(
                [
                    torch.randperm(length, generator=_generator(seed, place, turn))
                    for turn in range(number * count // length, (number + 1) * count // length + 1)
                ]
            )
            chosen = rounds[which // length - number * count // length, which % length]
            drawn.append(chosen + int(self._first[place]))
        shuffled = torch.randperm(len(self), generator=_generator(seed, -1, number))
        return torch.cat(drawn)[shuffled]

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices (see TripletSource)."""
        index = np.asarray(indices)
        owner = np.searchsorted(self._first, index, 'right') - 1
        places = [np.flatnonzero(owner == number) for number in range(len(self.sources))]
        samples = [
            source.batch((index[mine] - first).tolist())
            for source, mine, first in zip(self.sources, places, self._first, strict=False)
            if len(mine)
        ]
        if len(samples) == 1:
            return replace(samples[0], source=self.names[owner[0]])
        return joined(samples, torch.from_numpy(np.argsort(np.concatenate(places))))

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive; MdepthError for two of one name."""
        frames: dict[str, Frames] = {}
        for source in self.sources:
            own = source.drive_frames()
            if twice := frames.keys() & own.keys():
                raise MdepthError(
                    f'two sources of data.sources have a drive {min(twice)}: rename the folder of '
                    'one, or give another data.synthetic.first_seed'
                )
            frames |= own
        return frames

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        return [key for source in self.sources for key in source.frame_keys()]

    def parts(self) -> list[tuple[int, int]]:
        """First index and length of each of the sources."""
        return list(zip(self._first[:-1].tolist(), map(len, self.sources), strict=True))

    def damage(self) -> list[str]:
        """Lines about images that could not be read so far."""
        return [line for source in self.sources for line in source.damage()]


def _generator(*numbers: int) -> torch.Generator:
    seed = int(np.random.SeedSequence([number + 1 for number in numbers]).generate_state(1)[0])
    return torch.Generator().manual_seed(seed)
