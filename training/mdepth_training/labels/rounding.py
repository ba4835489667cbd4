# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps as whole numbers of steps, perhaps at a part of their size: what `Kind.step` stores.

Half of the bits of a predicted depth or flow are noise below what anybody reads of it, and noise
is what no compressor makes smaller.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_training.labels.kind import BEYOND, UNKNOWN, Array, Kind

EDGE = 4
"""Steps between a mean and the nearest pixel from which on an edge is there, and is kept."""


def to_steps(array: Array, kind: Kind) -> NDArray[np.int16]:
    """A map [C, H, W] -> its steps [C, h, w]; of a depth those of its log2."""
    value = array.astype(np.float32)
    value = np.log2(value) if kind.what == 'depth' else value
    value /= kind.step
    if kind.shrink > 1:
        rows, columns = kind.stored_shape[1:]
        cells = value.reshape(-1, rows, kind.shrink, columns, kind.shrink)
        with np.errstate(invalid='ignore'):
            value = _kept_edges(cells.mean((2, 4)), cells[:, :, 0, :, 0])
    value = np.nan_to_num(np.rint(value), nan=UNKNOWN, posinf=BEYOND)
    steps: NDArray[np.int16] = value.astype('<i2')
    return steps


def from_steps(steps: NDArray[np.int16], kind: Kind) -> Array:
    """The map [C, H, W] of its steps [C, h, w], linear between them but for edges."""
    value = steps.astype(np.float32)
    value[steps == UNKNOWN] = np.nan
    value[steps == BEYOND] = np.inf
    if kind.shrink > 1:
        height, width = kind.size
        linear = [cv2.resize(v, (width, height), interpolation=cv2.INTER_LINEAR) for v in value]
        nearest = value.repeat(kind.shrink, 1).repeat(kind.shrink, 2)
        with np.errstate(invalid='ignore'):
            value = _kept_edges(np.stack(linear), nearest)
    value *= kind.step
    if kind.what == 'depth':
        finite = np.isfinite(value)  # the largest number of the type may have been rounded up
        value = np.exp2(value)
        np.minimum(value, np.finfo(kind.dtype).max, out=value, where=finite)
    array: Array = value.astype(kind.dtype)
    return array


def _kept_edges(mean: NDArray[Any], nearest: NDArray[Any]) -> NDArray[Any]:
    """Means, but the nearest where they differ much: nothing hangs between two surfaces."""
    return np.where(np.abs(mean - nearest) < EDGE, mean, nearest)
