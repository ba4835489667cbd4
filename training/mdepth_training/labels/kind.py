# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one label of a store is: its meaning, size and numbers, and which maps it takes."""

from __future__ import annotations

import math
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
MOST_STEPS = 15_999
"""How far a number that is stored in steps may be from 0."""
UNKNOWN, BEYOND = -MOST_STEPS - 1, MOST_STEPS + 1
"""What stands for NaN and +Inf among the steps."""
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
    dtype        of what is read; '' is the usual one (DTYPES). NaN is unknown
    description  for a person: what it shows, its unit
    step         of what is not whole: stored in steps of so much; of a depth those of its log2.
                 0: as it is
    shrink       with a step: stored at the size divided by this

    Raises MdepthError where these do not go together.
    """

    what: str
    size: tuple[int, int]
    channels: int = 0
    dtype: str = ''
    description: str = ''
    step: float = 0.0
    shrink: int = 1

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
        if not 0 <= self.step < math.inf or (self.step and np.dtype(self.dtype).kind != 'f'):
            raise MdepthError(f'a {self.what} of {self.dtype} in steps of {self.step}')
        part = isinstance(self.shrink, int) and self.shrink > 0 and (self.step or self.shrink == 1)
        if not part or any(side % self.shrink for side in self.size):
            raise MdepthError(f'a map of {self.size} cannot be stored {self.shrink} times smaller')

    @classmethod
    def rounded(cls, what: str, size: tuple[int, int], description: str = '') -> Kind:
        """A depth or flow as a network says it, without what is noise in it.

        From 512 columns on: depth in steps of 1.1 % (a 64th of an octave), flow of a quarter of a
        pixel, at half the size. Smaller maps: 0.5 % and a 16th, as they are.
        """
        shrink = 2 if size[1] >= 512 and size[0] % 2 == size[1] % 2 == 0 else 1
        step = shrink / 128 if what == 'depth' else shrink**2 / 16
        return cls(what, size, description=description, step=step, shrink=shrink)

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        return (self.channels, *self.size)

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of the numbers in the file, little-endian."""
        return np.dtype('int16' if self.step else self.dtype).newbyteorder('<')

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Channels, height, width in the file."""
        return (self.channels, *(side // self.shrink for side in self.size))

    @property
    def packed(self) -> bool:
        """Whether the file has bits."""
        return self.dtype == 'bool'

    @property
    def unknown(self) -> float | int | bool:
        """What a map that was never written is full of, in its file."""
        if self.step:
            return UNKNOWN
        return {'f': float('nan'), 'b': False}.get(np.dtype(self.dtype).kind, 0)

    def checked(self, name: str, given: Array | Tensor) -> Array:
        """Return a map [C, H, W], or [H, W] of one channel, as it is read again but for `step`.

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
            stored = array.astype(np.dtype(self.dtype).newbyteorder('<'))
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
        if self.step:
            far = np.abs(np.log2(stored) if self.what == 'depth' else stored)
            if (far[np.isfinite(far)] > MOST_STEPS * self.step).any():
                raise MdepthError(f'{name} holds numbers too large for steps of {self.step}')
        return stored


def check_kinds(kinds: dict[str, Kind]) -> None:
    """Raise MdepthError for no kinds, and for names that are not small letters, digits and _."""
    wrong = [name for name in kinds if not _NAME.fullmatch(name) or name == 'stamp']
    if wrong or not kinds:
        raise MdepthError(f'no name of a label: {wrong}: use small letters, digits and _')
