# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a node begins and ends: exit status 0 for Ctrl-C, 1 for a failure, 2 for a user's mistake.

Importing this module loads nothing that takes time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mdepth_ros.ctrl_c import ctrl_c
from mdepth_ros.errors import MdepthError, shown

CHECK = 0.5  # seconds between looks at whether the node has failed

Make = Callable[[], Any]


def start(load: Callable[[], Make], args: Sequence[str] | None = None) -> int:
    """Load what a node is made of, and run it; returns the exit status.

    load  imports the node's class, or whatever makes the node, and returns it
    """
    # Idle OpenMP threads that spin take the cores from everybody else. libgomp reads this once,
    # when torch is loaded.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    ctrl_c.leave_at_once()
    return run_node(load(), args)


def run_node(make: Make, args: Sequence[str] | None = None) -> int:
    """Make a node and spin it until Ctrl-C or its failure; returns the exit status.

    make  gives the node, with `failure`, `exit_status`, `dropped` and `close()`; called after
          rclpy.init(args)
    """
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from mdepth_ros.ros.executor import NodeExecutor

    node, status, initialised = None, 0, False
    try:
        ctrl_c.interrupt()
        rclpy.init(args=None if args is None else list(args))
        initialised = True
        node = make()
        executor = NodeExecutor(node, node.dropped)
        while rclpy.ok() and not node.failure:
            executor.spin_once(timeout_sec=CHECK)
        if node.failure:
            node.get_logger().fatal(shown(node.failure))
            status = node.exit_status
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except MdepthError as error:
        status = _refuse(error)
    except Exception as error:
        if not initialised:  # arguments, or a parameter file, that do not parse
            status = _refuse(error)
        elif rclpy.ok():
            raise
        # Else Ctrl-C came while the node was made: rclpy was shut down beneath it.
    finally:
        _end(node, status, rclpy.try_shutdown)
    return status


def _refuse(error: Exception) -> int:
    print(f'error: {shown(str(error).strip().splitlines()[0])}', file=sys.stderr)
    return 2


def _end(node: Any, status: int, shutdown: Callable[[], object]) -> None:
    ctrl_c.ignore()
    done = True
    try:
        if node is not None:
            done = node.close()
            node.destroy_node()
        shutdown()
    except KeyboardInterrupt:  # a second one, where somebody else listens to it
        done = False
    ctrl_c.ignore()  # rclpy has put back what was before it
    if not done:
        # The networks are in a call that does not end soon, such as the start of CUDA. Python does
        # not wait for their thread, but would take torch away beneath it.
        ctrl_c.leave(status)
