# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one label of a store is: its meaning, size and numbers, and which maps it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LARGEST_IMAGE

Array = NDArray[Any]
DTYPES = {
    'depth': ('float16', 'float32'),
    'flow': ('float16', 'float32'),
    'value': ('float16', 'float32', 'uint8'),
    'mask': ('bool',),
    'ids': ('int16', 'int32', 'uint8'),
}
"""Meanings, and the types of numbers each may have; the first is the default."""
_NAME = re.compile('[a-z][a-z0-9_]{0,63}')


@dataclass(frozen=True)
class Kind:
    """One label.

    what         depth: along z, positive, +Inf beyond range. flow: (x, y) in pixels of this size.
                 mask. ids: of instances, 0 is none. value: anything else, such as a score, a
                 probability or a disparity. It decides how a map is resampled, flipped and drawn
    size         height and width; the map shows the same view as the network's input, at any
                 size. (1, 1) is a vector of the frame
    channels     2 for a flow
    dtype        of the file; '' is the usual one (DTYPES). NaN is unknown
    description  for a person: what it shows, its unit

    Raises MdepthError where these do not go together.
    """

    what: str
    size: tuple[int, int]
    channels: int = 0
    dtype: str = ''
    description: str = ''

    def __post_init__(self) -> None:
        if self.what not in DTYPES:
            raise MdepthError(f'no label is a {self.what}: give one of {", ".join(DTYPES)}')
        usual = 2 if self.what == 'flow' else 1
        object.__setattr__(self, 'size', tuple(self.size))
        object.__setattr__(self, 'channels', self.channels or usual)
        object.__setattr__(self, 'dtype', self.dtype or DTYPES[self.what][0])
        if self.dtype not in DTYPES[self.what]:
            raise MdepthError(f'a {self.what} of {self.dtype}: give {DTYPES[self.what]}')
        if self.what == 'flow' and self.channels != 2:
            raise MdepthError(f'a flow has 2 channels, not {self.channels}')
        sides = self.shape
        if len(sides) != 3 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise MdepthError(f'no map is of shape {sides}: give channels, height and width')
        if float(sides[0]) * sides[1] * sides[2] > LARGEST_IMAGE:
            raise MdepthError(f'a map of shape {sides} is too large')

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        return (self.channels, *self.size)

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of the numbers in the file, little-endian."""
        return np.dtype(self.dtype).newbyteorder('<')

    @property
    def unknown(self) -> float | int | bool:
        """What a map that was never written is full of."""
        return {'f': float('nan'), 'b': False}.get(np.dtype(self.dtype).kind, 0)

    def checked(self, name: str, given: Array | Tensor) -> Array:
        """Return a map [C, H, W], or [H, W] of one channel, as it is stored.

        Raises MdepthError for another shape, and for numbers that the type or the meaning does
        not have: nothing is clamped.
        """
        if isinstance(given, Tensor):
            given = given.detach().cpu()
            given = (given.float() if given.dtype == torch.bfloat16 else given).numpy()
        array = given[None] if given.ndim == 2 else given
        if array.shape != self.shape:
            raise MdepthError(f'{name} is of shape {given.shape}, not {self.shape}')
        kind = np.dtype(self.dtype).kind
        if kind != 'f' and array.dtype.kind not in 'bui':
            raise MdepthError(f'{name} is of {array.dtype}, which is no {self.dtype}')
        with np.errstate(over='ignore', invalid='ignore'):
            stored = array.astype(self.stored)
        lost = stored != array if kind != 'f' else np.isinf(stored) & ~np.isinf(array)
        if lost.any():
            worst = array[lost][np.abs(array[lost].astype(np.float64)).argmax()]
            mend = 'make it NaN (unknown), or choose' if kind == 'f' else 'choose'
            raise MdepthError(
                f'{name} holds {worst}, too large for {self.dtype}: {mend} another unit or type'
            )
        if self.what == 'depth' and (stored <= 0).any():
            raise MdepthError(f'{name} holds depths that are not positive: NaN is unknown')
        if self.what != 'depth' and kind == 'f' and np.isinf(stored).any():
            raise MdepthError(f'{name} holds infinite numbers: NaN is unknown')
        return stored


def check_kinds(kinds: dict[str, Kind]) -> None:
    """Raise MdepthError for no kinds, and for names that are not small letters, digits and _."""
    wrong = [name for name in kinds if not _NAME.fullmatch(name) or name == 'stamp']
    if wrong or not kinds:
        raise MdepthError(f'no name of a label: {wrong}: use small letters, digits and _')
