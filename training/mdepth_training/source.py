# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an experiment to its triplets, and to the triplets of its validation loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console
from mdepth_training.config import Data, Experiment
from mdepth_training.data import TripletSource, open_triplets
from mdepth_training.data.mixed import Mixed
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.files import alone
from mdepth_training.labels import Labelled, LabelStore
from mdepth_training.labels.origin import as_json
from mdepth_training.run_folder import is_first_process, settings_of

_WORLD = ('appearance', 'least_appearance', 'cameras', 'moving')
"""Settings of the synthetic world that change the images of a drive, not its name."""


def open_source(
    experiment: Experiment, cache: Path, labels: Sequence[str] | None = None
) -> TripletSource:
    """Open what the experiment learns from; what must be made first is made once, in `cache`.

    labels  to read with the images; None: those of the method

    Processes that learn together all call this: one prepares, the others wait and find it done.
    Raises MdepthError where the recordings or labels cannot be used.
    """
    stores = _stores(experiment)  # what is wrong with them is said before anything is rendered
    with _alone(cache):
        source = _opened(experiment, experiment.data.parts, cache)
    names = experiment.method.labels if labels is None else labels
    return _labelled(source, stores, names)


def open_validation(experiment: Experiment, cache: Path) -> TripletSource | None:
    """Open what the validation loss is measured on; None where the experiment names nothing."""
    parts = {
        name: replace(
            data, recordings=data.validation or data.recordings, split=data.validation_split
        )
        for name, data in experiment.data.parts.items()
        if data.validation or data.validation_split
    }
    if not parts:
        return None
    with _alone(cache):
        if is_first_process():
            Console().print('For the validation loss:')
        source = _opened(experiment, parts, cache)
    stores, drives = _stores(experiment), source.drive_frames()
    if all(any(store.drive(drive) for store in stores) for drive in drives):
        return _labelled(source, stores, experiment.method.labels)
    return source


def print_damage(source: TripletSource) -> None:
    """Say which images could not be read while it was learned from them."""
    for line in source.damage():
        Console().print(line, style='yellow', markup=False, highlight=False, soft_wrap=True)


def _stores(experiment: Experiment) -> list[LabelStore]:
    stores = [LabelStore.open(Path(path).expanduser()) for path in experiment.data.labels]
    if not experiment.data.sources and not experiment.data.recordings:
        for store in stores:
            _check_world(store, experiment)
    return stores


def _check_world(store: LabelStore, experiment: Experiment) -> None:
    """Raise MdepthError where the labels are of drives that were rendered otherwise.

    Their names and stamps do not tell it.
    """
    made = store.origin.get('made_of', {}).get('settings', {})
    here = as_json(dict(settings_of(experiment)))
    for name in (f'data.synthetic.{item}' for item in _WORLD):
        if name in made and made[name] != here[name]:
            raise MdepthError(
                f'the labels in {store.path} are of other images: {name} is {made[name]} there '
                f'and {here[name]} here; set it as there, or make the labels again'
            )


def _labelled(
    source: TripletSource, stores: Sequence[LabelStore], names: Sequence[str]
) -> TripletSource:
    return Labelled(source, stores, names) if stores and names else source


def _opened(experiment: Experiment, parts: dict[str, Data], cache: Path) -> TripletSource:
    """The sources of some parts of the data, as one."""
    found = {name: _one(experiment, data, cache) for name, data in parts.items()}
    if not experiment.data.sources:
        return found['']
    every = zip(experiment.data.parts, experiment.data.sources, strict=True)
    weights = {name: one.weight for name, one in every if name in found}
    heaviest = found[max(weights, key=lambda name: weights[name])]
    # The camera of rendered drives is the experiment's, and the recordings are held against it.
    camera = experiment.camera if experiment.data.rendered else heaviest.camera
    return Mixed(found, list(weights.values()), camera)


def _one(experiment: Experiment, data: Data, cache: Path) -> TripletSource:
    if not data.recordings:
        return SyntheticTriplets(replace(experiment, data=data), cache)
    return open_triplets(
        data.recordings,
        input_size=experiment.input_size,
        frame_interval=data.frame_interval,
        split=Path(data.split).expanduser() if data.split else None,
        stereo=experiment.method.stereo,
        skip_static=data.skip_static,
        cache=cache,
        console=Console(quiet=not is_first_process()),
    )


def _alone(cache: Path) -> AbstractContextManager[None]:
    """Let one process at a time prepare data; the first one of a run says that it waits."""

    def wait() -> None:
        if is_first_process():
            Console().print(f'waiting for another run that prepares data in {cache}')

    return alone(cache, wait)
