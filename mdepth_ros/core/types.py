# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every source delivers and the step takes: one image with its stamp and its camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to load, and a bag player has no use for it
    from mdepth_ros.geometry import Camera


class Levels(NamedTuple):
    """Which intensities of a camera become 0 to 255: from `lowest`, the uppermost 8 of `bits`."""

    lowest: int = 0
    bits: int = 8

    @property
    def highest(self) -> int:
        """The largest intensity that is told apart from larger ones."""
        return self.lowest + (1 << self.bits) - 1


EIGHT = Levels()


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the camera.

    stamp     time of exposure in nanoseconds (the header's stamp, never the time of arrival)
    image     RGB uint8 [H, W, 3], as it arrived (not rectified); a view where possible
    camera    the camera that took it: its width and height are the image's
    frame_id  the optical frame (REP-103: z forward, x right, y down)
    speeds    (stamp in ns, m/s) of the vehicle that became known since the frame before; they may
              be older than the image, and younger
    levels    what the camera's intensities became in the image
    """

    stamp: int
    image: NDArray[np.uint8]
    camera: Camera
    frame_id: str = 'camera_optical_frame'
    speeds: tuple[tuple[int, float], ...] = ()
    levels: Levels = EIGHT

    def as_dark_as(self, other: Frame) -> Frame:
        """The frame with the levels of a later one, which may have found that more are used."""
        levels = other.levels
        if self.levels.bits >= levels.bits:
            return self
        intensity = (self.image.astype(np.int32) << (self.levels.bits - 8)) + self.levels.lowest
        image = np.clip((intensity - levels.lowest) >> (levels.bits - 8), 0, 255)
        return replace(self, image=image.astype(np.uint8), levels=levels)
