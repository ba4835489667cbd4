# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs side by side, each in a process of its own, until all are done or the time is over."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from mdepth_ros.core.machine import usable_cores
from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console
from mdepth_ros.texts import read_json
from mdepth_training.ablation.held_out import HeldOut
from mdepth_training.ablation.plan import Run
from mdepth_training.machine import when_parent_ends
from mdepth_training.run_folder import only_writer
from mdepth_training.stages import run_stage

SCORES, OUTPUT = 'scores.json', 'output.txt'


def scores_of(run: Run, held_out: HeldOut) -> dict[str, float] | None:
    """The scores of a finished run on these drives, else None."""
    try:
        stored = read_json(run.folder / SCORES)
    except (OSError, ValueError):
        return None
    if not isinstance(stored, dict) or stored.get('on') != held_out.key():
        return None
    return stored.get('scores')


def learn_and_score(run: Run, held_out: HeldOut, cache: Path, end: float | None) -> None:
    """Take a run as far as the time (`end`, seconds of time.time) lets it, and score its model."""
    with only_writer(run.folder):
        if not all(run_stage(replace(stage, cache=cache), end) for stage in run.stages):
            return
    scores = held_out.score(run.model, cache)
    stored = {'on': held_out.key(), 'drives': held_out.describe(), 'scores': scores}
    (run.folder / SCORES).write_text(json.dumps(stored, indent=1))


def _child(run: Run, held_out: HeldOut, cache: Path, end: float | None) -> None:
    # Ctrl-C in a terminal goes to `ablate` alone, which asks once: asked twice, a run just ends.
    os.setsid()
    # An `ablate` that was killed asks nobody.
    when_parent_ends(interrupt_main)
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / OUTPUT).open('a', buffering=1) as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        try:
            learn_and_score(run, held_out, cache, end)
        except MdepthError as error:
            sys.exit(f'error: {error}')
        except Exception:
            traceback.print_exc()
            sys.exit(1)


def interrupt_main() -> None:
    """Ask this process to end, as Ctrl-C does, from any of its threads."""
    # A signal that another thread takes does not wake the main one.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


Start = Callable[[Run], BaseProcess]


def start_in_process(
    held_out: HeldOut, cache: Path, end: float | None, jobs: int
) -> Callable[[Run], BaseProcess]:
    """Return what starts a run: a fresh process that has its share of the cores."""
    context = multiprocessing.get_context('spawn')

    def start(run: Run) -> BaseProcess:
        process = context.Process(target=_child, args=(run, held_out, cache, end), name=run.name)
        share = str(max(1, usable_cores() // jobs))
        with _environment(OMP_NUM_THREADS=share, PYTHONUNBUFFERED='1'):
            process.start()
        return process

    return start


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set variables for the processes that start inside; what the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Hear SIGINT and SIGTERM at the end of this.

    Else one that comes between the start of a process and the note of it leaves a process that
    nobody ends, and that Python waits for when it ends itself.
    """
    heard: list[int] = []
    numbers = signal.SIGINT, signal.SIGTERM
    before = {
        number: signal.signal(number, lambda got, _: heard.append(got)) for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for signal_number in heard:
            signal.raise_signal(signal_number)


def run_all(
    runs: Sequence[Run],
    start: Start,
    finished: Callable[[Run], bool],
    *,
    jobs: int = 1,
    end: float | None = None,
    console: Console | None = None,
) -> dict[str, str]:
    """Start the runs that are not finished, `jobs` at a time, and wait for them.

    After `end` none is started; those under way stop by themselves. A run that fails does not
    stop the others. Returns what went wrong, by the run's name.
    """
    console = console or Console(highlight=False, markup=False, soft_wrap=True)
    waiting = deque(run for run in runs if not finished(run))
    done, total = len(runs) - len(waiting), len(runs)
    active: dict[int, tuple[BaseProcess, Run, float]] = {}
    failures: dict[str, str] = {}
    # The end of this process must be heard: its children would go on learning without it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while active or (waiting and (end is None or time.time() < end)):
            while waiting and len(active) < jobs and (end is None or time.time() < end):
                run = waiting.popleft()
                with _signals_later():
                    process = start(run)
                    active[process.sentinel] = process, run, time.time()
                console.print(f'{run.name}: learning, see {run.folder / OUTPUT}')
            for sentinel in wait(list(active)):
                assert isinstance(sentinel, int)
                process, run, began = active.pop(sentinel)
                process.join()
                took = f'{(time.time() - began) / 60:.1f} min'
                if finished(run):
                    done += 1
                    console.print(f'{run.name}: finished ({done} of {total}) after {took}')
                elif process.exitcode:
                    failures[run.name] = last_line(run.folder / OUTPUT)
                    console.print(f'{run.name}: failed after {took}: {failures[run.name]}')
                else:
                    console.print(f'{run.name}: stopped after {took}, the time is over')
    except KeyboardInterrupt:
        raise MdepthError(
            f'interrupted with {done} of {total} runs finished: the same command goes on'
        ) from None
    finally:
        _stop([process for process, _, _ in active.values()])
        signal.signal(signal.SIGTERM, before)
    return failures


def _stop(processes: Sequence[BaseProcess], patience: float = 30) -> None:
    """Ask processes to end (they save where they are), and end those that do not listen.

    A process that is stuck in a library hears no signal but the last one.
    """
    for process in processes:
        if process.is_alive() and process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
    for process in processes:
        process.join(patience)
        for end in (process.terminate, process.kill):
            if process.is_alive():
                end()
                process.join(patience)


def last_line(path: Path) -> str:
    """What a process said last."""
    try:
        lines = [line.strip() for line in path.read_text(errors='replace').splitlines()]
    except OSError:
        lines = []
    return next((line for line in reversed(lines) if line), 'it ended without a word')
