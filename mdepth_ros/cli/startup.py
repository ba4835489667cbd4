# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a command does before it loads anything that takes time; imported by main.py alone."""

from __future__ import annotations

import os
import sys

from mdepth_ros.ctrl_c import ctrl_c

# Idle OpenMP threads that spin steal time from every other process, and from our own second
# pool; libgomp reads this once, when torch is loaded.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

# Commands that go on until Ctrl-C: that is no failure, however early it comes.
LIVE = bool({'node', 'play', 'record'} & set(sys.argv[1:2]))
PROGRAMS = ('mdepth', 'mdepth.exe', os.path.join('cli', 'main.py'))  # noqa: PTH118 (loads pathlib)
PROCESS = sys.argv[0].endswith(PROGRAMS)  # and not a test, or whoever else calls a command
if PROCESS:
    ctrl_c.leave_at_once(0 if LIVE else 130)
