# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every source delivers and the step takes: one image with its stamp and its camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to load, and a bag player has no use for it
    from mdepth_ros.geometry import Camera


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the camera.

    stamp     time of exposure in nanoseconds (the header's stamp, never the time of arrival)
    image     RGB uint8 [H, W, 3], as it arrived (not rectified); a view where possible
    camera    the camera that took it: its width and height are the image's
    frame_id  the optical frame (REP-103: z forward, x right, y down)
    speeds    (stamp in ns, m/s) of the vehicle that became known since the frame before; they may
              be older than the image, and younger
    bits      of the camera's intensities, the uppermost 8 of which are the image's
    """

    stamp: int
    image: NDArray[np.uint8]
    camera: Camera
    frame_id: str = 'camera_optical_frame'
    speeds: tuple[tuple[int, float], ...] = ()
    bits: int = 8

    def as_dark_as(self, other: Frame) -> Frame:
        """The frame with the gain of a later one, which may have found that more bits are used."""
        if self.bits >= other.bits:
            return self
        image = np.right_shift(self.image, np.uint8(other.bits - self.bits))
        return replace(self, image=image, bits=other.bits)
