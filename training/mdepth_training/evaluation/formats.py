# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which protocol a path is for, and the reader that belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.recording import is_recording
from mdepth_training.data.dgp import scene_files
from mdepth_training.data.kitti import raw_folders, sequence_folders
from mdepth_training.evaluation.bag import open_bag
from mdepth_training.evaluation.cityscapes import is_cityscapes, open_cityscapes
from mdepth_training.evaluation.ddad import open_ddad
from mdepth_training.evaluation.extracted import drives_with_truth, open_extracted
from mdepth_training.evaluation.kitti import open_eigen, open_improved
from mdepth_training.evaluation.make3d import is_make3d, open_make3d
from mdepth_training.evaluation.odometry import open_odometry
from mdepth_training.evaluation.rgbd import find_pairs, open_nyu, open_rgbd
from mdepth_training.evaluation.shots import Options, Shots


def _open_recording(path: Path, options: Options) -> Shots:
    return (open_bag if is_recording(path) else open_extracted)(path, options)


# By the name of the protocol.
READERS: dict[str, Callable[[Path, Options], Shots]] = {
    'kitti-eigen': open_eigen,
    'kitti-improved': open_improved,
    'kitti-odometry': open_odometry,
    'cityscapes': open_cityscapes,
    'make3d': open_make3d,
    'nyu': open_nyu,
    'rgbd': open_rgbd,
    'ddad': open_ddad,
    'recording': _open_recording,
}
# What a reader can be told; another option would silently do nothing.
_TOLD: dict[str, tuple[str, ...]] = {
    'kitti-eigen': ('split',),
    'kitti-improved': ('split',),
    'kitti-odometry': ('topic',),
    'nyu': ('intrinsics',),
    'rgbd': ('intrinsics',),
    'ddad': ('topic',),
    'recording': ('topic', 'intrinsics'),
}
# The first that fits; a path of KITTI raw may also be for kitti-improved, one of pairs for nyu.
_GUESSES: dict[str, Callable[[Path], object]] = {
    'ddad': scene_files,
    'recording': lambda path: is_recording(path) or drives_with_truth(path),
    'cityscapes': is_cityscapes,
    'kitti-odometry': sequence_folders,
    'kitti-eigen': raw_folders,
    'rgbd': find_pairs,
    'make3d': is_make3d,
}


def guess_protocol(path: Path) -> str:
    """The protocol for what lies at a path; MdepthError where nothing known lies there."""
    if not path.exists():
        raise MdepthError(f'no such data: {path}')
    for name, fits in _GUESSES.items():
        if fits(path):
            return name
    raise MdepthError(
        f'{path} is not laid out like data with a truth (the table Scores in training/README.md '
        f'says how); or add --protocol {", ".join(READERS)}'
    )


def open_shots(path: Path, protocol: str, options: Options) -> Shots:
    """The images of the data with their truth.

    Raises MdepthError where they do not fit, or for an option that means nothing to the reader.
    """
    if not path.exists():
        raise MdepthError(f'no such data: {path}')
    extracted = protocol == 'recording' and not is_recording(path)
    for option in ('split', 'topic', 'intrinsics'):
        told = getattr(options, option) is not None
        if told and (extracted or option not in _TOLD.get(protocol, ())):
            what = 'a folder that extract made' if extracted else f'the protocol {protocol}'
            raise MdepthError(f'--{option} means nothing for {what}: leave it out')
    return READERS[protocol](path, options)
