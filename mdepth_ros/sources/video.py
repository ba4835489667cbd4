# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A video file as a stream of frames: time stamps from its frame rate, intrinsics from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import ImageSource, Item
from mdepth_ros.sources.intrinsics import ACCEPTED, Intrinsics
from mdepth_ros.sources.picture_header import size_problem

SUFFIXES = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg'}


class VideoSource(ImageSource):
    """A video that OpenCV can read; the first frame has the time stamp 0.

    rate  frames per second where the file does not say or says it wrongly
    """

    one_at_a_time = True

    def __init__(
        self,
        path: Path,
        *,
        intrinsics: Intrinsics | None,
        rate: float | None = None,
        rectified: bool | None = None,
        start: float = 0.0,
        frames: int | None = None,
    ) -> None:
        if intrinsics is None:
            raise MdepthError(
                f'{path} is a video and says nothing about its camera: '
                f'add --intrinsics with {ACCEPTED}'
            )
        video = cv2.VideoCapture(str(path))
        try:
            if not video.isOpened():
                raise MdepthError(f'cannot read {path} as a video: convert it to MP4 (H.264)')
            fps = rate or float(video.get(cv2.CAP_PROP_FPS))
            count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            size = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        finally:
            video.release()
        if size[0] > 0 and (problem := size_problem(int(size[0]), int(size[1]))):
            raise MdepthError(f'{path}: {problem}')
        if not 0.1 <= fps <= 1000:
            raise MdepthError(f'{path} does not say its frame rate: add --rate')
        self._path = path
        self._fps = fps
        self._intrinsics = replace(intrinsics, rectified=bool(rectified))
        super().__init__(path.name, total=count if count > 0 else None, start=start, frames=frames)

    def items(self) -> Iterator[Item]:
        """Yield the images; each is decoded by the video at its turn, see ImageSource."""
        video = cv2.VideoCapture(str(self._path))
        camera = self._intrinsics.for_images()
        count = 0
        try:
            while video.grab():
                stamp = round(count * 1e9 / self._fps)
                yield Item(stamp, lambda: _decode(video), camera)
                count += 1
        finally:
            video.release()


def _decode(video: cv2.VideoCapture) -> NDArray[np.uint8]:
    good, image = video.retrieve()
    if not good:
        raise MdepthError('the video decoder refused it')
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
