# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Signals that end a process."""

from __future__ import annotations

import signal
import time

import pytest
from transport import STANDALONE, finish, process

# isort: split


SPINNING = """
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
rclpy.init()
node = Node('spinning')
node.create_timer(0.01, lambda: None)
node.create_timer(0.02, lambda: print('ready', flush=True))
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException) as end:
    print(type(end).__name__)
print(rclpy.ok())
node.destroy_node()
rclpy.try_shutdown()
"""


@pytest.mark.skipif(not STANDALONE, reason='rclpy does it its own way')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_cleanly(number: int) -> None:
    with process(SPINNING) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == 'ready\n'
        begin = time.monotonic()
        started.send_signal(number)
        status, out, problems = finish(started)
        assert time.monotonic() - begin < 10
    assert (status, problems) == (0, '')
    # Between two waits, spin() just returns.
    said = [line for line in out.split() if line != 'ready']
    assert said in [['False'], ['ExternalShutdownException', 'False']]


@pytest.mark.skipif(not STANDALONE, reason='rclpy does it its own way')
def test_ctrl_c_outside_of_spin_is_a_keyboard_interrupt() -> None:
    code = """
import time
import rclpy
rclpy.init()
try:
    print('ready', flush=True)
    time.sleep(100)
except KeyboardInterrupt:
    print('interrupted', rclpy.ok())
"""
    with process(code) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == 'ready\n'
        started.send_signal(signal.SIGINT)
        assert finish(started) == (0, 'interrupted False\n', '')
