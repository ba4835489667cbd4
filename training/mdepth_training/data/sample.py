# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one typed sample that every kind of data delivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """A batch of triplets of one camera each, perhaps with its stereo partner.

    previous, current, following  images [B, 3, H, W] RGB: uint8 from the loaders (a quarter of the
                                  traffic), float32 0..1 after `on`
    K                             camera matrices [B, 3, 3] float32 of images of this size
    partner                       the other camera's image at the time of current, sampled so that
                                  it has the same K; None where there is no stereo
    T_partner_current             [B, 4, 4] float32, metres: maps points of the current camera
                                  into the partner's
    """

    previous: Tensor
    current: Tensor
    following: Tensor
    K: Tensor
    partner: Tensor | None = None
    T_partner_current: Tensor | None = None

    def on(self, device: torch.device | str) -> Sample:
        """Return the batch on a device, its images as float32 in 0..1."""

        def prepared(tensor: Tensor) -> Tensor:
            return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor

        return self.to(device)._map(prepared)

    def to(self, device: torch.device | str) -> Sample:
        """Return the batch on a device as it is; does not wait for memory that is pinned."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Sample:
        """Return the batch in page-locked memory; DataLoader asks for it by this name."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> Sample:
        tensors = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(self, **{k: change(v) for k, v in tensors.items() if v is not None})


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
