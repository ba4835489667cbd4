# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings -> a dataset folder: one folder of images per drive, and dataset.json.

A drive is there when it is whole: one that was interrupted is made again by the same command, and
those that are finished are left alone. Several recordings are read by as many processes; within
one of them threads decode, rectify and encode, and the bag is read by one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, progress_bar, say
from mdepth_ros.texts import parse_json, read_json
from mdepth_training.config import load_experiment
from mdepth_training.data.extract_drive import FACTS, Options
from mdepth_training.data.extract_pool import Pool
from mdepth_training.data.folder import recordings_in
from mdepth_training.files import alone, write_whole
from mdepth_training.machine import version_of

FULL = {errno.ENOSPC, errno.EDQUOT}
PACKAGES = ('mdepth_ros', 'mdepth-training', 'opencv-python-headless', 'torch')


@dataclass
class Dataset:
    """What `extract` made, or found made: facts by name of the drive, a line per failure.

    tells_failures  whether they are printed at once
    """

    folder: Path
    tells_failures: bool = True
    drives: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    console: Console = field(default_factory=partial(Console, stderr=True, highlight=False))

    @property
    def frames(self) -> int:
        """Images of all drives."""
        return sum(int(facts['frames']) for facts in self.drives.values())

    def save(self) -> None:
        """Write dataset.json, whole or not at all."""
        made_by = {name: version_of(name, '') for name in PACKAGES}
        text = json.dumps({'format': 1, 'made_by': made_by, 'drives': self.drives}, indent=2)
        write_whole(self.folder / 'dataset.json', text + '\n')

    def tell(self, line: str) -> None:
        """Print a line, beside the progress."""
        self.console.print(line, markup=False, soft_wrap=True)

    def fail(self, recording: Path, error: Exception) -> None:
        """Note that a recording gives no drive, and why."""
        why = str(error)
        self.failures.append(why if str(recording) in why else f'{recording}: {why}')
        if self.tells_failures:
            self.tell(f'skipped {self.failures[-1]}')


def read_dataset_file(folder: Path) -> dict[str, dict[str, Any]]:
    """The facts of dataset.json by drive; none where there is no such file."""
    path = folder / 'dataset.json'
    if not path.exists():
        return {}
    try:
        drives = read_json(path)['drives']
        return {name: dict(facts) for name, facts in drives.items() if (folder / name).is_dir()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MdepthError(
            f'{path} is damaged, or not of this program: choose another --output'
        ) from None


def _unlisted(folder: Path) -> dict[str, dict[str, Any]]:
    """The facts of drives that are whole but not in dataset.json: the program was killed there."""
    found = {}
    for file in sorted(folder.glob(f'*/{FACTS}')):
        with contextlib.suppress(OSError, ValueError, TypeError):
            facts = dict[str, Any](read_json(file))
            if {'source', 'options', 'frames'} <= facts.keys():  # else it is somebody else's
                found[file.parent.name] = facts
    return found


def extract(
    recordings: Sequence[str | Path],
    output: Path,
    options: Options | None = None,
    *,
    jobs: int | None = None,
    tells_failures: bool = True,
) -> Dataset:
    """Turn recordings into drives in the folder `output`; see the module and `Options`.

    A folder of recordings stands for them. One that cannot be used costs a line in `failures` and
    no other. Nothing is ever deleted but what this made. Raises MdepthError where no recording can
    be used, and for a full disk: what is finished stays.
    """
    options = options or Options()
    jobs = jobs or len(os.sched_getaffinity(0))
    dataset = Dataset(output, tells_failures)
    message = f'waiting for another extraction into {output}'
    with alone(output, lambda: dataset.tell(message)):
        listed, whole = read_dataset_file(output), _unlisted(output)
        dataset.drives = whole | listed
        if whole.keys() - listed.keys():
            dataset.save()
        paths = [Path(os.path.abspath(recording)) for recording in recordings]  # noqa: PTH100
        single = [one for path in paths for one in recordings_in(path) or [path]]
        todo = _plan(single, dataset, options)
        if todo:
            with Pool(min(jobs, len(todo)), jobs) as pool:
                _run(pool, todo, dataset, options)
    if not dataset.drives:
        raise MdepthError(f'nothing to extract: {dataset.failures[0]}')
    return dataset


def _plan(
    recordings: Sequence[Path], dataset: Dataset, options: Options
) -> dict[str, tuple[Path, int | None]]:
    """What is still to be made: name of the drive -> (recording, number of its images)."""
    finished = {facts['source']: name for name, facts in dataset.drives.items()}
    todo: dict[str, tuple[Path, int | None]] = {}
    for recording in dict.fromkeys(recordings):
        source = str(recording.resolve())
        if source in finished:
            name = finished[source]
            # A drive of an older version does not know the options that came since.
            before = parse_json(json.dumps(asdict(Options()))) | dataset.drives[name]['options']
            if before != parse_json(json.dumps(asdict(options))):
                raise MdepthError(
                    f'{dataset.folder / name} was made of {recording} with other options: '
                    'delete it, or choose another --output'
                )
            # A drive of an older version does not know what its recording was like.
            then = dataset.drives[name].get('state', now := options.state(recording))
            changed = (
                f', but {recording} was changed since: delete {dataset.folder / name} to make it '
                'again'
            )
            dataset.tell(f'{name}: finished already{"" if then == now else changed}')
            continue
        try:
            total = options.open(recording).total
        except MdepthError as error:
            dataset.fail(recording, error)
            continue
        there = {path.name for path in dataset.folder.iterdir()}
        name = _name(recording, {*todo, *dataset.drives, *there})
        todo[name] = recording, total
    return todo


def _name(recording: Path, taken: set[str]) -> str:
    """A name for the drive: that of the recording, with its folder's where that is taken.

    Of a link it is that of the link.
    """
    stem = recording.name if recording.is_dir() else recording.stem
    candidates = [stem, f'{recording.parent.name}-{stem}']
    candidates += [f'{stem}-{number}' for number in range(2, len(taken) + 3)]
    return next(name for name in candidates if name not in taken)


def _run(
    pool: Pool, todo: dict[str, tuple[Path, int | None]], dataset: Dataset, options: Options
) -> None:
    for name, (recording, _) in todo.items():
        pool.start(name, recording, dataset.folder / name, options)
    totals = [total for _, total in todo.values()]
    known = None if None in totals else sum(total for total in totals if total is not None)
    with progress_bar(dataset.console, 'extracting', known) as update:
        for name, future in pool.finished(lambda read: update(completed=read)):
            try:
                dataset.drives[name] = facts = future.result()
            except MdepthError as error:
                dataset.fail(todo[name][0], error)
                continue
            except BrokenProcessPool:
                raise MdepthError(
                    'a process was killed, perhaps for want of memory: run the same command '
                    'again with fewer --jobs; what is finished stays'
                ) from None
            except OSError as error:
                if error.errno not in FULL:
                    dataset.fail(todo[name][0], error)
                    continue
                raise MdepthError(
                    f'{dataset.folder}: {error.strerror}: free some space and run the same '
                    'command again; what is finished stays'
                ) from None
            dataset.save()
            dataset.tell(_line(name, facts))


def _line(name: str, facts: dict[str, Any]) -> str:
    """What became of a recording, in a line."""
    width, height = facts['size']
    dropped = sum(facts['dropped'].values())
    parts = [
        f'{name}: {facts["frames"]} of {facts["frames"] + dropped} images',
        f'{width}x{height}, {facts["median_interval"]:.3f} s apart',
        *(f'{count} {why}' for why, count in facts['dropped'].items()),
        *facts['notes'],
    ]
    truth = facts.get('truth', {})
    parts += [
        f'{truth[kind] or "no"} true {kind}' for kind in ('depths', 'poses') if kind in truth
    ]
    return '; '.join(parts)


def extract_command(
    recordings: Sequence[Path],
    output: Path,
    config: Path | None,
    size: str | None,
    jobs: int | None,
    **options: Any,
) -> None:
    """Extract as the command line says, and say how to go on."""
    if size is not None:
        options['size'] = _size(size)
    if config is not None:
        experiment = load_experiment(config)
        options['input_size'] = experiment.input_size
        options['frame_interval'] = experiment.data.frame_interval
    dataset = extract(recordings, output, Options(**options), jobs=jobs)
    lines = [
        f'{output}: {len(dataset.drives)} drives, {dataset.frames} images',
        f'go on with: mdepth-train fit {config or "CONFIG"} -o RUN --set '
        + shlex.quote(f'data.recordings={output}'),
    ]
    for line in lines:
        say(line)
    if dataset.failures:
        raise MdepthError(f'{len(dataset.failures)} of the recordings gave no drive, see above')


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal()):
        raise MdepthError(f'--size {text}: give it as WIDTHxHEIGHT, such as 960x288')
    return int(width), int(height)
