# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A video file as a stream of frames: stamps from the times in the file, intrinsics from outside.

The first image has the stamp 0, each other one its time in the file less that of the first: phones
and dashcams change their rate with the light, so that counting images would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import ImageSource, Item, Losses
from mdepth_ros.sources.intrinsics import ACCEPTED, Intrinsics
from mdepth_ros.sources.picture_header import size_problem

# These containers hold the number of their images; that of others is a guess of the decoder.
COUNTED = {'.mp4', '.m4v', '.mov', '.3gp', '.3g2', '.avi'}
# Without a container there is no time, and the decoder makes up 25 images per second.
BARE = {'.h264', '.264', '.h265', '.265', '.hevc', '.mjpg', '.mjpeg'}
SUFFIXES = {
    *COUNTED, *BARE, '.mkv', '.webm', '.mpg', '.mpeg', '.ts', '.mts', '.m2ts', '.wmv', '.asf',
    '.flv', '.ogv',
}  # fmt: skip
PROBED = 250  # images at most, until two have different times
STANDING = 10  # images that are the same to the last bit: no camera makes them
LONGEST_GAP = 86_400_000.0  # ms: a longer one is a damaged time
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class VideoSource(ImageSource):
    """A video that OpenCV can read; the first frame has the time stamp 0.

    rate  frames per second, instead of the times in the file; needed where it has none
    """

    one_at_a_time = True

    def __init__(
        self, path: Path, rate: float | None, intrinsics: Intrinsics | None, rectified: bool
    ) -> None:
        if intrinsics is None:
            raise MdepthError(
                f'{path} is a video and says nothing about its camera: '
                f'add --intrinsics with {ACCEPTED}'
            )
        with _opened(path) as video:
            size = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
            if size[0] > 0 and (problem := size_problem(int(size[0]), int(size[1]))):
                raise MdepthError(f'{path}: {problem}')
            untimed = _images_before_times(video, path)
            timed = untimed is not None and path.suffix.lower() not in BARE
            count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            self._turn = _turn(video)
        if self._turn % 180 and intrinsics.size == size:
            raise MdepthError(
                f'{path} is to be shown turned by {self._turn} degrees clockwise: give the '
                f'intrinsics of the turned image, {size[1]:.0f}x{size[0]:.0f}'
            )
        if not timed and rate is None:
            raise MdepthError(f'{path} holds no times of its images: add --rate')
        self._counted = count if count > 0 and path.suffix.lower() in COUNTED else None
        super().__init__(path.name, total=self._counted)
        self._path, self._rate = path, rate
        self._untimed = 0 if untimed is None or rate is not None else untimed
        self._camera = intrinsics.for_images(rectified)
        if rate is not None and timed:
            self._lost.note(f'--rate {rate:g} is used, not the times in the file')
        if self._turn:
            self._lost.note(
                f'the video is to be shown turned by {self._turn} degrees clockwise: its images '
                'are turned, and the intrinsics must be those of the turned image'
            )

    def items(self) -> Iterator[Item]:
        """Yield the images; each is decoded by the video at its turn, see ImageSource."""
        clock, count = _Clock(self._lost), 0
        with _opened(self._path) as video:
            decoder = _Decoder(video, self._turn, self._lost)
            for _ in range(self._untimed):
                video.grab()
                self._lost.add('images skipped', 'they have the time of the one after')
            while video.grab():
                if self._rate is None:
                    stamp = clock.stamp(float(video.get(cv2.CAP_PROP_POS_MSEC)))
                else:
                    stamp = round(count * 1e9 / self._rate)
                count += 1
                if stamp is not None:
                    yield Item(stamp, decoder.image, self._camera)
        # A few are missing where a phone trimmed the video, or a camera repeated images.
        if count + self._untimed < 0.75 * (self._counted or 0):
            self._lost.note(
                f'only {count} of the {self._counted} images are there that its header counts: '
                'the rest is cut off or edited out'
            )


class _Decoder:
    """Makes images of a video, turned by so many degrees clockwise, and watches that they change.

    Of interlaced images OpenCV from 4.13 on converts none, and hands out memory instead.
    """

    def __init__(self, video: cv2.VideoCapture, turn: int, losses: Losses) -> None:
        self._video, self._turn, self._losses = video, turn, losses
        self._first: NDArray[np.uint8] | None = None
        self._same = 0  # images so far, while they are all the same

    def image(self) -> NDArray[np.uint8]:
        """The image that was grabbed, RGB [H, W, 3]."""
        good, image = self._video.retrieve()
        if not good:
            raise MdepthError('the video decoder refused it')
        image = np.asarray(image, np.uint8)
        if self._same < STANDING and (self._first is None or np.array_equal(self._first, image)):
            self._first, self._same = image, self._same + 1
            if self._same == STANDING:
                self._losses.note(
                    f'the first {STANDING} images are the same to the last bit: if the video is '
                    'interlaced, make it progressive (ffmpeg -i VIDEO -vf yadif NEW.mp4)'
                )
        else:
            self._same = STANDING
        image = cv2.rotate(image, TURNS[self._turn]) if self._turn else image
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class _Clock:
    """Times in a file (ms, 0 where an image has none) -> stamps in ns that grow, the first 0."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._time: float | None = None  # of the image before, as in the file
        self._start = 0.0  # what has the stamp 0
        self._last, self._step = 0.0, 1000 / 30  # ms

    def stamp(self, time: float) -> int | None:
        """The stamp of the next image; None where it has the same time as the one before."""
        if self._time is None:
            self._time = self._start = time
            return 0
        gone = time - self._time
        # So OpenCV 4.5 and 4.6 end a video.
        if (time == 0 and gone) or not math.isfinite(time):
            why = 'taken as one interval after the one before'
            self._losses.add('images without a time in the file', why)
            found = self._last + self._step
        elif gone < 0 or gone > LONGEST_GAP:
            self._losses.add('jumps of the time in the file', 'the video goes on after each')
            found = self._last + self._step
            self._time, self._start = time, time - found
        else:
            found, self._time = time - self._start, time
        if found <= self._last:
            self._losses.add('images skipped', 'they have the time of the one before')
            return None
        self._step, self._last = found - self._last, found
        return round(found * 1e6)


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """The video, its images not turned by OpenCV, whose versions disagree."""
    # Of '10:30.mp4' FFmpeg would take the 10 for a protocol.
    video = cv2.VideoCapture(str(path.absolute()))
    try:
        if not video.isOpened():
            raise MdepthError(
                f'cannot read {path} as a video: it is none, its end is missing as after a '
                'power cut, or its kind is not known here: convert it to MP4 (H.264)'
            )
        video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        yield video
    finally:
        video.release()


def _images_before_times(video: cv2.VideoCapture, path: Path) -> int | None:
    """How many images have the time of the one after them, at the start; None: all, so far.

    MdepthError where there is no image.
    """
    times: list[float] = []
    grown = False
    while len(times) < PROBED and not grown and video.grab():
        times.append(float(video.get(cv2.CAP_PROP_POS_MSEC)))
        grown = len(times) > 1 and times[-1] > times[-2]
    if not times:
        code = int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little', signed=True)
        name = code.decode('ascii', 'replace')
        codec = f'images in the codec {name.upper()}' if name.isprintable() else 'images'
        raise MdepthError(
            f'{path} holds no {codec} that OpenCV can decode here: convert it to MP4 (H.264)'
        )
    if grown:
        return max(times.count(times[0]) - 1, 0)  # none equals a NaN
    return 0 if len(times) == 1 else None


def _turn(video: cv2.VideoCapture) -> int:
    """Degrees clockwise, 0 to 270, by which a player turns the images."""
    angle = video.get(cv2.CAP_PROP_ORIENTATION_META)
    if not math.isfinite(angle):
        return 0
    if cv2.__version__.startswith('4.6.'):  # counts the other way
        angle = -angle
    return round(angle / 90) % 4 * 90
