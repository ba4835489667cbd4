# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-depth as a stage of a chain, and as a command of its own."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say
from mdepth_training.config import Experiment
from mdepth_training.data import Drive, Key, TripletSource, open_drives
from mdepth_training.labels import LabelMaker, LabelStore, pictures, write_labels
from mdepth_training.labels.pseudo import PseudoSettings, provider_of, pseudo_maker
from mdepth_training.labels.pseudo.images import FrameImages
from mdepth_training.labels.pseudo.maker import SCENE
from mdepth_training.labels.pseudo.provider import AFFINE
from mdepth_training.source import open_source
from mdepth_training.stages.stage import Stage
from mdepth_training.tiles import GREY, Bgr

SHEET = 'sheet.png'
LARGER = 4
"""How much larger than for the small network bags are extracted for a large one, at most."""


def stage_maker(stage: Stage) -> LabelMaker:
    """What a stage's block `pseudo` says; where it names no provider, that of its model."""
    settings = stage.pseudo
    if not settings.provider and stage.model_file is not None:
        settings = replace(settings, provider=str(stage.model_file))
    experiment = stage.experiment
    provider = provider_of(settings, experiment)
    reopen = larger_files(experiment, stage.cache or stage.folder)
    return pseudo_maker(provider, experiment.input_size, reopen, scenes_of(experiment))


def scenes_of(experiment: Experiment) -> list[LabelStore]:
    """The label stores of an experiment that say the depth of the scene."""
    stores = [LabelStore.open(Path(path).expanduser()) for path in experiment.data.labels]
    return [store for store in stores if SCENE in store.kinds]


def larger_files(experiment: Experiment, cache: Path) -> Callable[[], list[Drive]]:
    """What opens the recordings again: bags and videos as images of LARGER times the size."""
    height, width = experiment.input_size

    def reopen() -> list[Drive]:
        return open_drives(
            [path for part in experiment.data.parts.values() for path in part.recordings],
            cache=cache,
            input_size=(LARGER * height, LARGER * width),
            frame_interval=experiment.data.frame_interval,
        )

    return reopen


def pseudo_command(
    recordings: Sequence[Path],
    settings: PseudoSettings,
    output: Path,
    experiment: Experiment,
    minutes: float | None = None,
    cache: Path | None = None,
) -> bool:
    """Write pseudo-depth of all frames into a store, and a sheet of it; True when all is there."""
    if recordings:
        data = replace(experiment.data, recordings=tuple(map(str, recordings)), sources=())
        experiment = replace(experiment, data=data)
    provider = provider_of(settings, experiment)
    cache = cache or output.parent / 'cache'
    source = open_source(experiment, cache, ())
    reopen, scenes = larger_files(experiment, cache), scenes_of(experiment)
    maker = pseudo_maker(provider, experiment.input_size, reopen, scenes)
    (kind,) = maker.kinds.values()
    say(kind.description)
    command = shlex.join(['mdepth-train', *sys.argv[1:]])
    try:
        done = write_labels(
            maker,
            source,
            output,
            {'method': 'pseudo', 'settings': asdict(settings)},
            command,
            what='pseudo-depth',
            batch_size=experiment.training.batch_size,
            workers=experiment.data.workers,
            end=None if minutes is None else time.time() + 60 * minutes,
        )
    except KeyboardInterrupt:
        raise MdepthError('interrupted: the same command goes on there') from None
    store = LabelStore.open(output)
    keys = source.frame_keys()
    missing = set(store.missing(keys))
    there = [key for key in keys if key not in missing]
    if there:
        sheet = output / SHEET
        images = _images(source, experiment.input_size)
        pictures.write_sheet(store, there, sheet, images, provider.known == AFFINE)
        say(f'the sheet: {sheet}')
    return done


def _images(source: TripletSource, size: tuple[int, int]) -> pictures.Images:
    frames = FrameImages(source, lambda _: size)
    places = {key: place for place, key in enumerate(source.frame_keys())}

    def image(key: Key) -> Bgr:
        found = frames.batch([places[key]]).current
        if not len(found):  # it cannot be read
            return np.full((*size, 3), GREY, np.uint8)
        return np.ascontiguousarray(found[0].numpy()[::-1].transpose(1, 2, 0))

    return image
