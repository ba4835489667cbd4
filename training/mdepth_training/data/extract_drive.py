# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One recording -> the folder of one drive: rectified, resized images with camera and times.

000000.jpg ...         in order of time
camera.yaml            of these files, as camera_calibration writes it
times.txt              seconds, one per image
mask.png               of these files, where there is a mask
stereo/000000.jpg ...  the stereo image of each, their camera.yaml and T_partner_current.txt
truth/                 see mdepth_training.data.truth; training never reads it
drive.json             what it was made of, as in dataset.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mdepth_ros.core.pairing import LATEST
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.base import ImageSource, Item
from mdepth_ros.sources.intrinsics import CalibrationError
from mdepth_ros.sources.mask import MASK, write_mask
from mdepth_ros.sources.standing import Grey, small_grey
from mdepth_training.data.folder import state_of
from mdepth_training.data.static import static_frames
from mdepth_training.data.stereo import stereo_transform
from mdepth_training.data.time_order import in_order, late_in_place, paired, thinned
from mdepth_training.data.view import Eye, Rgb, decoded, write_camera

if TYPE_CHECKING:
    from mdepth_ros.sources.bag import BagSource

Tick = Callable[[], None]
FACTS = 'drive.json'  # in the folder of a drive: what it was made of


@dataclass(frozen=True)
class Options:
    """What decides the files of a drive.

    input_size      (height, width) of the network; see `choose_view` for what follows from it
    size            (width, height) of the images, where that is wanted instead
    frame_interval  seconds between the frames of a triplet, for the filter of standing frames
    interval        seconds from image to image; 0: all that were recorded
    keep_static     keep also the images of a standing camera
    png             without loss, three times the space
    topic, camera_info, intrinsics, rectified, rate, mask  see mdepth_ros.sources.open_source
    stereo_topic    of the other camera of a stereo pair
    truth_cloud, truth_depth, truth_odometry  topics of the truth, for evaluation
    """

    input_size: tuple[int, int] = (192, 640)
    size: tuple[int, int] | None = None
    frame_interval: float = 0.1
    interval: float = 0.0
    keep_static: bool = False
    png: bool = False
    topic: str | None = None
    camera_info: str | None = None
    intrinsics: str | None = None
    rectified: bool | None = None
    rate: float | None = None
    mask: str | None = None
    stereo_topic: str | None = None
    truth_cloud: str | None = None
    truth_depth: str | None = None
    truth_odometry: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and not all(16 <= side <= 8192 for side in self.size):
            raise MdepthError(f'images of {self.size[0]}x{self.size[1]}: give sides of 16 to 8192')
        if not 0 <= self.interval <= 60:
            raise MdepthError(f'an interval of {self.interval:g} s: give seconds from 0 to 60')
        if self.stereo_topic and self.intrinsics:
            raise MdepthError('a stereo pair needs its camera_info: leave --intrinsics away')

    def state(self, recording: Path) -> str:
        """Another text where the recording, or a file of its intrinsics or mask, was changed."""
        inside = recording.iterdir() if recording.is_dir() else [recording]
        files = sorted(file for file in inside if file.is_file())
        files += [Path(file) for file in (self.intrinsics, self.mask) if file is not None]
        states = '\n'.join(state_of(file.resolve()) for file in files)
        return hashlib.sha256(states.encode()).hexdigest()[:16]

    def open(self, recording: Path) -> ImageSource:
        """Open a recording; MdepthError where that is not possible."""
        return open_source(
            recording,
            topic=self.topic,
            camera_info=self.camera_info,
            intrinsics=self.intrinsics,
            rectified=self.rectified,
            rate=self.rate,
            mask=None if self.mask is None else Path(self.mask).expanduser(),
        )


def extract_drive(
    recording: Path, folder: Path, options: Options, *, threads: int = 1, tick: Tick
) -> dict[str, Any]:
    """Write the drive; return what was made of what, for dataset.json.

    `folder` appears when everything in it is whole. `tick` is called for each image that is read,
    and may raise to stop. Raises MdepthError for a recording that is of no use.
    """
    source = options.open(recording)
    truth = None
    topics = options.truth_cloud, options.truth_depth, options.truth_odometry
    if any(topics):
        from mdepth_training.data.truth import BagTruth  # bags need the messages of ROS 2

        truth = BagTruth(recording, source, *topics)
    unfinished = folder.with_name(f'.{folder.name}.partial')  # surely nobody else's
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(threads) as pool:
            drive = _Drive(recording, source, options)
            drive.write(unfinished, pool, 4 * threads, tick)
        facts = drive.facts()
        if truth is not None:
            eye = drive.eyes[0]
            assert eye.camera is not None
            facts['truth'] = truth.write(
                unfinished / 'truth', eye.camera, eye.view, drive.stamps, tick
            )
        (unfinished / FACTS).write_text(json.dumps(facts, indent=2) + '\n')
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return facts


@dataclass(frozen=True)
class _Picture:
    stamp: int
    files: tuple[bytes, ...]  # of the camera, and of the second one
    grey: Grey


class _Drive:
    """The images of a recording, and of the second camera, on their way into files."""

    def __init__(self, recording: Path, source: ImageSource, options: Options) -> None:
        self._recording, self._source, self._options = recording, source, options
        self._state = options.state(recording)  # before it is read: it may grow meanwhile
        self._dropped: Counter[str] = Counter()
        self.stamps: list[int] = []
        self.eyes = [Eye(options.input_size, options.size, source.mask)]
        self._stereo: BagSource | None = None
        if options.stereo_topic is not None:
            from mdepth_ros.sources.bag import BagSource

            stereo = open_source(
                recording, topic=options.stereo_topic, rectified=options.rectified
            )
            if not isinstance(source, BagSource) or not isinstance(stereo, BagSource):
                raise MdepthError(f'{recording} is not a bag: it has no --stereo-topic')
            self._stereo = stereo
            self._T_stereo_current = stereo_transform(recording, source, stereo)
            self.eyes.append(Eye(options.input_size, options.size))

    def write(self, folder: Path, pool: ThreadPoolExecutor, ahead: int, tick: Tick) -> None:
        ending = 'png' if self._options.png else 'jpg'
        folders = [folder, folder / 'stereo'][: len(self.eyes)]
        folders[-1].mkdir(exist_ok=True)
        waiting: deque[_Picture] = deque()

        def greys() -> Iterator[tuple[int, Grey]]:
            for picture in self._pictures(pool, ahead, tick):
                waiting.append(picture)
                yield picture.stamp, picture.grey

        # The verdict on a picture comes when its neighbours in time are known.
        for standing in static_frames(greys(), self._interval()):
            picture = waiting.popleft()
            if standing and not self._options.keep_static:
                self._drop('of a standing camera')
                continue
            for place, data in zip(folders, picture.files, strict=True):
                (place / f'{len(self.stamps):06d}.{ending}').write_bytes(data)
            self.stamps.append(picture.stamp)
        if len(self.stamps) < 3:
            lost = ''.join(f'; {count} {why}' for why, count in self._dropped.most_common(3))
            raise MdepthError(f'{len(self.stamps)} images are of use, a triplet takes three{lost}')
        for place, eye in zip(folders, self.eyes, strict=True):
            write_camera(place / 'camera.yaml', eye.view)
            if eye.mask is not None:
                write_mask(place / MASK, eye.mask)
        if self._stereo is not None:
            text = '\n'.join(' '.join(map(repr, row)) for row in self._T_stereo_current.tolist())
            (folders[1] / 'T_partner_current.txt').write_text(text + '\n')
        lines = (f'{stamp // 10**9}.{stamp % 10**9:09d}\n' for stamp in self.stamps)
        (folder / 'times.txt').write_text(''.join(lines))

    def facts(self) -> dict[str, Any]:
        steps, view = [b - a for a, b in pairwise(self.stamps)], self.eyes[0].view
        notes = list(self._source.losses)
        for eye in self.eyes:
            if eye.unseen > 0.01:
                notes.append(
                    f'{eye.unseen:.0%} of the view is black: P of the camera_info shows more '
                    'than the lens saw; calibrate with alpha 0, or give --intrinsics'
                )
        return {
            'source': str(self._recording.resolve()),
            'state': self._state,
            'options': asdict(self._options),
            'topic': getattr(self._source, 'topic', None),
            'frames': len(self.stamps),
            'size': [view.width, view.height],
            'seconds': round(sum(steps) / 1e9, 3),
            'median_interval': statistics.median(steps) / 1e9,
            'dropped': dict(self._dropped),
            'notes': notes,
        }

    def _interval(self) -> float:
        """Seconds between the images that the filter of standing frames compares."""
        first = (item.stamp for item in islice(self._source.items(), 20))
        steps = [abs(later - earlier) for earlier, later in pairwise(first)]
        native = statistics.median(steps) / 1e9 if steps else 0.0
        return max(self._options.frame_interval, self._options.interval, native)

    def _drop(self, why: str) -> None:
        known = why in self._dropped or len(self._dropped) < 20
        self._dropped[why if known else 'for other reasons'] += 1

    def _pictures(self, pool: ThreadPoolExecutor, ahead: int, tick: Tick) -> Iterator[_Picture]:
        """Decode, rectify and encode in the pool; in order, without what is of no use."""
        running: deque[Future[_Picture]] = deque()
        for item, other in self._pairs(tick):
            image = decoded(item) if self._source.one_at_a_time else item.image
            running.append(pool.submit(self._picture, item, image, other))
            # The first image decides the view: it must not be that of the quickest thread.
            while len(running) > (ahead if self.eyes[-1].open else 0):
                yield from self._finished(running.popleft())
        for future in running:
            yield from self._finished(future)

    def _finished(self, future: Future[_Picture]) -> Iterator[_Picture]:
        try:
            yield future.result()
        except CalibrationError:
            raise
        except MdepthError as error:
            self._drop(f'skipped: {error}')

    def _picture(self, item: Item, image: Callable[[], Rgb], other: Item | None) -> _Picture:
        views = [self._view(self.eyes[0], item, image)]
        if self._stereo is not None:
            if other is None:
                raise MdepthError('no stereo image at that time')
            views.append(self._view(self.eyes[1], other, other.image))
        return _Picture(item.stamp, tuple(map(self._encode, views)), small_grey(views[0]))

    def _view(self, eye: Eye, item: Item, image: Callable[[], Rgb]) -> Rgb:
        rgb = image()
        return eye.picture(rgb, item.camera(rgb.shape[1], rgb.shape[0]))

    def _encode(self, view: Rgb) -> bytes:
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        ending, how = ('.png', []) if self._options.png else ('.jpg', quality)
        return cv2.imencode(ending, np.ascontiguousarray(view[..., ::-1]), how)[1].tobytes()

    def _pairs(self, tick: Tick) -> Iterator[tuple[Item, Item | None]]:
        if self._stereo is None:
            return ((item, None) for item in self._items(tick))
        return paired(self._items(tick), self._in_order(self._stereo, lambda: None))

    def _items(self, tick: Tick) -> Iterator[Item]:
        """The images in order of time, thinned to the interval that was asked for."""

        def ahead() -> None:
            tick()
            self._drop('later than the two after it')

        items = self._source.items()
        if not self._source.one_at_a_time:  # a video's stamps grow
            items = self._in_order(self._source, ahead)
        return thinned(items, round(self._options.interval * 1e9), tick, self._drop)

    def _in_order(self, source: ImageSource, dropped: Tick) -> Iterator[Item]:
        reach = round(LATEST * self._options.frame_interval * 1e9)
        return in_order(late_in_place(source.items(), reach), dropped)
