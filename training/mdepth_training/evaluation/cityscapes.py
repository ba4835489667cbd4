# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes: depth of its stereo disparities, in the cut-out of Watson et al. 2021."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import read_image
from mdepth_training.data.cityscapes import KEPT_ROWS, LEFT, RATE, calibration
from mdepth_training.evaluation.shots import Options, Shot, Shots, read_depth
from mdepth_training.evaluation.things import MaskFolder, read_things, without_small
from mdepth_training.evaluation.traffic import LARGE

LEFT_IMAGE = 'leftImg8bit.png'
_NAME = re.compile(r'(.+)_(\d{6})_disparity$')


def is_cityscapes(path: Path) -> bool:
    """Tell whether a folder is the root: images beside disparities."""
    return (path / 'disparity').is_dir() and any(
        (path / name).is_dir() for name in (LEFT, 'leftImg8bit')
    )


def open_cityscapes(path: Path, options: Options) -> Shots:
    """The images of the test part (1525), or of val where test is not there.

    The lowest quarter, with the car's bonnet, is cut off. The frame before is the one two earlier
    in leftImg8bit_sequence (0.12 s); without that folder images are alone. Where gtFine has the
    labels (not of test), what can move by itself (persons, riders, vehicles) is the moving part;
    where masks of what moves are given, that is. Things of less than `LARGE` of the whole image
    do not count.
    """
    parts = [part for part in ('test', 'val', 'train') if (path / 'disparity' / part).is_dir()]
    found = sorted((path / 'disparity' / parts[0]).glob('*/*_disparity.png')) if parts else []
    names = [match for match in (_NAME.match(file.stem) for file in found) if match]
    if not names:
        raise MdepthError(f'{path}: no *_disparity.png in disparity/test/CITY')
    step = max(1, round(options.interval * RATE))
    images = [
        Path(parts[0], file.parent.name, f'{match[1]}_{match[2]}_{LEFT_IMAGE}')
        for file, match in zip(found, names, strict=True)
    ]
    masks = MaskFolder(options.masks, images) if options.masks is not None else None

    def read(shots: Shots) -> Iterator[Shot]:
        for file, match, image in zip(found, names, images, strict=True):
            place, number = Path(parts[0], file.parent.name), int(match[2])
            name = f'{match[1]}_{match[2]}'
            intrinsics, baseline = calibration(path / 'camera' / place / f'{name}_camera.json')
            camera = Camera(2048, 1024, *intrinsics)
            before, frame, after = (
                _frame(path, place, match[1], number + offset, camera)
                for offset in (-step, 0, step)
            )
            if frame is None:
                shots.note(f'images without a picture were left out: {file.name} ...')
                continue
            disparity = shots.truth(read_depth, file, 256.0)
            if disparity is None:
                continue
            disparity -= 1 / 256
            # Images may have been made smaller than the truth; its values are of 2048 columns.
            height, width = disparity.shape
            view = camera.scaled(width, height)
            depth = np.where(disparity > 0, baseline * camera.fx / np.maximum(disparity, 1e-3), 0)
            kept = round(height * KEPT_ROWS)
            labels = path / 'gtFine' / place / f'{name}_gtFine_instanceIds.png'
            things = None
            if masks:
                things = masks.things(shots, image, (width, height))
            elif labels.exists():
                things = shots.truth(read_things, labels, (width, height))
            if things is not None:
                things = without_small(things, LARGE)[:kept]
            yield Shot(
                name,
                frame,
                before,
                after,
                depth[:kept],
                view.cropped(0, 0, width, kept),
                None if things is None else things > 0,
                things,
            )

    what = 'what moves' if masks else 'what can move'
    dynamic = f'{what}, things of at least {100 * LARGE:g} % of the image'
    return Shots(f'{path.name} {parts[0]}', len(names), read, dynamic=dynamic)


def _frame(root: Path, place: Path, sequence: str, number: int, camera: Camera) -> Frame | None:
    name = f'{sequence}_{number:06d}_{LEFT_IMAGE}'
    for folder in (LEFT, 'leftImg8bit'):
        path = root / folder / place / name
        if path.is_file():
            image = read_image(path)
            full = camera.scaled(image.shape[1], image.shape[0])
            kept = round(full.height * KEPT_ROWS)
            view = full.cropped(0, 0, full.width, kept)
            return Frame(round(number * 1e9 / RATE), image[:kept], view)
    return None
