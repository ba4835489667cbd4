# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.context`: what the nodes of a process share, from init() to shutdown()."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ros2_standalone.errors import StandaloneError

from .arguments import Arguments, parse
from .dds import Participant
from .discovery import Graph


def get_default_domain_id() -> int:
    """ROS_DOMAIN_ID, or 0; StandaloneError where it is no number that ROS 2 allows."""
    text = os.environ.get('ROS_DOMAIN_ID') or '0'
    if not text.isascii() or not text.isdigit() or int(text) > 232:
        raise StandaloneError(f'ROS_DOMAIN_ID is {text!r}: set it to a number from 0 to 232')
    return int(text)


class Context:
    """From init() to shutdown(): one participant in the ROS domain, and the arguments.

    After shutdown the nodes can't be used, but keep what they have until they are destroyed; the
    participant goes with the last of them.
    """

    def __init__(self) -> None:
        # Reentrant: a signal may shut down while the same thread is in here.
        self._lock = threading.RLock()
        self._ok = False
        self._used = False
        self._users = 0
        self._callbacks: list[Callable[[], Callable[[], None] | None]] = []
        self._arguments: Arguments | None = None
        self._participant: Participant | None = None
        self._graph: Graph | None = None
        self.global_executor: Any = None  # of spin() and its kin

    def init(
        self,
        args: list[str] | None = None,
        *,
        initialize_logging: bool = True,
        domain_id: int | None = None,
    ) -> None:
        """Join the ROS domain; args: sys.argv where None.

        Raises RuntimeError where it was called before, RCLInvalidROSArgsError or
        UnknownROSArgsError for bad arguments, StandaloneError where Cyclone DDS is not installed
        or the environment asks for nonsense.
        """
        with self._lock:
            if self._used:
                raise RuntimeError('Context.init() must only be called once')
            if domain_id is not None and domain_id < 0:
                raise RuntimeError(f'Domain id ({domain_id}) should not be lower than zero.')
            self._arguments = parse(sys.argv if args is None else args)
            if initialize_logging:
                self._arguments.apply_log_levels()
            chosen = get_default_domain_id() if domain_id is None else domain_id
            self._participant = Participant(chosen)
            self._graph = Graph(self._participant)
            self._ok = self._used = True
            _alive.add(self)

    def ok(self) -> bool:
        """Whether it is between init() and shutdown()."""
        return self._ok

    def get_domain_id(self) -> int:
        """Number of the ROS domain."""
        return self.participant.domain_id

    @property
    def participant(self) -> Participant:
        """The DDS participant; RuntimeError before init() and after the end."""
        if self._participant is None:
            raise RuntimeError('Context must be initialized, and not yet destroyed')
        return self._participant

    @property
    def graph(self) -> Graph:
        """What is known of the other nodes; RuntimeError as for `participant`."""
        if self._graph is None:
            raise RuntimeError('Context must be initialized, and not yet destroyed')
        return self._graph

    @property
    def arguments(self) -> Arguments:
        """What the command line said; RuntimeError before init()."""
        if self._arguments is None:
            raise RuntimeError('Context must be initialized before it has arguments')
        return self._arguments

    def shutdown(self) -> None:
        """End it; RuntimeError where it has not begun or has ended already."""
        if not self._ok:
            raise RuntimeError('Context must be initialized before it can be shutdown')
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """End it where it has not ended: spinning stops, callbacks of on_shutdown() are called."""
        with self._lock:
            if not self._ok:
                return
            self._ok = False
            callbacks, self._callbacks = self._callbacks, []
        for reference in callbacks:
            callback = reference()
            if callback is not None:
                callback()
        self._release()

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Have a callback called on shutdown; at once after it. A bound method is held weakly."""
        if not callable(callback):
            raise TypeError(f'callback should be a callable, got {type(callback)}')
        with self._lock:
            if self._ok or not self._used:
                weak = hasattr(callback, '__self__') and hasattr(callback, '__func__')
                self._callbacks = [kept for kept in self._callbacks if kept() is not None]
                self._callbacks.append(weakref.WeakMethod(callback) if weak else lambda: callback)
                return
        callback()

    def destroy(self) -> None:
        """End it, and delete all DDS entities, whoever still holds them."""
        self.try_shutdown()
        with self._lock:
            participant, graph = self._participant, self._graph
            self._participant = self._graph = None
        if participant is not None and graph is not None:
            graph.close()
            participant.delete()

    def use(self) -> None:
        """Keep the participant for one more node."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Need it no more."""
        with self._lock:
            self._users -= 1
        self._release()

    def _release(self) -> None:
        """Delete the participant once nobody needs it any more."""
        if not self._ok and self._users <= 0:
            self.destroy()

    def __enter__(self) -> Context:
        self.init()
        return self

    def __exit__(self, *_: object) -> None:
        self.try_shutdown()


_alive: weakref.WeakSet[Context] = weakref.WeakSet()
_default: Context | None = None


@atexit.register
def _destroy_all() -> None:
    # Before the interpreter is gone that threads of Cyclone DDS want to tell of freed types.
    for context in list(_alive):
        context.destroy()


def get_default_context(*, shutting_down: bool = False) -> Context:
    """The context of functions that are given none; shutting_down: the next call makes a new one.

    A context is used once, so the next init() needs another.
    """
    global _default
    if _default is None:
        _default = Context()
    context = _default
    if shutting_down:
        _default = None
    return context


def alive_contexts() -> list[Context]:
    """The contexts between init() and shutdown()."""
    return [context for context in list(_alive) if context.ok()]
