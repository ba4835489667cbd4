# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The other camera of a stereo pair in a bag: where it sits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import FARTHEST_CAMERA

if TYPE_CHECKING:
    from mdepth_ros.report.bags import Bag
    from mdepth_ros.sources.bag import BagSource


def stereo_transform(recording: Path, current: BagSource, other: BagSource) -> NDArray[np.float64]:
    """T_stereo_current [4, 4] in metres between the rectified cameras of two topics of a bag.

    From the fourth column of the projections P, as stereo calibration writes it (CameraInfo.msg:
    P[3] = -fx * baseline), else from /tf_static. Raises MdepthError where neither says it.
    """
    from mdepth_ros.report.bags import Bag  # bags need the messages of ROS 2

    bag = Bag(recording)
    infos = [_info(bag, source.info_topic) for source in (current, other)]
    (P_current, R_current), (P_other, R_other) = infos
    T = np.eye(4)
    if np.any(P_current[:2, 3] != P_other[:2, 3]):
        for axis in (0, 1):
            T[axis, 3] = (
                P_other[axis, 3] / P_other[axis, axis] - P_current[axis, 3] / P_current[axis, axis]
            )
        if not np.abs(T).max() <= FARTHEST_CAMERA:
            raise MdepthError(
                f'the projections P put {other.topic} {np.linalg.norm(T[:3, 3]):g} m away, '
                'which cannot be: calibrate the pair again'
            )
        return T
    found = current.extrinsics.lookup(other.frame_id, current.frame_id)
    if found is None or not np.any(found[:3, 3]):
        raise MdepthError(
            f'nothing says where {other.topic} is: the projections P of both camera_info have '
            f'the same fourth column, and /tf_static does not connect {other.frame_id!r} with '
            f'{current.frame_id!r}'
        )
    return np.asarray(R_other @ found @ R_current.T)


def _info(bag: Bag, topic: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P [3, 4] and R [4, 4] of a camera_info, those of a rectified camera where it has none."""
    message: Any = bag.first(topic) if topic is not None else None
    P, R = np.eye(3, 4), np.eye(4)
    if message is not None and message.p[0] and message.p[5]:
        P = np.array(message.p, float).reshape(3, 4)
    if message is not None and any(message.r):
        R[:3, :3] = np.reshape(message.r, (3, 3))
    return P, R
