# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.signals`: SIGINT and SIGTERM shut the contexts down, so that spinning ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from types import FrameType
from typing import Any

from .context import alive_contexts


class SignalHandlerOptions(IntFlag):
    """Which signals are handled."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


class _Handlers:
    def __init__(self) -> None:
        self._spinning = 0  # executors that spin in the main thread, one in the other
        self._previous: dict[int, Any] = {}

    @contextmanager
    def spinning(self) -> Iterator[bool]:
        """While an executor spins; tells whether that is in the main thread."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._spinning += in_main_thread
        try:
            yield in_main_thread
        finally:
            self._spinning -= in_main_thread

    def install(self, options: SignalHandlerOptions) -> None:
        # Python lets only the main thread set handlers; elsewhere the program keeps its own.
        if threading.current_thread() is not threading.main_thread():
            return
        for option in (SignalHandlerOptions.SIGINT, SignalHandlerOptions.SIGTERM):
            number = signal.Signals[str(option.name)]
            if option in options and number not in self._previous:
                self._previous[number] = signal.signal(number, self._handle)
            elif option not in options:
                self._restore(number)

    def uninstall(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in list(self._previous):
                self._restore(number)

    def _restore(self, number: int) -> None:
        previous = self._previous.pop(number, None)
        if previous is not None and signal.getsignal(number) == self._handle:
            signal.signal(number, previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        contexts = alive_contexts()
        for context in contexts:
            context.try_shutdown()
        if contexts and self._spinning:
            return  # the executor sees to the rest, and nothing is torn in the middle
        previous = self._previous.get(number)
        if callable(previous):
            previous(number, frame)  # Ctrl-C outside of spin(), or again: KeyboardInterrupt
        elif previous == signal.SIG_DFL and not contexts:
            self._restore(number)
            signal.raise_signal(number)


handlers = _Handlers()


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Handle these signals, and no others; without effect outside of the main thread.

    A signal shuts all contexts down. While the main thread spins, that is all; else, and for a
    second signal, what was there before is called too (for SIGINT, KeyboardInterrupt).
    """
    handlers.install(options)


def uninstall_signal_handlers() -> None:
    """Put back what was there before."""
    handlers.uninstall()
