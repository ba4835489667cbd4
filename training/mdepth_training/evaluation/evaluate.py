# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train evaluate MODEL --data PATH`: score, print, write."""

from __future__ import annotations

import os
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console
from mdepth_training.evaluation import report
from mdepth_training.evaluation.pictures import draw
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.protocols import (
    PROTOCOLS,
    READABLE,
    guess_protocol,
    open_shots,
    replaced,
)
from mdepth_training.evaluation.score import Result, score
from mdepth_training.evaluation.shots import Options
from mdepth_training.evaluation.trivial import training_prior


def evaluate(
    model: Path,
    data: Path,
    protocol: str | None = None,
    *,
    output: Path | None = None,
    split: Path | None = None,
    topic: str | None = None,
    intrinsics: str | None = None,
    rectified: bool | None = None,
    masks: Path | None = None,
    depth_unit: float | None = None,
    crop: str | None = None,
    cap: float | None = None,
    view: str | None = None,
    camera_height: float | None = None,
    prior: Path | None = None,
    first_frame: str = 'duplicate',
    precision: str = 'auto',
    refined: bool = True,
    cues: bool = True,
    limit: int | None = None,
) -> Result:
    """Score a model on a data set by a protocol (guessed from the data), as the command says.

    crop, cap, view and camera_height replace what the protocol says. Raises MdepthError for what
    a user can mend.
    """
    # What lies in a folder called '.' is one drive too, and its parent has the calibration.
    data = Path(os.path.abspath(data))  # noqa: PTH100 - a link keeps its name
    name = protocol or guess_protocol(data)
    if name not in READABLE:
        raise MdepthError(f'--protocol {name}: choose from {", ".join(READABLE)}')
    rules = replaced(PROTOCOLS[name], crop, cap, view, camera_height)
    predictor = Predictor(
        model,
        whole=rules.whole,
        first_frame=first_frame,
        precision=precision,
        refined=refined,
        cues=cues,
    )
    card = predictor.card
    told = (split, topic, intrinsics, rectified, masks, depth_unit)
    options = Options(card.frame_interval, card.camera, *told)
    shots = open_shots(data, name, options).first(limit)
    console = Console(highlight=False, markup=False)
    try:
        layout = training_prior(model, card, prior)
    except MdepthError as error:
        if prior is not None:
            raise
        # What lies beside a model, perhaps of another version, is no reason to score nothing.
        console.print(f'the layout of its training world is left out: {error}')
        layout = {}
    result = score(predictor, shots, rules, layout)
    report.show(result, console)
    if output is not None:
        report.write(result, output)
        draw(predictor, shots, result, output / 'depth.png')
        console.print(f'written: {output / "scores.md"}')
    return result
