# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.task`: a result that comes later."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any


class Future:
    """The outcome of a call; whoever waits adds a callback, or spins until it is done.

    Callbacks run in the thread that sets the result: for the answer of a service, the executor's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], None]] = []

    def done(self) -> bool:
        """Whether there is a result or an exception."""
        return self._done

    def result(self) -> Any:
        """The result, or None where there is none yet; raises the exception that was set."""
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """The exception that was set, if any."""
        return self._exception

    def set_result(self, result: Any) -> None:
        """Be done with a result."""
        self._finish(result, None)

    def set_exception(self, exception: BaseException) -> None:
        """Be done with an exception, which `result` will raise."""
        self._finish(None, exception)

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        """Have a callback called with this future once it is done; at once where it is."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self, result: Any, exception: BaseException | None) -> None:
        with self._lock:
            self._result, self._exception = result, exception
            self._done, self._cancelled = True, False
        self._call_back()

    def _call_back(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback(self)
            except Exception as error:
                # The others must be called too.
                warnings.warn(f'Unhandled exception in done callback: {error}', stacklevel=3)
