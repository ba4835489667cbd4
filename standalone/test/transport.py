# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests that talk: on this machine only, in a ROS domain of their own, never waiting for ever.

What is here is plain rclpy: it runs with ROS 2 and without it. Importing it skips a test module
where there is neither ROS 2 nor Cyclone DDS.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ros2_standalone

ROOT = Path(__file__).resolve().parents[1]
STANDALONE = ros2_standalone.ensure()
only_standalone = pytest.mark.skipif(not STANDALONE, reason='looks inside')
LIMIT = 30.0  # seconds; a machine that is busy with other things must not fail a test

if STANDALONE:
    pytest.importorskip('cyclonedds', reason='no wheel for this Python')


def domain() -> int:
    """The ROS domain of these tests, and of the processes that they start."""
    return int(os.environ['ROS_DOMAIN_ID'])


@contextmanager
def context(args: list[str] | None = None) -> Iterator[Any]:
    """A context of its own, shut down at the end."""
    from rclpy.context import Context

    made = Context()
    made.init(args or [])
    try:
        yield made
    finally:
        made.try_shutdown()


def wait_until(condition: Callable[[], Any], what: str = 'condition') -> None:
    """Wait until something holds, or fail."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f'{what} did not come within {LIMIT} s'
        time.sleep(0.01)


def spin_until(executor: Any, condition: Callable[[], Any], what: str = 'condition') -> None:
    """Run callbacks until something holds, or fail."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f'{what} did not come within {LIMIT} s'
        executor.spin_once(timeout_sec=0.05)


@contextmanager
def process(code: str) -> Iterator[subprocess.Popen[str]]:
    """Python code in a process of its own, with the environment of the test."""
    head = 'import ros2_standalone\nros2_standalone.ensure()\n'
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    started = subprocess.Popen(
        [sys.executable, '-c', head + code],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
            started.communicate()


def finish(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a process that ends by itself."""
    out, err = started.communicate(timeout=LIMIT)
    return started.returncode, out, err
