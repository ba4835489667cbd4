# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: what was asked for, and what ran where."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.utilities import rank_zero_only

from mdepth_ros.core.machine import usable_cores
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import read_plain
from mdepth_ros.texts import read_json
from mdepth_training.config import Experiment, load_experiment
from mdepth_training.files import write_whole
from mdepth_training.machine import version_of

CHECKPOINT = 'last.ckpt'
NO_EFFECT = {'save_every', 'images_every', 'validate_every', 'workers'}  # on what is learned
# A run that goes on may find its data elsewhere.
_MAY_CHANGE = {
    *('recordings', 'split', 'validation', 'validation_split', 'labels'),
    *('initial', 'teacher_model'),
    *NO_EFFECT,
}
_PACKAGES = (
    'mdepth_ros',
    'mdepth-training',
    'torch',
    'lightning-fabric',
    'numpy',
    'opencv-python',
)


def is_first_process() -> bool:
    """Whether this is the first of the processes that learn together, on all machines."""
    # Before there is a trainer, a machine that was started by hand has only NODE_RANK to tell.
    node = os.environ.get('NODE_RANK', os.environ.get('GROUP_RANK', '0'))
    return not rank_zero_only.rank and node in ('', '0')


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep every other run out of the folder of a run; the processes of one run share it.

    Raises MdepthError where another has it.
    """
    if not is_first_process():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.run.lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MdepthError(
                f'another process learns in {folder}: wait for it, or choose another --output'
            ) from None
        yield


def check_folder(experiment: Experiment, output: Path, resume: bool) -> Path | None:
    """Return the checkpoint to go on from; None for a new run.

    Raises MdepthError where the folder holds a run that is not to be resumed, or cannot be: its
    checkpoint is damaged, or it was begun with other settings.
    """
    last, begun = output / CHECKPOINT, output / 'experiment.yaml'
    if not last.exists():
        return None
    if not resume:
        raise MdepthError(
            f'{output} holds a run already: add --resume, or choose another --output'
        )
    if not _is_checkpoint(last):
        raise MdepthError(
            f'{last} is cut off or damaged: remove it and learn anew, or take it from a backup'
        )
    if begun.exists() and begun.stat().st_size:
        before = dict(settings_of(load_experiment(begun)))
        for name, value in settings_of(experiment):
            same = name not in before or before[name] == value  # not in: of another method
            if not same and name.rpartition('.')[2] not in _MAY_CHANGE:
                raise MdepthError(
                    f'{output} was begun with {name}={before[name]}, not {value}: leave that as '
                    'it was, or choose another --output (training.initial goes on from a model)'
                )
    return last


def _is_checkpoint(path: Path) -> bool:
    """Whether it holds what a run goes on from; nothing in it is run."""
    try:
        content = read_plain(path)
    except MdepthError:
        return False
    return isinstance(content, dict) and {'state_dict', 'global_step'} <= content.keys()


def settings_of(experiment: Experiment) -> Iterator[tuple[str, Any]]:
    """Every setting by its full name, but for `camera`, which recordings bring."""

    def walk(values: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from walk(value, f'{where}{name}.')
            elif where or name != 'camera' or not experiment.data.recorded:
                yield where + name, value

    return walk(asdict(experiment), '')


@dataclass(frozen=True)
class Origin:
    """Where the first weights of a run come from, in words, and their licence ('': our own)."""

    weights: str
    licence: str = ''


def first_origin(output: Path) -> Origin:
    """What the first start of a run that is resumed said."""
    first = next(iter(read_starts(output)), {})
    return Origin(str(first.get('weights', 'a checkpoint')), str(first.get('licence', '')))


def git_state() -> str:
    """Name the commit that makes a run, with a + where files differ from it."""
    # An installed copy may lie in a folder below somebody's own repository: that is not meant.
    tracked = _git('ls-files', Path(__file__).name)
    state = _git('describe', '--always', '--dirty=+') if tracked else b''
    return state.decode().strip() or 'unknown'


def code_version() -> str:
    """As `git_state`, and after the + a number that differs where the changes do."""
    state = git_state()
    if not state.endswith('+'):
        return state
    return state + hashlib.sha256(_git('diff', '--binary', 'HEAD')).hexdigest()[:12]


def record_start(output: Path, experiment: Experiment, details: Mapping[str, Any]) -> None:
    """Add this start to run.json; where the code differs from its commit, keep the difference."""
    path = output / 'run.json'
    starts = read_starts(output)
    git = git_state()
    if git.endswith('+'):
        (output / f'code-{len(starts)}.patch').write_bytes(_git('diff', '--binary', 'HEAD'))
    starts.append(
        {
            'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            'command': sys.argv,
            'git': git,
            'seed': experiment.training.seed,
            **details,
            'python': platform.python_version(),
            'packages': {name: version_of(name) for name in _PACKAGES},
            'machine': platform.platform(),
            'cores': usable_cores(),
            'devices': [
                torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
            ],
        }
    )
    write_whole(path, json.dumps(starts, indent=1) + '\n')


def read_starts(output: Path) -> list[dict[str, Any]]:
    """What run.json says of the starts so far; none where it is missing or damaged."""
    try:
        starts = read_json(output / 'run.json')
    except (OSError, ValueError):
        return []
    found = starts if isinstance(starts, list) else []
    return [start for start in found if isinstance(start, dict)]


def _git(*arguments: str) -> bytes:
    try:
        run = subprocess.run(
            ['git', *arguments], cwd=Path(__file__).parent, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return b''
    return run.stdout
