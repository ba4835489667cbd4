# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How each benchmark counts: range, crop, the way an image enters; and who reads its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import crop_box
from mdepth_ros.limits import SCORED
from mdepth_ros.sources.recording import is_recording
from mdepth_training.data.dgp import scene_files
from mdepth_training.data.kitti import raw_folders, sequence_folders
from mdepth_training.evaluation.cityscapes import is_cityscapes, open_cityscapes
from mdepth_training.evaluation.ddad import open_ddad
from mdepth_training.evaluation.extracted import drives_with_truth, open_extracted
from mdepth_training.evaluation.kitti import open_eigen, open_improved, open_odometry
from mdepth_training.evaluation.make3d import is_make3d, open_make3d
from mdepth_training.evaluation.nyu import is_labelled
from mdepth_training.evaluation.pairs import find_pairs
from mdepth_training.evaluation.rgbd import (
    is_bonn,
    is_tum,
    open_bonn,
    open_nyu,
    open_rgbd,
    open_tum,
)
from mdepth_training.evaluation.shots import Options, Shots

Crop = Literal['none', 'garg', 'cityscapes', 'nyu']
CROPS = get_args(Crop)


@dataclass(frozen=True)
class Protocol:
    """One way of counting; `scored_box` says what part of the truth counts.

    title          for a person
    read           reads the data that lies at a path
    options        what it can be told; another option would silently do nothing
    fits           whether a path looks like its data; none: like that of another protocol
    depth          truths strictly between these count; predictions are clamped to them, metres
    crop           the part of the truth's image that counts
    whole          the whole image is resized to the network's size, whatever its aspect, as the
                   papers do; else it is cropped as on the vehicle
    nearest        the prediction is brought to the truth's size by the nearest pixel
    log10          RMSElog is of decimal logarithms
    camera_height  metres above the ground where it is known: of the flat ground beside a model
    """

    title: str
    read: Callable[[Path, Options], Shots] | None = None
    options: tuple[str, ...] = ()
    fits: Callable[[Path], object] | None = None
    depth: tuple[float, float] = SCORED
    crop: Crop = 'none'
    whole: bool = False
    nearest: bool = False
    log10: bool = False
    camera_height: float | None = None


def _is_recording(path: Path) -> bool:
    return is_recording(path) or bool(drives_with_truth(path))


def _open_recording(path: Path, options: Options) -> Shots:
    if not is_recording(path):
        return open_extracted(path, options)
    from mdepth_training.evaluation.bag import open_bag  # bags need the messages of ROS 2

    return open_bag(path, options)


KITTI_HEIGHT = 1.65
PAIRS = 'intrinsics', 'depth_unit', 'masks'

# In the order in which a path is guessed.
PROTOCOLS = {
    # Guizilini et al. 2020.
    'ddad': Protocol(
        'DDAD', open_ddad, ('topic', 'masks'), scene_files, (0.1, 200.0), camera_height=1.5
    ),
    'recording': Protocol('Recording', _open_recording, ('topic', 'intrinsics'), _is_recording),
    # Watson et al. 2021.
    'cityscapes': Protocol(
        'Cityscapes',
        open_cityscapes,
        ('masks',),
        is_cityscapes,
        crop='cityscapes',
        whole=True,
        camera_height=1.22,
    ),
    'kitti-odometry': Protocol(
        'KITTI odometry', open_odometry, ('topic',), sequence_folders, camera_height=KITTI_HEIGHT
    ),
    # Eigen et al. 2014; Garg et al. 2016 for the crop; Zhou et al. 2017 for the ratio of medians.
    'kitti-eigen': Protocol(
        'KITTI, Eigen split, raw lidar',
        open_eigen,
        ('split', 'masks'),
        raw_folders,
        crop='garg',
        whole=True,
        camera_height=KITTI_HEIGHT,
    ),
    # Uhrig et al. 2017.
    'kitti-improved': Protocol(
        'KITTI, Eigen split, improved ground truth',
        open_improved,
        ('split', 'masks'),
        whole=True,
        camera_height=KITTI_HEIGHT,
    ),
    # Eigen et al. 2014.
    'nyu': Protocol(
        'NYU Depth v2',
        open_nyu,
        ('intrinsics', 'depth_unit'),
        is_labelled,
        (0.1, 10.0),
        crop='nyu',
        whole=True,
    ),
    # Sturm et al. 2012, Palazzolo et al. 2019; Sun et al. 2022 for the range.
    'tum': Protocol('TUM RGB-D', open_tum, PAIRS, is_tum, (0.1, 10.0), whole=True),
    'bonn': Protocol('Bonn RGB-D Dynamic', open_bonn, PAIRS, is_bonn, (0.1, 10.0), whole=True),
    'rgbd': Protocol('RGB-D', open_rgbd, PAIRS, find_pairs, (0.1, 10.0)),
    # Saxena et al. 2009; Godard et al. 2017 for the crop (criterion C1: up to 70 m).
    'make3d': Protocol(
        'Make3D',
        open_make3d,
        (),
        is_make3d,
        (SCORED[0], 70.0),
        whole=True,
        nearest=True,
        log10=True,
    ),
    'synthetic': Protocol('Synthetic world', camera_height=KITTI_HEIGHT),
}
READABLE = [name for name, protocol in PROTOCOLS.items() if protocol.read is not None]


def scored_box(crop: Crop, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Rows top:bottom and columns left:right of a truth [H, W] that count.

    cityscapes  256:768 x 192:1856 of the upper 768 x 2048 (the ego car below is cut off before)
    nyu         45:471 x 41:601 of 480 x 640
    Other sizes are cut in proportion.
    """
    if crop in ('none', 'garg'):
        return crop_box(shape, crop)
    rows, columns, box = {
        'cityscapes': (768, 2048, (256, 768, 192, 1856)),
        'nyu': (480, 640, (45, 471, 41, 601)),
    }[crop]
    top, bottom, left, right = box
    H, W = shape
    return (
        round(top * H / rows),
        round(bottom * H / rows),
        round(left * W / columns),
        round(right * W / columns),
    )


def guess_protocol(path: Path) -> str:
    """The protocol for what lies at a path; MdepthError where nothing known lies there."""
    if not path.exists():
        raise MdepthError(f'no such data: {path}')
    for name, protocol in PROTOCOLS.items():
        if protocol.fits is not None and protocol.fits(path):
            return name
    raise MdepthError(
        f'{path} is not laid out like data with a truth (the table Scores in training/README.md '
        f'says how); or add --protocol {", ".join(READABLE)}'
    )


def open_shots(path: Path, protocol: str, options: Options) -> Shots:
    """The images of the data with their truth.

    Raises MdepthError where they do not fit, or for an option that means nothing to the reader.
    """
    if not path.exists():
        raise MdepthError(f'no such data: {path}')
    extracted = protocol == 'recording' and not is_recording(path)
    for option in ('split', 'topic', 'intrinsics', 'masks', 'depth_unit'):
        told = getattr(options, option) is not None
        if told and (extracted or option not in PROTOCOLS[protocol].options):
            what = 'a folder that extract made' if extracted else f'the protocol {protocol}'
            word = option.replace('_', '-')
            raise MdepthError(f'--{word} means nothing for {what}: leave it out')
    read = PROTOCOLS[protocol].read
    assert read is not None
    return read(path, options)


def replaced(
    rules: Protocol,
    crop: str | None,
    cap: float | None,
    view: str | None,
    camera_height: float | None,
) -> Protocol:
    """A protocol with what options say instead; None: as it is.

    Raises MdepthError for a crop or view that is none.
    """
    if crop not in (None, *CROPS):
        raise MdepthError(f'--crop {crop}: choose from {", ".join(CROPS)}')
    if view not in (None, 'whole', 'crop'):
        raise MdepthError(f'--view {view}: whole or crop')
    return replace(
        rules,
        crop=cast(Crop, crop or rules.crop),
        depth=rules.depth if cap is None else (rules.depth[0], cap),
        whole=rules.whole if view is None else view == 'whole',
        camera_height=rules.camera_height if camera_height is None else camera_height,
    )
