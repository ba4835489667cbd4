# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of `mdepth-train` have."""

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        '--set', help='Override a setting, such as training.steps=100; often if need be.'
    ),
]
Minutes = Annotated[
    float | None, typer.Option(min=0, help='Stop after so long; the same command goes on.')
]
Cache = Annotated[
    Path | None, typer.Option(help='Folder for rendered or extracted drives, to share them.')
]
