# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `mdepth-train adapt`: the user's own camera in one command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.cli.options import Intrinsics, Mask, Rate, Rectified, Topic


def adapt(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar='RECORDING...', help='Bags, videos, image folders or KITTI drives.'
        ),
    ],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder for all that is made.')],
    model: Annotated[
        Path | None, typer.Option('--model', '-m', help='To go on from; default: the shipped one.')
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help='Time for everything; decides how long it learns.')
    ] = 30.0,
    licence: Annotated[
        str, typer.Option(help='Terms of the recordings, for the card of the model.')
    ] = '',
    topic: Topic = None,
    intrinsics: Intrinsics = None,
    rectified: Rectified = None,
    rate: Rate = None,
    mask: Mask = None,
) -> None:
    """Adapt a model to your camera, and say on held-out images whether it got better.

    The last tenth of each drive is never learned from. Only a model that got better is put in
    place: OUT/adapted.safetensors. OUT/report.md shows it, with pictures. The same command goes on
    where it stopped.

    Example: mdepth-train adapt drives/*.mcap -o adapted --minutes 30
    """
    from mdepth_ros.model.shipped import shipped_model
    from mdepth_training.adapt.adapt import adapt as run
    from mdepth_training.adapt.plan import Request, digest

    model = model or shipped_model()
    request = Request(
        tuple(os.path.abspath(path) for path in recordings),  # noqa: PTH100 - a link keeps its name
        digest(model),
        minutes,
        licence,
        topic,
        intrinsics,
        rectified,
        rate,
        None if mask is None else str(mask),
    )
    run(model, output, request)
