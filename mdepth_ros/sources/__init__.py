# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as streams of frames: bags, videos, image folders, KITTI; guessed from the path.

Importing this package does not load torch: it takes seconds, and a bag player has no use for it.
"""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.sources.base import ImageSource, RawMessage, StaticTransforms
from mdepth_ros.sources.intrinsics import Intrinsics, read_intrinsics
from mdepth_ros.sources.recording import Recording, is_recording

__all__ = [
    'ImageSource',
    'Intrinsics',
    'RawMessage',
    'Recording',
    'StaticTransforms',
    'open_source',
    'read_intrinsics',
]

ACCEPTED = (
    'a ROS 2 bag (folder, .mcap, .db3), a ROS 1 .bag, a video, a folder of images, '
    'a KITTI raw drive or a KITTI odometry sequence'
)


def open_source(
    path: str | Path,
    *,
    topic: str | None = None,
    camera_info: str | None = None,
    intrinsics: str | Path | None = None,
    speed: str | None = None,
    rate: float | None = None,
    rectified: bool | None = None,
    mask: Path | None = None,
    start: float = 0.0,
    frames: int | None = None,
) -> ImageSource:
    """Open a recording by what its path looks like (see ACCEPTED).

    topic        camera topic of a bag; image folder of KITTI
    camera_info  camera_info topic of a bag
    intrinsics   see `read_intrinsics`; wins over what the recording says
    speed        topic of the vehicle's speed in a bag
    rate         frames per second of a video or folder that does not say
    rectified    whether the images are rectified already, so that of the calibration only P, else
                 K, holds; None: the name of a topic tells, and other images are as their
                 calibration says
    mask         file of what is never used of the images, see `read_mask`; None: what the
                 recording says
    start        seconds after the first image at which to begin
    frames       how many frames to deliver at most

    Raises MdepthError where there is nothing, nothing known, or something is missing.
    """
    from mdepth_ros.sources import folder, kitti, video
    from mdepth_ros.sources.bag import BagSource
    from mdepth_ros.sources.mask import read_mask

    path = Path(path)
    if not path.exists():
        raise MdepthError(f'no such recording: {path}')
    if rate is not None and not 0.1 <= rate <= 1000:
        raise MdepthError(f'{rate:g} frames per second: give a --rate from 0.1 to 1000')
    if not 0 <= start <= LATEST_STAMP / 1e9:
        raise MdepthError(f'a start at {start:g} s: give --start in seconds after the first image')
    given = read_intrinsics(intrinsics) if intrinsics is not None else None
    source: ImageSource
    if is_recording(path):
        source = BagSource(path, topic, camera_info, speed, given, rectified)
    elif path.is_file() and path.suffix.lower() in video.SUFFIXES:
        source = video.VideoSource(path, rate, given, bool(rectified))
    elif path.is_dir() and (kitti.find_raw_drive(path) or kitti.is_odometry(path)):
        source = kitti.KittiSource(path, topic, given, bool(rectified))
    elif path.is_dir() and folder.has_images(path):
        source = folder.FolderSource(path, rate, given, bool(rectified))
    else:
        raise MdepthError(f'cannot tell what {path} is: give {ACCEPTED}')
    if mask is not None:
        source.mask = read_mask(mask)
    source.select(start, frames)
    return source
