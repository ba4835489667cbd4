# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that show a person what was learned: before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say

FRAMES = 32


def compare(
    before: Annotated[Path, typer.Argument(help='A model file.')],
    after: Annotated[Path, typer.Argument(help='The model file that learned more.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder for the pictures.')],
    data: Annotated[
        list[Path] | None, typer.Option(help='A recording that `fit` reads; several if need be.')
    ] = None,
    synthetic: Annotated[
        list[int] | None, typer.Option(help='Or the synthetic world: seed of a drive.')
    ] = None,
    labels: Annotated[
        list[Path] | None, typer.Option(help='Label store to draw as well; several if need be.')
    ] = None,
    drive: Annotated[str | None, typer.Option(help='Only this drive of the recordings.')] = None,
    limit: Annotated[
        int | None, typer.Option(min=2, help='Frames of each drive; synthetic: 32.')
    ] = None,
    cues: Annotated[
        bool, typer.Option(help='Give the depth the cues of the pair; else one image must do.')
    ] = True,
    moving: Annotated[
        float | None, typer.Option(min=0, max=100, help='Synthetic: traffic, default 3.')
    ] = None,
    appearance: Annotated[
        float | None, typer.Option(min=0, max=1, help='Synthetic: 0 plain (default), 1 broad.')
    ] = None,
) -> None:
    """Show how the depth of one model differs from that of another, and where.

    OUT/before-after.png has the frames that changed most, OUT/DRIVE.mp4 all of a drive. Depths
    are over their median in each frame: the unit of a model does not count.

    Example: mdepth-train compare scene.safetensors final.safetensors --data my_bag
    --labels runs/dynamic/things/labels --labels runs/dynamic/labels/labels -o looks
    """
    from mdepth_ros.geometry import Camera
    from mdepth_ros.synthetic import WorldConfig
    from mdepth_training.evaluation.compare import Labels, recorded, rendered
    from mdepth_training.evaluation.compare_pictures import Panels, draw
    from mdepth_training.evaluation.predict import Predictor

    if bool(data) == bool(synthetic):
        raise MdepthError('give either --data RECORDING or --synthetic SEED')
    if data and (moving, appearance) != (None, None):
        raise MdepthError('--moving and --appearance are of the synthetic world: leave them out')
    models = [Predictor(path, refined=False, cues=cues) for path in (before, after)]
    card, interval = models[1].card, models[1].card.frame_interval
    if cues and models[0].card.frame_interval != interval:
        raise MdepthError('the models learned with other intervals of frames: give --no-cues')
    with TemporaryDirectory() as cache:
        if data:
            reels = recorded(data, Path(cache), models)
        else:
            camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
            traffic = 3.0 if moving is None else moving
            world = WorldConfig(appearance or 0.0, traffic, interval)
            reels = rendered(synthetic or [], limit or FRAMES, world, camera)
        chosen = [reel for reel in reels if drive in (None, reel.name)]
        if not chosen:
            names = ', '.join(reel.name for reel in reels)
            raise MdepthError(f'there is no drive {drive}: choose from {names}')
        found = Labels(labels or [], [key for reel in chosen for key in reel.keys])
        output.mkdir(parents=True, exist_ok=True)
        panels = Panels(names_of([before, after]), found.names, bool(synthetic))
        written = draw(models, panels, chosen, found, output, limit, alone=not cues)
    if not written:
        raise MdepthError(
            f'no frame has one {interval:g} s before it, as the models need: give --no-cues'
        )
    for path in written:
        say(f'written: {path}')


def names_of(models: Sequence[Path]) -> list[str]:
    """What model files are called: by their names, by their folders as well where these agree."""
    names = [path.stem for path in models]
    if len(set(names)) < len(names):
        names = [f'{path.absolute().parent.name}/{path.stem}' for path in models]
    return names
