# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings -> drives to learn from, and the last tenth of each in another folder.

    OUT/data/NAME      what is learned from, as `extract` made it, without its last tenth
    OUT/held-out/NAME  the last tenth, and the truth that the recording has

What lies in another folder cannot be learned from by mistake.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import write_tum
from mdepth_ros.report.poses import camera_poses
from mdepth_ros.sources.mask import MASK
from mdepth_ros.sources.recording import is_recording
from mdepth_ros.terminal import say
from mdepth_training.data.extract import Dataset, extract
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.folder import recordings_in
from mdepth_training.data.view import rectification

DATA, HELD_OUT = 'data', 'held-out'
FEWEST = 50
"""Images of a drive: of fewer the last tenth says nothing."""
SHARE = 10
"""One of so many images is held out."""


@dataclass(frozen=True)
class AdaptDrive:
    """A drive that is learned from: its name, its images, and how many of them are held out."""

    name: str
    images: int
    held_out: int
    topic: str | None = None


def prepare(
    recordings: Sequence[Path], output: Path, options: Options
) -> tuple[list[AdaptDrive], list[str]]:
    """Extract and set aside; return the drives, and a line for each recording that gives none.

    What is finished stays. Raises MdepthError where no recording gives a drive.
    """
    drives, failures = [], []
    single = dict.fromkeys(one for path in recordings for one in recordings_in(path) or [path])
    for recording in single:
        try:
            drives.append(_prepare(recording, output, options))
        except MdepthError as error:
            failures.append(str(error).removeprefix('nothing to extract: '))
            if len(single) > 1:
                say(f'skipped {failures[-1]}')
    if not drives:
        several = f'none of {len(failures)} recordings is of use, see above'
        raise MdepthError(failures[0] if len(failures) == 1 else several)
    return drives, failures


def _prepare(recording: Path, output: Path, options: Options) -> AdaptDrive:
    """One recording, or MdepthError where it is of no use."""
    with_truth = _with_truth(recording, options)
    dataset = extract([recording], output / DATA, with_truth, tells_failures=False)
    if dataset.failures:
        raise MdepthError(dataset.failures[0])
    name, facts = _drive_of(dataset, recording)
    images = int(facts['frames'])
    if images < FEWEST:
        raise MdepthError(
            f'{recording}: {images} images of a camera that drives, {FEWEST} are needed at '
            'least; a quarter of an hour in changing places is a beginning'
        )
    count = math.ceil(images / SHARE)
    set_aside(output / DATA / name, output / HELD_OUT / name, images - count)
    _keep_poses(recording, options, output / HELD_OUT / name)
    return AdaptDrive(name, images, count, facts.get('topic'))


def _drive_of(dataset: Dataset, recording: Path) -> tuple[str, dict[str, Any]]:
    source = str(recording.resolve())
    return next(item for item in dataset.drives.items() if item[1]['source'] == source)


def set_aside(drive: Path, held_out: Path, first: int) -> None:
    """Move the images from number `first` on, and the truth, into another folder.

    The same call goes on where it was interrupted. Images are moved last to first: what is left
    is always the beginning of a drive.
    """
    held_out.mkdir(parents=True, exist_ok=True)
    for name in ('camera.yaml', 'times.txt', MASK):
        if (drive / name).is_file() and not (held_out / name).is_file():
            shutil.copyfile(drive / name, held_out / name)
    if (drive / 'truth').is_dir() and not (held_out / 'truth').exists():
        (drive / 'truth').rename(held_out / 'truth')
    for image in sorted(drive.iterdir(), reverse=True):
        if image.stem.isdecimal() and int(image.stem) >= first:
            image.rename(held_out / image.name)


def _with_truth(recording: Path, options: Options) -> Options:
    """With the lidar or depth image of a bag, where there is one of its kind: for scores alone."""
    if not is_recording(recording):
        return options
    from mdepth_ros.report.bags import CLOUD, Bag  # bags need the messages of ROS 2
    from mdepth_ros.report.run import choose_topic

    bag = Bag(recording)
    for option, found in (('depth', bag.depth_topics()), ('cloud', bag.topics(CLOUD))):
        try:
            chosen = choose_topic(bag, found, None, f'--truth-{option}', option)
        except MdepthError:
            continue  # several: nobody said which of them is true
        if chosen is not None and option == 'depth':
            return replace(options, truth_depth=chosen)
        if chosen is not None:
            return replace(options, truth_cloud=chosen)
    return options


def _keep_poses(recording: Path, options: Options, held_out: Path) -> None:
    """Write the true poses of the camera, where the recording has some: for scores alone."""
    file = held_out / 'truth' / 'poses.txt'
    if file.is_file():
        return
    source = options.open(recording)
    try:
        poses = camera_poses(recording, source)[0]
    except MdepthError:
        return  # none, or of a frame that is not connected with the camera
    camera = next(iter(source)).camera
    file.parent.mkdir(exist_ok=True)
    write_tum(file, poses.of_frame(rectification(camera).T))
