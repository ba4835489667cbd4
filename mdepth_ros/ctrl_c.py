# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C does in each phase of a program. Needs the standard library only.

Python raises KeyboardInterrupt wherever the program is at that moment. During imports there are
places where nobody can catch it, and after the last `try` it becomes a traceback and a wrong exit
status.
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
        """Ctrl-C ends the process: while it loads, and there is nothing to clean up.

        Where Ctrl-C is ignored already (as by nohup), or somebody else handles it, this and the
        other methods change nothing.
        """
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._ours = True
            signal.signal(signal.SIGINT, lambda number, frame: os._exit(status))

    def interrupt(self) -> None:
        """Ctrl-C raises KeyboardInterrupt: from where on somebody catches it."""
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def ignore(self) -> None:
        """Ctrl-C does nothing: the process is about to end.

        When Python ends, it restores the handler that kills the process, but not where the signal
        is ignored. End with `leave` or sys.exit(): a program that runs to its last line ends as if
        killed by the signal if a KeyboardInterrupt has left an exec() of text, even where it was
        caught. Defining a dataclass calls exec().
        """
        if self._ours:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def leave(self, status: int) -> None:
        """End the process, which has closed its files; what it printed is still written.

        The normal end frees every module, and all memory of torch and the DDS library. On a busy
        machine this takes seconds, and the system frees the memory anyway. The user waits, and
        `ros2 launch` sends SIGTERM after five seconds. Only for the last line of a program:
        nothing after it runs, and no function that is registered with atexit.
        """
        self.ignore()
        # Imported here: this module is the first that a program loads.
        import ctypes
        import logging
        from contextlib import suppress

        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # none, its reader gone, closed
                stream.flush()
        if os.name == 'posix':
            ctypes.CDLL(None).fflush(None)  # the buffers of C, as of rclpy's log files
        os._exit(status)


ctrl_c = _CtrlC()
