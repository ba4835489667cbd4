# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs cases in forked processes with limits, and says what broke the rule."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from mdepth_ros.errors import MdepthError

Files = Mapping[str, bytes]
HANGS = 10  # times the limit of processor time that a case may take by the clock
_RUNS = {
    *('os.system', 'os.exec', 'os.posix_spawn', 'os.fork', 'os.forkpty', 'os.spawn'),
    *('subprocess.Popen', 'pickle.find_class', 'socket.connect'),
}
_CHANGES = {'os.remove', 'os.rename', 'os.rmdir', 'os.mkdir', 'os.link', 'os.symlink'}


@dataclass(frozen=True)
class Target:
    """One kind of input.

    make  the files of a case, by their names in a folder
    use   reads that folder as mdepth does, with the case's own chance; whatever is not finite or
          not sound it refuses by `sound`
    lines  its own lines, beside MdepthError and OSError
    """

    make: Callable[[Random], Files]
    use: Callable[[Path, Random], object]
    lines: tuple[type[BaseException], ...] = ()


@dataclass
class Outcome:
    """Of the cases of one target: counts, the longest in seconds, and (case, what happened)."""

    results: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[tuple[int, str]] = field(default_factory=list)


class _Forbidden(BaseException):
    """Not an Exception: nothing that mdepth tries may hide it."""


def sound(condition: object, what: str) -> None:
    """Refuse a result that breaks the rule."""
    if not condition:
        raise AssertionError(what)


def random_of(name: str, seed: int, case: int) -> Random:
    """All chance of a case."""
    return Random(f'{name} {seed} {case}')


def run_target(
    name: str, target: Target, seed: int, cases: range, seconds: float, megabytes: int, end: float
) -> Outcome:
    """Run cases until they are done or the clock (time.monotonic) is past `end`.

    seconds, megabytes  of processor time and of memory beside what is loaded, for one case
    """
    outcome, case = Outcome(), cases.start
    while case < cases.stop and time.monotonic() < end:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(name, target, seed, range(case, cases.stop), seconds, megabytes, writing)
        os.close(writing)
        case = _watch(child, reading, outcome, case, seconds, end)
    return outcome


def _watch(
    child: int, reading: int, outcome: Outcome, case: int, seconds: float, end: float
) -> int:
    """Read what a child says of its cases; return the case that comes next."""
    why = ''
    with os.fdopen(reading, 'rb') as pipe:
        while time.monotonic() < end:
            if not select.select([pipe], [], [], HANGS * seconds)[0]:
                why = f'it stood still for {HANGS * seconds:g} s'
                break
            line = pipe.readline()
            if not line:
                break
            took, kind, what = json.loads(line)
            outcome.seconds = max(outcome.seconds, took)
            if kind == 'result':
                outcome.results += 1
            elif kind == 'line':
                outcome.refused[what] += 1
            else:
                outcome.faults.append((case, what))
            case += 1
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return case
    if why:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return case
    number = os.WTERMSIG(status)
    if number == signal.SIGPROF:
        why = f'it took more than {seconds:g} s of processor time'
    outcome.faults.append((case, why or f'the process died: signal {number}'))
    return case + 1


def _child(
    name: str,
    target: Target,
    seed: int,
    cases: range,
    seconds: float,
    megabytes: int,
    writing: int,
) -> NoReturn:
    status = 1
    try:
        folder = Path(tempfile.mkdtemp(prefix='mdepth-fuzz-')).resolve()
        for number in (1, 2):  # the libraries that decode images talk
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        _guard(folder)
        used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, most))
        for case in cases:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            start = time.process_time()
            kind, what = _one(target, random_of(name, seed, case), folder)
            said = json.dumps((time.process_time() - start, kind, what)) + '\n'
            os.write(writing, said.encode())
        shutil.rmtree(folder, ignore_errors=True)
        status = 0
    finally:
        os._exit(status)


def _one(target: Target, rng: Random, folder: Path) -> tuple[str, str]:
    """What came of a case: 'result', 'line' with its kind, or 'fault' with a traceback."""
    try:
        shutil.rmtree(folder / 'in', ignore_errors=True)
        write_files(folder / 'in', target.make(rng))
        os.chdir(folder / 'in')
        target.use(folder / 'in', rng)
        return 'result', ''
    except (MdepthError, OSError, *target.lines) as error:
        return 'line', type(error).__name__
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code == 2:
            return 'line', 'SystemExit'
        return 'fault', ''.join(traceback.format_exception(error, limit=-6)).strip()


def write_files(folder: Path, files: Files) -> None:
    """Write the files of a case."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _guard(folder: Path) -> None:
    """From now on this process runs no program, and writes only in its folder."""

    def inside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        found = os.path.realpath(os.fsdecode(path))
        return found.startswith((str(folder), '/dev/', '/proc/'))

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _RUNS:
            raise _Forbidden(f'{event} {arguments!r}'[:300])
        if event == 'open':
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) if isinstance(flags, int) else 0
            if (writes or set(mode or '') & set('wax+')) and not inside(path):
                raise _Forbidden(f'writes {path}')
        elif event in _CHANGES and not inside(arguments[0]):
            raise _Forbidden(f'{event} {arguments[0]}')

    sys.addaudithook(look)
