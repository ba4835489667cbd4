# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small pictures, and their messages."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mdepth_ros.ros.conversions import make_header

# isort: split
from sensor_msgs.msg import CompressedImage, Image

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = RGB[..., 1].copy()
HEADER = make_header(5_000_000_007, 'camera_optical_frame')


def message(pixels: np.ndarray, encoding: str, padding: int = 0, big: bool = False) -> Any:
    """An Image whose rows end in `padding` bytes of rubbish."""
    height, width = pixels.shape[:2]
    if pixels.itemsize > 1:
        pixels = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<'))
    rows = np.frombuffer(pixels.tobytes(), np.uint8).reshape(height, -1)
    rows = np.concatenate([rows, np.full((height, padding), 123, np.uint8)], 1)
    return Image(
        header=HEADER,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(big),
        step=rows.shape[1],
        data=rows.tobytes(),
    )


def grey3(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, 2)


ALPHA = np.full((6, 8, 1), 9, np.uint8)
WIDE = RGB.astype(np.uint16) * 256 + 77


def compressed(extension: str, pixels: np.ndarray, format_: str) -> Any:
    data = cv2.imencode(extension, pixels)[1].tobytes()
    return CompressedImage(header=HEADER, format=format_, data=data)
