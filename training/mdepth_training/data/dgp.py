# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes of the Dataset Governance Policy, the layout of DDAD (Guizilini et al. 2020)."""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.texts import read_json
from mdepth_training.data.drive import Drive
from mdepth_training.data.folder import first_size


def scene_files(path: Path) -> list[Path]:
    """Return the scenes in a path: one scene's folder, or the folder of many."""
    return sorted(path.glob('scene_*.json')) or sorted(path.glob('*/scene_*.json'))


def dgp_drives(path: Path) -> list[Drive]:
    """Return the first camera by name, the forward one, of each scene."""
    return [_drive(file) for file in scene_files(path)]


def _drive(file: Path) -> Drive:
    try:
        scene = read_json(file)
        taken = [
            (item['id']['name'], file.parent / item['datum']['image']['filename'])
            for item in scene['data']
            if 'image' in item['datum']
        ]
        camera = min(name for name, _ in taken)
        images = sorted(image for name, image in taken if name == camera)
        key = scene['samples'][0]['calibration_key']
        tree = read_json(file.parent / 'calibration' / f'{key}.json')
        k = tree['intrinsics'][tree['names'].index(camera)]
        view = Camera(*first_size(images), k['fx'], k['fy'], k['cx'], k['cy'])
        return Drive(f'{file.parent.name}/{camera}', images, [_stamp(i) for i in images], view)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise MdepthError(f'{file} is no scene that can be used ({error}): restore it') from None


def _stamp(image: Path) -> int:
    """Read the name as a time: DDAD's count 100 ns, so that 19 digits are nanoseconds.

    The time stamps in the scene's file run ten times too fast.
    """
    stamp = int(image.stem.ljust(19, '0'))
    if not 0 <= stamp <= LATEST_STAMP:
        raise ValueError(f'{image.name} is not named by its time')
    return stamp
