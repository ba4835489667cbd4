# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""cv_bridge: it decodes the image encodings for which images.py has no quicker way.

Its conversions end the interpreter, without an exception, where NumPy 2 meets a cv_bridge that was
built on NumPy 1 (ros-perception/vision_opencv#535). So it is tried in another process first.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import STANDALONE
from mdepth_ros.sources.stored import first_line

TIMEOUT = 60.0  # s
TRIAL = """
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
image = Image(height=1, width=2, encoding='mono8', step=2, data=b'ab')
assert CvBridge().imgmsg_to_cv2(image, 'rgb8').shape == (1, 2, 3)
"""


class BridgeError(MdepthError):
    """An image that cv_bridge does not decode."""


@functools.lru_cache(maxsize=1)
def bridge_problem() -> str:
    """Why cv_bridge cannot be used here; '' where it can.

    The first call may take seconds: make it before images come.
    """
    if STANDALONE:
        return ''  # pure Python
    command = [sys.executable, '-c', TRIAL]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f'cv_bridge cannot be tried ({first_line(error)})'
    if done.returncode == 0:
        return ''
    if done.returncode < 0:
        return (
            f"cv_bridge is not built for NumPy {np.__version__}: pip install 'numpy<2', or "
            'build vision_opencv with this NumPy'
        )
    said = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
    return f'cv_bridge does not work ({said}): install ros-$ROS_DISTRO-cv-bridge'


def decoded(message: Any) -> NDArray[Any]:
    """Pixels of an Image, uint8 or uint16: grey [H, W] or RGB [H, W, 3].

    An encoding without colours, such as 32FC3, is read as OpenCV's imshow reads it: channels are
    B, G, R and perhaps alpha; floats run from 0 to 1, whole numbers from 0 up.

    Raises BridgeError for what cannot be decoded, and for numbers outside of these ranges.
    """
    name = message.encoding
    if problem := bridge_problem():
        raise BridgeError(f'image encoding {name!r} needs cv_bridge, but {problem}')
    from cv_bridge import CvBridge, CvBridgeError

    bridge = CvBridge()
    try:
        try:
            return np.asarray(bridge.imgmsg_to_cv2(message, 'rgb8'))
        except CvBridgeError:  # no colours
            pixels = np.asarray(bridge.imgmsg_to_cv2(message))
    except Exception as error:  # of NumPy and C++, such as too little data
        reason = first_line(error)
        raise BridgeError(f'image encoding {name!r} is not decoded: {reason}') from error
    if pixels.ndim == 2:
        return _unsigned(pixels, name)
    if pixels.shape[2] not in (3, 4):
        raise BridgeError(
            f'{name!r} is no encoding of a picture: it has {pixels.shape[2]} channels'
        )
    return np.ascontiguousarray(_unsigned(pixels, name)[..., 2::-1])


def _unsigned(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Numbers of any type as uint8, or as uint16 where 8 bits may be too few."""
    low, high = float(pixels.min()), float(pixels.max())
    is_float = pixels.dtype.kind == 'f'
    largest = 1 if is_float else 65535
    if not 0 <= low <= high <= largest:  # NaN is outside too
        raise BridgeError(
            f'an image of encoding {name} has values from {low:g} to {high:g}, not within 0 to '
            f'{largest}: if it is depth, choose a topic of images'
        )
    if is_float:
        return np.asarray(np.rint(255 * pixels), np.uint8)
    return np.asarray(pixels, np.uint8 if pixels.dtype.itemsize == 1 else np.uint16)
