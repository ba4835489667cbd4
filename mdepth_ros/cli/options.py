# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of every command that opens a recording, and which options a user has given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.errors import MdepthError


def one_of(*words: str) -> Callable[[typer.CallbackParam, str], str]:
    """What refuses every other value of an option."""

    def check(option: typer.CallbackParam, value: str) -> str:
        if value not in words:
            raise MdepthError(f'{option.opts[0]} {value}: {" or ".join(words)}')
        return value

    return check


Model = Annotated[
    Path | None, typer.Option('--model', '-m', help='Model file; default: the shipped one.')
]
Overwrite = Annotated[bool, typer.Option(help='Replace what an earlier run wrote there.')]
CameraInfo = Annotated[
    str | None, typer.Option(help='Its camera_info; default: the sibling, .../camera_info.')
]
OdomTopic = Annotated[str | None, typer.Option(help='True odometry in a bag.')]
TruthFrame = Annotated[str | None, typer.Option(help='Frame whose poses the truth holds.')]
Appearance = Annotated[
    float, typer.Option(min=0, max=1, help='0: plain synthetic roads, 1: broadly randomised.')
]
Topic = Annotated[str | None, typer.Option(help='Image topic of a bag; image folder of KITTI.')]
Intrinsics = Annotated[
    str | None, typer.Option(help='fx,fy,cx,cy in pixels, a camera_info YAML, or a text file.')
]
Rate = Annotated[
    float | None, typer.Option(help='Frames per second of an image folder, or of a video.')
]
Mask = Annotated[
    Path | None,
    typer.Option(help='PNG of the size of the images: what is black in it is never used.'),
]
Storage = Annotated[
    str,
    typer.Option(help='Format of the bag: mcap or sqlite3.', callback=one_of('mcap', 'sqlite3')),
]
Rectified = Annotated[
    bool | None,
    typer.Option(
        '--rectified/--unrectified',
        help="Whether the images are rectified already; default: by the topic's name.",
    ),
]


def number_or_auto(text: str) -> float | None:
    """The number that an option gives, or None for the word auto."""
    if text == 'auto':
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f'{text!r} is no number and not auto') from None


def threads_or_auto(text: str) -> int | None:
    """As `number_or_auto`, of threads."""
    if (number := number_or_auto(text)) is None:
        return None
    if number not in range(1, 1025):
        raise typer.BadParameter(f'{text!r} is not within 1 to 1024')
    return int(number)


def given(context: typer.Context) -> dict[str, str]:
    """Parameters that stand on the command line: their names, and the option or argument."""
    found = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or '')
        if source is not None and source.name == 'COMMANDLINE':
            found[parameter.name or ''] = parameter.opts[0]
    return found
