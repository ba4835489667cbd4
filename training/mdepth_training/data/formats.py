# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From paths to drives; what a path holds is told from its layout."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import video
from mdepth_ros.sources.folder import has_images
from mdepth_ros.sources.recording import is_recording
from mdepth_training.data.checks import Findings
from mdepth_training.data.cityscapes import city_folders, cityscapes_drives
from mdepth_training.data.dgp import dgp_drives, scene_files
from mdepth_training.data.drive import Drive
from mdepth_training.data.folder import first_folders, folder_drive, recordings_in
from mdepth_training.data.kitti import raw_drives, raw_folders, sequence_drives, sequence_folders
from mdepth_training.data.recordings import extracted, is_dataset, read_dataset
from mdepth_training.data.split import apply_split

ACCEPTED = (
    'KITTI raw (root, date or drive), KITTI odometry (root or sequence), Cityscapes (with '
    'leftImg8bit_sequence), DDAD, a folder that `extract` made, a folder of images with a '
    'camera.yaml (or of such folders), a bag, a video, a folder of bags or videos'
)


def open_drives(
    paths: Sequence[str | Path],
    *,
    split: str | Path | None = None,
    stereo: bool = False,
    cache: Path,
    input_size: tuple[int, int] | None = None,
    frame_interval: float = 0.1,
    findings: Findings | None = None,
) -> list[Drive]:
    """Return the drives in some paths (see ACCEPTED); each may be a pattern like 'bags/*.mcap'.

    split           a list of the frames that may be the middle of a triplet (see data.split)
    stereo          give the drives their second camera; those without are left out and reported
    cache           folder into which bags and videos are extracted, once
    input_size      (height, width) of the network: decides the size of what is extracted
    frame_interval  seconds between the frames of a triplet: decides what is static there
    findings        where to report what was left out

    Raises MdepthError where nothing fits, or a calibration or the list is missing or wrong.
    """
    findings = Findings() if findings is None else findings
    extract = partial(extracted, cache=cache, input_size=input_size, frame_interval=frame_interval)
    found = []
    for path in _expand(paths):
        drives = _drives(path, stereo, extract, findings)
        if not drives:
            raise MdepthError(f'{path} holds no drive: give {ACCEPTED}')
        found += drives
    if split:
        found = apply_split(found, Path(split), findings)
    if stereo:
        without = [drive.name for drive in found if drive.stereo is None]
        if len(without) == len(found):
            raise MdepthError(
                f'there is no second camera in {paths[0]}: method.sources must be M, or '
                'give data with stereo pairs'
            )
        if without:
            findings.add('drives without a second camera left out', *without)
        found = [drive for drive in found if drive.stereo is not None]
    return found


def _expand(paths: Sequence[str | Path]) -> list[Path]:
    found: list[Path] = []
    for text in paths:
        # A drive that is called by '.' has a name and a parent too; a link keeps its own.
        path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100
        # Path.glob does not take a pattern that is absolute.
        matches = [path] if path.exists() else sorted(map(Path, glob.glob(str(path))))  # noqa: PTH207
        if not matches:
            raise MdepthError(f'no such recording: {text}')
        found += matches
    return list(dict.fromkeys(found))


def _drives(
    path: Path, stereo: bool, extract: Callable[[Path], Path], findings: Findings
) -> list[Drive]:
    if is_dataset(path):
        return read_dataset(path, stereo)
    if several := recordings_in(path):
        return [drive for one in several for drive in read_dataset(extract(one), stereo)]
    if is_recording(path) or path.suffix.lower() in video.SUFFIXES:
        return read_dataset(extract(path), stereo)
    if raw_folders(path):
        return raw_drives(path, stereo)
    if sequence_folders(path):
        return sequence_drives(path, stereo)
    if city_folders(path):
        return cityscapes_drives(path, stereo, findings)
    if scene_files(path):
        return dgp_drives(path)
    return [folder_drive(folder) for folder in first_folders(path, has_images, '*/')]
