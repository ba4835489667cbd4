# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.logging`: lines on stderr such as `[INFO] [1700000000.123456789] [node]: text`.

A logger below another ('node.tf') has the other's level unless it has its own. As in rclpy, one
line of code that logs keeps its severity and its filters (throttle, skip_first, once).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import FrameType
from typing import Any

S_TO_NS = 1_000_000_000


class LoggingSeverity(IntEnum):
    """How much a message matters; UNSET: as the logger above."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


@dataclass(frozen=True)
class Record:
    """One message that was logged; stamp in nanoseconds of system time."""

    name: str
    severity: LoggingSeverity
    message: str
    stamp: int
    file: str
    function: str
    line: int


@dataclass
class _CallSite:
    """What a line of code that logs asked for, and when it last got through."""

    severity: LoggingSeverity
    filters: dict[str, Any]
    calls: int = 0
    shown: float = -float('inf')

    def lets_through(self) -> bool:
        self.calls += 1
        now = time.monotonic()
        if now < self.shown + self.filters.get('throttle_duration_sec', 0.0):
            return False
        if self.filters.get('skip_first') and self.calls == 1:
            return False
        if self.filters.get('once') and self.shown > -float('inf'):
            return False
        self.shown = now
        return True


class Logger:
    """A named source of messages. Every call tells whether the message was logged.

    Filters: throttle_duration_sec (s) at most once in that time; skip_first: not the first time;
    once: only the first time.
    """

    def __init__(self, name: str = '') -> None:
        self.name = name
        self._sites: dict[tuple[Any, int], _CallSite] = {}

    def get_child(self, name: str) -> Logger:
        """Logger 'this.name'."""
        if not name:
            raise ValueError('Child logger name must not be empty.')
        return Logger(f'{self.name}.{name}' if self.name else name)

    def set_level(self, level: int) -> None:
        """Log messages of this severity and above."""
        set_logger_level(self.name, level)

    def get_effective_level(self) -> LoggingSeverity:
        """The severity from which on messages are logged."""
        return get_logger_effective_level(self.name)

    def is_enabled_for(self, severity: int) -> bool:
        """Whether messages of a severity are logged."""
        return LoggingSeverity(severity) >= self.get_effective_level()

    def debug(self, message: str, **filters: Any) -> bool:
        """Log a message for who looks into a problem."""
        return self._log(message, LoggingSeverity.DEBUG, filters, sys._getframe(1))

    def info(self, message: str, **filters: Any) -> bool:
        """Log what goes as it should."""
        return self._log(message, LoggingSeverity.INFO, filters, sys._getframe(1))

    def warning(self, message: str, **filters: Any) -> bool:
        """Log what may be wrong."""
        return self._log(message, LoggingSeverity.WARN, filters, sys._getframe(1))

    def warn(self, message: str, **filters: Any) -> bool:
        """Log what may be wrong; the older name of `warning`."""
        return self._log(message, LoggingSeverity.WARN, filters, sys._getframe(1))

    def error(self, message: str, **filters: Any) -> bool:
        """Log what went wrong."""
        return self._log(message, LoggingSeverity.ERROR, filters, sys._getframe(1))

    def fatal(self, message: str, **filters: Any) -> bool:
        """Log what ends the program."""
        return self._log(message, LoggingSeverity.FATAL, filters, sys._getframe(1))

    def log(self, message: str, severity: int, **filters: Any) -> bool:
        """Log a message of any severity."""
        return self._log(message, LoggingSeverity(severity), filters, sys._getframe(1))

    def _log(
        self, message: str, severity: LoggingSeverity, filters: dict[str, Any], frame: FrameType
    ) -> bool:
        if not self.is_enabled_for(severity):
            return False
        for name in filters:
            if name not in ('throttle_duration_sec', 'skip_first', 'once'):
                raise TypeError(f"Logging has no filter '{name}'")
        site = self._sites.setdefault((frame.f_code, frame.f_lasti), _CallSite(severity, filters))
        if site.severity != severity:
            raise ValueError('Logger severity cannot be changed between calls.')
        if site.filters != filters:
            raise ValueError('Logging filter parameters cannot be changed between calls.')
        if not site.lets_through():
            return False
        code = frame.f_code
        where = (code.co_filename, code.co_name, frame.f_lineno)
        _emit(Record(self.name, severity, str(message), time.time_ns(), *where))
        return True


_lock = threading.RLock()
_levels: dict[str, LoggingSeverity] = {'': LoggingSeverity.INFO}
_sinks: list[Callable[[Record], None]] = []


def _emit(record: Record) -> None:
    sec, nanosec = divmod(record.stamp, S_TO_NS)
    head = f'[{record.severity.name}] [{sec}.{nanosec:09d}] [{record.name}]'
    with _lock:
        print(f'{head}: {record.message}', file=sys.stderr, flush=True)
        sinks = list(_sinks)
    for sink in sinks:
        sink(record)


def add_sink(sink: Callable[[Record], None]) -> None:
    """Have a callback called with each Record that is logged; nodes publish theirs on /rosout."""
    _sinks.append(sink)


def remove_sink(sink: Callable[[Record], None]) -> None:
    """Stop what add_sink began; ValueError where it did not."""
    _sinks.remove(sink)


def get_logger(name: str) -> Logger:
    """A logger by name; names are words with dots between."""
    if not name:
        raise ValueError('Logger name must not be empty.')
    return Logger(name)


def set_logger_level(name: str, level: int) -> None:
    """Log messages of a severity and above under a name and what is below it; '' is all."""
    _levels[name] = LoggingSeverity(level)


def get_logger_level(name: str) -> LoggingSeverity:
    """The level that was set for a name itself; UNSET where none was."""
    return _levels.get(name, LoggingSeverity.UNSET)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """The level that counts for a name: its own, or that of the nearest name above it."""
    while name:
        if level := _levels.get(name, LoggingSeverity.UNSET):
            return level
        name = name.rpartition('.')[0]
    return _levels[''] or LoggingSeverity.INFO
