# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one typed sample that every kind of data delivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor


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
    keys                          of the current frames, one for each sample
    labels                        named maps [B, C, H, W] of the current frames, as they are stored
    """

    previous: Tensor
    current: Tensor
    following: Tensor
    K: Tensor
    stereo: Tensor | None = None
    T_stereo_current: Tensor | None = None
    keys: tuple[Key, ...] = ()
    labels: dict[str, Tensor] = field(default_factory=dict)

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


class TripletSource(Protocol):
    """A fixed number of triplets, taken by index."""

    @property
    def frame_interval(self) -> float:
        """Seconds from one frame of a triplet to the next."""
        ...

    @property
    def camera(self) -> tuple[float, float, float, float]:
        """fx/W, fy/H, (cx+.5)/W, (cy+.5)/H of the typical camera, as a card says it."""
        ...

    @property
    def description(self) -> str:
        """What the card says about the data."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices as uint8; runs in the loader's workers."""
        ...
