# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth mask`: what a camera always has in view of its own vehicle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.cli import options
from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, progress_bar, say

ANY_CAMERA = '1,1,0,0'
"""Intrinsics for recordings that have none: nothing is projected."""


def mask(
    source: Annotated[Path, typer.Argument(help='A recording, as `mdepth run` takes it.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='PNG file of the mask.')],
    topic: options.Topic = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Find what a camera always has in view of its vehicle: bonnet, mirror, frame.

    What is found is black in a PNG of the size of the images, for --mask and the parameter mask.
    A picture beside it shows the mask over an image: look at it before you use the mask. A few
    minutes of driving in turns and daylight are best.

    Example: mdepth mask DRIVE.mcap -o mask.png
    """
    import cv2

    from mdepth_ros.sources import open_source
    from mdepth_ros.sources.find_mask import drawn, find_mask
    from mdepth_ros.sources.mask import MASK, write_mask

    look = output.with_name(f'{output.stem}-shown.jpg')
    if output.suffix.lower() != '.png':
        raise MdepthError(f'{output}: a mask is a PNG, name it .png')
    if not output.parent.is_dir():
        raise MdepthError(f'{output.parent} is no directory: make it first')
    if output.name != MASK and source.resolve() in output.resolve().parents:
        raise MdepthError(f'{output} is in the recording, of which it is no image: call it {MASK}')
    there = next((file for file in (output, look) if file.exists()), None)
    if there is not None and not overwrite:
        raise MdepthError(f'{there} exists already: add --overwrite, or choose another name')
    drive = open_source(source, topic=topic, intrinsics=ANY_CAMERA)
    with progress_bar(Console(stderr=True), 'images', drive.total) as update:
        found = find_mask(drive, lambda done: update(completed=done))
    share = 1 - float(found.mask.usable.mean())
    if not share:
        say(
            f'nothing stands still in {found.moving} images of the moving vehicle: no mask is '
            'needed, and none was written; paint one if you see a part of the vehicle'
        )
        return
    write_mask(output, found.mask)
    look.write_bytes(cv2.imencode('.jpg', drawn(found)[..., ::-1])[1].tobytes())
    say(f'{share:.1%} of the image is of the vehicle, by {found.moving} images of it moving')
    say(f'written: {output}; look at {look}')
