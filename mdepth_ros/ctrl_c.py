# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C does to a program, from its first line to its last; needs nothing but Python.

A KeyboardInterrupt belongs where it is caught. In the middle of an import it surfaces anywhere,
also where it can only be printed, and behind the last `try` it is a traceback and a bad status.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


class _CtrlC:
    def __init__(self) -> None:
        self._ours = False

    def leave_at_once(self, status: int = 0) -> None:
        """End the process: while it loads what it needs, and has nothing to clean up.

        Only where Ctrl-C was a KeyboardInterrupt before: whoever made a process deaf to it, or
        listens, knows why. The other methods do nothing then.
        """
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._ours = True
            signal.signal(signal.SIGINT, lambda number, frame: os._exit(status))

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt: as soon as somebody catches it."""
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def ignore(self) -> None:
        """Do nothing: the process ends anyway.

        Python itself puts the default back when it ends, which kills, but leaves this alone. End
        with `leave` or sys.exit() all the same: a program that runs to its last line ends by the
        signal where a KeyboardInterrupt once left an exec() of text, as in an import that defines
        a dataclass, even if it was caught further out.
        """
        if self._ours:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def leave(self, status: int) -> None:
        """End the process that has closed what it opened; what it printed still goes out.

        Python would now take every module apart, and torch and the DDS library all they made: on a
        busy machine that takes seconds, for memory that the system takes back at once. Whoever
        pressed Ctrl-C waits, and `ros2 launch` after five seconds sends SIGTERM. Only for a
        program's own last line: nothing behind it runs, nor what is registered with atexit.
        """
        self.ignore()
        # Not above: this module is the first thing that a program loads.
        import ctypes
        import logging
        from contextlib import suppress

        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # none, its reader gone, closed
                stream.flush()
        if os.name == 'posix':
            ctypes.CDLL(None).fflush(None)  # what C still keeps, as of the log files of rclpy
        os._exit(status)


ctrl_c = _CtrlC()
