# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an experiment to its triplets, and to the triplets of its validation loss."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mdepth_ros.terminal import Console
from mdepth_training.config import Experiment
from mdepth_training.data import Triplets, TripletSource, open_triplets
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.run_folder import is_first_process


def open_source(experiment: Experiment, cache: Path) -> TripletSource:
    """Open what the experiment learns from; what must be made first is made once, in `cache`.

    Processes that learn together all call this: one prepares, the others wait and find it done.
    Raises MdepthError where the recordings cannot be used.
    """
    with _alone(cache):
        if not experiment.data.recordings:
            return SyntheticTriplets(experiment, cache)
        return _recorded(experiment, experiment.data.recordings, experiment.data.split, cache)


def open_validation(experiment: Experiment, cache: Path) -> TripletSource | None:
    """Open what the validation loss is measured on; None where the experiment names nothing."""
    data = experiment.data
    if not (data.validation or data.validation_split):
        return None
    with _alone(cache):
        if is_first_process():
            Console().print('For the validation loss:')
        recordings = data.validation or data.recordings
        return _recorded(experiment, recordings, data.validation_split, cache)


def print_damage(source: TripletSource) -> None:
    """Say which images could not be read while it was learned from them."""
    if isinstance(source, Triplets):
        for line in source.damage():
            Console().print(line, style='yellow', markup=False, highlight=False, soft_wrap=True)


def _recorded(
    experiment: Experiment, recordings: tuple[str, ...], split: str, cache: Path
) -> TripletSource:
    data = experiment.data
    return open_triplets(
        recordings,
        input_size=experiment.input_size,
        frame_interval=data.frame_interval,
        split=Path(split).expanduser() if split else None,
        stereo=experiment.method.stereo,
        skip_static=data.skip_static,
        cache=cache,
        console=Console(quiet=not is_first_process()),
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time prepare data in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
