# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How each benchmark counts: range, crop, the way an image enters, and which data it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mdepth_ros.evaluation import crop_box
from mdepth_ros.limits import SCORED

Crop = Literal['none', 'garg', 'cityscapes', 'nyu']
CROPS = ('none', 'garg', 'cityscapes', 'nyu')


@dataclass(frozen=True)
class Protocol:
    """One way of counting; `scored_box` says what part of the truth counts.

    title          for a person
    depth          truths strictly between these count; predictions are clamped to them, metres
    crop           the part of the truth's image that counts
    whole          the whole image is resized to the network's size, whatever its aspect, as the
                   papers do; else it is cropped as on the vehicle
    nearest        the prediction is brought to the truth's size by the nearest pixel
    log10          RMSElog is of decimal logarithms
    camera_height  metres above the ground where it is known: of the flat ground beside a model
    """

    title: str
    depth: tuple[float, float] = SCORED
    crop: Crop = 'none'
    whole: bool = False
    nearest: bool = False
    log10: bool = False
    camera_height: float | None = None


KITTI_HEIGHT = 1.65

PROTOCOLS = {
    # Eigen et al. 2014; Garg et al. 2016 for the crop; Zhou et al. 2017 for the ratio of medians.
    'kitti-eigen': Protocol(
        'KITTI, Eigen split, raw lidar', crop='garg', whole=True, camera_height=KITTI_HEIGHT
    ),
    # Uhrig et al. 2017.
    'kitti-improved': Protocol(
        'KITTI, Eigen split, improved ground truth', whole=True, camera_height=KITTI_HEIGHT
    ),
    'kitti-odometry': Protocol('KITTI odometry', camera_height=KITTI_HEIGHT),
    # Watson et al. 2021.
    'cityscapes': Protocol('Cityscapes', crop='cityscapes', whole=True, camera_height=1.22),
    # Saxena et al. 2009; Godard et al. 2017 for the crop (criterion C1: up to 70 m).
    'make3d': Protocol('Make3D', (SCORED[0], 70.0), whole=True, nearest=True, log10=True),
    # Eigen et al. 2014.
    'nyu': Protocol('NYU Depth v2', (0.1, 10.0), crop='nyu', whole=True),
    'rgbd': Protocol('RGB-D', (0.1, 10.0)),
    # Guizilini et al. 2020.
    'ddad': Protocol('DDAD', (0.1, 200.0), camera_height=1.5),
    'recording': Protocol('Recording'),
    'synthetic': Protocol('Synthetic world', camera_height=KITTI_HEIGHT),
}


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
