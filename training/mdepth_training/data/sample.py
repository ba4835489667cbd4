# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one typed sample that every kind of data delivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from mdepth_ros.geometry import Camera


class Key(NamedTuple):
    """Which frame of which drive it is: number among the drive's images, and stamp in ns."""

    drive: str
    frame: int
    stamp: int


@dataclass(frozen=True)
class Sample:
    """A batch of triplets of one camera each, perhaps of a stereo pair.

    previous, current, following  images [B, 3, H, W] RGB: uint8 from the loaders (a quarter of the
                                  traffic), float32 0..1 after `on`
    K                             camera matrices [B, 3, 3] float32 of images of this size
    stereo                        the other camera's image at the time of current, sampled so that
                                  it has the same K; None where there is no stereo
    T_stereo_current              [B, 4, 4] float32, metres: maps points of the current camera
                                  into the other
    usable                        [B, 1, H, W] bool: which pixels may be learned from; None: all
    keys                          of the current frames, one for each sample
    labels                        named maps [B, C, H, W] of the current frames; those that are
                                  `flows` are (x, y) in pixels of this size
    source                        name of the one that all are from, where the data is mixed
    """

    previous: Tensor
    current: Tensor
    following: Tensor
    K: Tensor
    stereo: Tensor | None = None
    T_stereo_current: Tensor | None = None
    usable: Tensor | None = None
    keys: tuple[Key, ...] = ()
    labels: dict[str, Tensor] = field(default_factory=dict)
    flows: tuple[str, ...] = ()
    source: str = ''

    def on(self, device: torch.device | str) -> Sample:
        """Return the batch on a device, its images as float32 in 0..1."""

        def prepared(tensor: Tensor) -> Tensor:
            return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor

        ready = self.to(device)
        return replace(ready._map(prepared), labels=ready.labels)

    def to(self, device: torch.device | str) -> Sample:
        """Return the batch on a device as it is; does not wait for memory that is pinned."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Sample:
        """Return the batch in page-locked memory; DataLoader asks for it by this name."""
        return self._map(lambda tensor: tensor.pin_memory())

    def tensors(self) -> dict[str, Tensor]:
        """All that is there by its name, without the labels."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def _map(self, change: Callable[[Tensor], Tensor]) -> Sample:
        labels = {name: change(label) for name, label in self.labels.items()}
        changed: dict[str, Any] = {k: change(v) for k, v in self.tensors().items()}
        return replace(self, **changed, labels=labels)


def joined(samples: Sequence[Sample], order: Tensor) -> Sample:
    """Several batches without labels as one: sample i is the one at order[i] of all in a row."""
    if any(sample.usable is not None for sample in samples):
        samples = [
            replace(s, usable=torch.ones_like(s.current[:, :1], dtype=torch.bool))
            if s.usable is None
            else s
            for s in samples
        ]
    every = [sample.tensors() for sample in samples]
    made: dict[str, Any] = {n: torch.cat([each[n] for each in every])[order] for n in every[0]}
    keys = [key for sample in samples for key in sample.keys]
    return Sample(**made, keys=tuple(keys[place] for place in order.tolist()))


class Frames(NamedTuple):
    """All frames of a drive: stamps (ns), and the view that samples show of them.

    view    fx/W, fy/H, (cx+.5)/W, (cy+.5)/H
    camera  of the images as they are
    images  their files; none where they are rendered
    """

    stamps: Sequence[int]
    view: tuple[float, float, float, float]
    camera: Camera
    images: Sequence[Path] = ()


def shuffled(length: int, epoch: int, seed: int) -> Tensor:
    """The indices [length] of an epoch, by chance."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(length, generator=generator)


class TripletSource(Protocol):
    """A fixed number of triplets, taken by index.

    frame_interval  seconds from one frame of a triplet to the next
    camera          fx/W, fy/H, (cx+.5)/W, (cy+.5)/H of the typical camera, as a card says it
    """

    frame_interval: float
    camera: tuple[float, float, float, float]

    @property
    def description(self) -> str:
        """What the card says about the data."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices as uint8; runs in the loader's workers."""
        ...

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive, by its name; MdepthError for two drives of one name."""
        ...

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        ...

    def epoch(self, number: int, seed: int) -> Tensor:
        """The indices of epoch `number` [len(self)], in the order in which they come."""
        return shuffled(len(self), number, seed)

    def parts(self) -> list[tuple[int, int]]:
        """First index and length of each of the sources of which it is made."""
        return [(0, len(self))]

    def damage(self) -> list[str]:
        """Lines about images that could not be read so far."""
        return []
