# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N818 (these are the names that rclpy gave them)
"""`rclpy.executors`: one thread that waits for many things and does them one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .context import Context, get_default_context
from .cyclone import INFINITY
from .dds import Guard, WaitSet
from .signals import handlers
from .task import Future
from .timers import Timer
from .waiting import Waitable

# Python handles a signal only between its own instructions, so the main thread may not wait long.
SIGNAL_CHECK = 100_000_000  # nanoseconds


class ExternalShutdownException(Exception):
    """Raised where the context is shut down while an executor waits."""


class SingleThreadedExecutor:
    """Runs the callbacks of its nodes in the thread that spins, one at a time.

    All that is ready has its turn before anything is waited for again: timers first, then the
    nodes' subscriptions, clients and services, in the order they were made.
    """

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = get_default_context() if context is None else context
        self._guard = Guard(self._context.participant)
        self._wait_set = WaitSet(self._context.participant)
        self._nodes: list[Any] = []
        self._ready: deque[Waitable] = deque()
        self._by_handle: dict[int, Waitable] = {}
        self._timers: list[Timer] = []
        self._stale = True
        self._is_shutdown = False
        self._context.on_shutdown(self.wake)

    @property
    def context(self) -> Context:
        """The context of its nodes."""
        return self._context

    def add_node(self, node: Any) -> bool:
        """Take care of a node, which leaves the executor it had; False where it is here."""
        if node in self._nodes:
            return False
        self._nodes = [*self._nodes, node]
        node.executor = self
        self.changed()
        return True

    def remove_node(self, node: Any) -> None:
        """Take care of a node no more."""
        self._nodes = [kept for kept in self._nodes if kept is not node]
        self.changed()

    def wake(self) -> None:
        """End the wait that is going on, from any thread."""
        self._guard.trigger()

    def changed(self) -> None:
        """Look again at what the nodes have."""
        self._stale = True
        self.wake()

    def spin(self) -> None:
        """Run callbacks until the context or the executor is shut down.

        Raises ExternalShutdownException where the context is shut down while nothing runs, and
        whatever a callback raises.
        """
        with handlers.spinning():
            while self._context.ok() and not self._is_shutdown:
                self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback; wait for it as long as need be, or at most so many seconds."""
        self._spin_once(timeout_sec, lambda: False)

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until the future is done, or for so many seconds."""
        future.add_done_callback(lambda _: self.wake())
        forever = timeout_sec is None or timeout_sec < 0
        end = 0.0 if forever else time.monotonic() + (timeout_sec or 0)
        while self._context.ok() and not future.done() and not self._is_shutdown:
            left = None if forever else max(end - time.monotonic(), 0)
            self._spin_once(left, future.done)
            if not forever and time.monotonic() >= end:
                return

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop for good; it forgets its nodes. True: no callback is waited for."""
        if not self._is_shutdown:
            self._is_shutdown = True
            self.wake()
            self._nodes = []
            self._ready.clear()
            self._wait_set.delete()
            self._guard.delete()
        return True

    def __enter__(self) -> SingleThreadedExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _spin_once(self, timeout_sec: float | None, finished: Callable[[], bool]) -> None:
        forever = timeout_sec is None or timeout_sec < 0
        end = INFINITY if forever else time.monotonic_ns() + int((timeout_sec or 0) * 1e9)
        with handlers.spinning() as in_main_thread:
            while not self._is_shutdown and not finished():
                if self._run_ready():
                    return
                self._guard.clear()  # what happens from here on ends the wait below
                if self._is_shutdown or finished():
                    continue
                self._wait(end, SIGNAL_CHECK if in_main_thread else INFINITY)
                if not self._ready and time.monotonic_ns() >= end:
                    return

    def _run_ready(self) -> bool:
        """Do one piece of work; False where nothing is ready."""
        while self._ready:
            if self._ready.popleft().execute():
                return True
        return False

    def _wait(self, end: int, longest: int) -> None:
        """Fill the queue of what is ready, after a wait no longer than need be."""
        if self._stale:
            self._collect()
        limits = [timer.wait_limit() for timer in self._timers]
        limit = min([longest, *(value for value in limits if value is not None)])
        handles = []
        if self._context.ok():
            handles = self._wait_set.wait(max(min(limit, end - time.monotonic_ns()), 0))
        if not self._context.ok():
            raise ExternalShutdownException
        self._ready.extend(timer for timer in self._timers if timer.is_ready())
        woken = {id(self._by_handle[each]) for each in handles if each in self._by_handle}
        each_once = dict.fromkeys(self._by_handle.values()) if woken else {}
        self._ready.extend(each for each in each_once if id(each) in woken)

    def _collect(self) -> None:
        self._stale = False
        waitables = [item for node in self._nodes for item in node.waitables]
        self._timers = [item for item in waitables if isinstance(item, Timer)]
        self._by_handle = {handle: item for item in waitables for handle in item.handles}
        self._wait_set.attach_only({self._guard.handle, *self._by_handle})


Executor = SingleThreadedExecutor
