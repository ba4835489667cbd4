# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands on a live graph share: rclpy from the first to the last line, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def live_node(name: str, *, use_sim_time: bool = False) -> Iterator[Any]:
    """A node of a command. Ctrl-C and SIGTERM end the block quietly: they are how one stops it.

    rclpy's own handlers would only end a `spin`; Python's interrupt a sleep and a write as well.
    The process's number makes the node's name unique: two players are two nodes.
    """
    from mdepth_ros.ctrl_c import ctrl_c
    from mdepth_ros.ros.node import BaseNode

    # isort: split
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    overrides = [Parameter('use_sim_time', value=True)] if use_sim_time else []
    node = BaseNode(
        f'{name}_{os.getpid()}', parameter_overrides=overrides, start_parameter_services=False
    )
    try:
        with _interruptible():
            yield node
    except KeyboardInterrupt:
        pass
    finally:
        ctrl_c.ignore()
        node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM are a KeyboardInterrupt, also for a job in the background of a script.

    A shell makes such a job deaf to SIGINT; `ros2 launch` and containers send SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
