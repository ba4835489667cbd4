# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who starts when, what happens to one that fails, and when the time is over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from io import StringIO
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from mdepth_training.ablation.plan import Run
from mdepth_training.ablation.runs import (
    OUTPUT,
    _environment,
    _stop,
    interrupt_main,
    last_line,
    run_all,
)
from mdepth_training.machine import when_parent_ends
from rich.console import Console

from mdepth_ros.errors import MdepthError

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='signals')


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    made = [Run('variant', seed, (), tmp_path / f'run{seed}', 'variant') for seed in range(4)]
    for run in made:
        run.folder.mkdir()
    return made


def work(run: Run) -> None:
    (run.folder / 'begun').write_text(str(time.time()))
    if run.seed == 1:
        (run.folder / OUTPUT).write_text('step 7\nerror: the loss became nan\n\n')
        sys.exit(1)
    time.sleep(0.2)
    (run.folder / 'done').write_text(str(time.time()))


def linger(run: Run) -> None:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    linger_on(run)


def linger_on(run: Run) -> None:
    (run.folder / 'begun').write_text(str(os.getpid()))
    time.sleep(100)


def parent(run: Run) -> None:
    starts(orphan)(run).join()


def orphan(run: Run) -> None:
    when_parent_ends(interrupt_main)
    linger(run)


def deaf(run: Run) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    linger_on(run)


def starts(target: Callable[[Run], None]) -> Callable[[Run], BaseProcess]:
    # A fork is at hand at once, and these children do nothing that a fork must not.
    context = multiprocessing.get_context('fork')

    def start(run: Run) -> BaseProcess:
        process = context.Process(target=target, args=(run,))
        process.start()
        return process

    return start


def done(run: Run) -> bool:
    return (run.folder / 'done').exists()


def test_one_that_fails_is_reported_and_the_others_go_on(runs: list[Run]) -> None:
    out = StringIO()
    console = Console(file=out, width=200)
    failures = run_all(runs, starts(work), done, jobs=2, console=console)
    assert failures == {'run1': 'error: the loss became nan'}
    assert [done(run) for run in runs] == [True, False, True, True]
    assert 'run3: finished (3 of 4)' in out.getvalue()


def test_finished_runs_are_not_started_again(runs: list[Run]) -> None:
    for run in runs[1:]:
        (run.folder / 'done').write_text('')
    run_all(runs, starts(work), done)
    assert (runs[0].folder / 'begun').exists() and not (runs[2].folder / 'begun').exists()


def test_jobs_run_side_by_side_and_no_more(runs: list[Run]) -> None:
    alive: list[int] = []
    processes: list[BaseProcess] = []
    start = starts(work)

    def counted(run: Run) -> BaseProcess:
        alive.append(sum(process.is_alive() for process in processes))
        processes.append(start(run))
        return processes[-1]

    run_all(runs, counted, done, jobs=3)
    assert len(processes) == 4 and max(alive) <= 2


def test_nothing_starts_after_the_end(runs: list[Run]) -> None:
    assert run_all(runs, starts(work), done, end=time.time() - 1) == {}
    assert not any((run.folder / 'begun').exists() for run in runs)


@pytest.mark.parametrize('asked', [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_children_in_one_line(
    runs: list[Run], asked: signal.Signals
) -> None:
    def interrupt() -> None:
        give_up = time.time() + 60
        while not (runs[0].folder / 'begun').exists() and time.time() < give_up:
            time.sleep(0.02)
        os.kill(os.getpid(), asked)

    processes: list[BaseProcess] = []
    start = starts(linger)

    def kept(run: Run) -> BaseProcess:
        processes.append(start(run))
        return processes[-1]

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(MdepthError, match='interrupted with 0 of 4 runs finished'):
        run_all(runs, kept, done)
    thread.join()
    assert len(processes) == 1 and processes[0].exitcode == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def begun(run: Run) -> int:
    give_up = time.time() + 60
    while not (run.folder / 'begun').exists() or not (run.folder / 'begun').read_text():
        assert time.time() < give_up
        time.sleep(0.02)
    return int((run.folder / 'begun').read_text())


def test_an_interruption_during_a_start_leaves_no_child(runs: list[Run]) -> None:
    processes: list[BaseProcess] = []
    start = starts(linger)

    def interrupted(run: Run) -> BaseProcess:
        processes.append(start(run))
        begun(run)
        os.kill(os.getpid(), signal.SIGINT)
        return processes[-1]

    with pytest.raises(MdepthError, match='interrupted with 0 of 4 runs finished'):
        run_all(runs, interrupted, done)
    assert [process.exitcode for process in processes] == [0]


def test_one_that_hears_nothing_is_ended(runs: list[Run]) -> None:
    process = starts(deaf)(runs[0])
    begun(runs[0])
    _stop([process], patience=0.1)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='/proc')
def test_a_run_ends_with_the_ablation_that_was_killed(runs: list[Run]) -> None:
    process = starts(parent)(runs[0])
    child = begun(runs[0])
    process.kill()
    give_up = time.time() + 60
    status = Path(f'/proc/{child}/stat')
    while status.exists() and ' Z ' not in status.read_text():  # who collects it takes his time
        assert time.time() < give_up
        time.sleep(0.02)


def test_children_get_a_share_of_the_cores_and_the_user_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    with _environment(OMP_NUM_THREADS='3'):
        assert os.environ['OMP_NUM_THREADS'] == '3'
    assert 'OMP_NUM_THREADS' not in os.environ
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    with _environment(OMP_NUM_THREADS='3'):
        assert os.environ['OMP_NUM_THREADS'] == '1'
    assert os.environ['OMP_NUM_THREADS'] == '1'


def test_the_last_line_of_nothing(tmp_path: Path) -> None:
    assert last_line(tmp_path / 'none.txt') == 'it ended without a word'
