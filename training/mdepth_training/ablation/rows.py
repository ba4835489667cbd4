# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models that are there, and the frames of the synthetic world on which they are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, read_card
from mdepth_training.ablation.held_out import HeldOut
from mdepth_training.config import Data, SyntheticData


def models_and_frames(
    rows: Sequence[str],
    drives: int,
    frames: int,
    first_seed: int,
    appearance: float,
    moving: float,
) -> tuple[dict[str, list[Path]], HeldOut]:
    """The models of each row, and the held-out drives in the size and camera of the first one.

    rows  models as `FILE` or `NAME=FILE,FILE,...`

    Raises MdepthError where a model cannot be read, or is made for other pairs than the first one.
    """
    files = _named(rows)
    cards = {file: read_card(file) for of_row in files.values() for file in of_row}
    first = next(iter(cards.values()))
    _same_interval(cards)
    height, width = first.input_size
    world = SyntheticData(appearance=appearance, moving=moving)
    data = Data(frame_interval=first.frame_interval, synthetic=world)
    camera = Camera.from_normalised(width, height, *first.camera)
    return files, HeldOut(data, camera, drives, frames, first_seed)


def _named(rows: Sequence[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for row in rows:
        name, equals, listed = row.partition('=')
        if Path(row).is_file() or not equals:
            name, listed = Path(row).stem, row
        files = [row] if Path(row).is_file() else listed.split(',')
        if name in found:
            raise MdepthError(f'two rows are called {name}: give names, NAME={row}')
        found[name] = [Path(file) for file in files]
    return found


def _same_interval(cards: Mapping[Path, ModelCard]) -> None:
    one, *others = cards.items()
    for file, card in others:
        if not math.isclose(card.frame_interval, one[1].frame_interval):
            raise MdepthError(
                f'{file} is for frames {card.frame_interval:g} s apart, {one[0]} for '
                f'{one[1].frame_interval:g} s: score them in tables of their own'
            )
