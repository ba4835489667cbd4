# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive: one continuous recording of one camera, as image files that nothing has decoded yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Mask
from mdepth_ros.geometry import Camera


@dataclass(frozen=True, eq=False)
class StereoCamera:
    """The other camera of a stereo pair.

    images             one for each image of the drive; a file that is not there costs its triplet
    camera             of the files as they are
    T_stereo_current  [4, 4] float64, metres: maps points of the drive's camera into this one
    """

    images: Sequence[Path]
    camera: Camera
    T_stereo_current: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drive:
    """One continuous recording of one camera, in time order.

    name      what to call it in a table
    images    the files
    stamps    ns, one for each image, growing
    camera    of the files as they are: any size, perhaps distorted
    centres   indices of `images` that may be the middle of a triplet (what a split list names);
              None: all of them, and frames of a standing camera may be left out
    stereo    the second camera
    mask      of the files as they are: what is never learned from
    kept_rows the upper share of the rectified image that is used; below it is the vehicle itself
    """

    name: str
    images: Sequence[Path]
    stamps: Sequence[int]
    camera: Camera
    centres: Sequence[int] | None = None
    stereo: StereoCamera | None = None
    kept_rows: float = 1.0
    mask: Mask | None = None
