# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes several drives at once, and tells how far all of them are."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import cv2
import torch

from mdepth_training.data.extract_drive import Options, extract_drive
from mdepth_training.machine import when_parent_ends


class StoppedError(Exception):
    """The extraction of a drive was given up because another one failed for good."""


class Pool:
    """Makes drives: one in this process, several in processes of their own.

    `jobs` processors are shared out: each process decodes in so many threads. Leaving the context
    stops what still runs; an unfinished drive leaves nothing behind.
    """

    def __init__(self, processes: int, jobs: int) -> None:
        self._threads = max(1, jobs // processes)
        context = multiprocessing.get_context('spawn')  # threads do not survive a fork
        self._read, self._stop = context.Value('q', 0), context.Event()
        self._executor: Executor
        if processes == 1:
            self._executor = ThreadPoolExecutor(1, initializer=_begin, initargs=self._shared)
        else:
            self._executor = ProcessPoolExecutor(processes, context, _begin_process, self._shared)
        self._running: dict[Future[dict[str, Any]], str] = {}

    @property
    def _shared(self) -> tuple[Any, Any]:
        return self._read, self._stop

    def start(self, name: str, recording: Path, folder: Path, options: Options) -> None:
        """Begin a drive, or queue it."""
        future = self._executor.submit(_make, recording, folder, options, self._threads)
        self._running[future] = name

    def finished(
        self, show: Callable[[int], None]
    ) -> Iterator[tuple[str, Future[dict[str, Any]]]]:
        """Yield the drives as they are done; `show` gets the number of images read so far."""
        running = set(self._running)
        while running:
            done, running = wait(running, timeout=0.2, return_when='FIRST_COMPLETED')
            show(self._read.value)
            for future in done:
                yield self._running[future], future

    def __enter__(self) -> Pool:
        self._torch_threads, self._cv_threads = torch.get_num_threads(), cv2.getNumThreads()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()  # Ctrl-C, or a full disk: nobody waits for the rest
        self._executor.shutdown(cancel_futures=True)
        torch.set_num_threads(self._torch_threads)
        cv2.setNumThreads(self._cv_threads)


_shared: tuple[Any, Any]  # of this process: images read by all of them, and whether to stop


def _begin(*shared: Any) -> None:
    global _shared
    _shared = shared
    torch.set_num_threads(1)  # the threads of a drive are enough
    cv2.setNumThreads(1)


def _begin_process(*shared: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and says `stop`
    # A parent that was killed cannot say `stop`, and a process without work waits for ever.
    when_parent_ends(lambda: os._exit(1))
    _begin(*shared)


def _make(recording: Path, folder: Path, options: Options, threads: int) -> dict[str, Any]:
    read, stop = _shared

    def tick() -> None:
        if stop.is_set():
            raise StoppedError
        with read.get_lock():
            read.value += 1

    return extract_drive(recording, folder, options, threads=threads, tick=tick)
