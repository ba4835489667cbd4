# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the models lie that come with the package."""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.errors import MdepthError

FOR_ROADS = 'road-nano.safetensors'
FOR_THE_PLAIN_WORLD = 'synthetic-nano.safetensors'


def shipped_model(name: str = FOR_ROADS) -> Path:
    """Return a model that is shipped: installed with the package, or in its repository.

    Raises MdepthError where it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    folders = (
        package.parent / 'models',  # a clone
        *(parent / 'share' / 'mdepth_ros' / 'models' for parent in package.parents),  # installed
    )
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MdepthError(f'the shipped model {name} is not installed: name one with --model')
