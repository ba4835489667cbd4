# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in a program that loads, works, and ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

START = """
import os, signal
from mdepth_ros.ctrl_c import ctrl_c
send = lambda kill=os.kill, me=os.getpid(): kill(me, signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
LATE = """
class Late:
    def __del__(self, send=send):
        send()
late = Late()
late.itself = late
"""


def run(code: str) -> tuple[int, str, str]:
    found = subprocess.run(
        [sys.executable, '-c', START + code], capture_output=True, text=True, timeout=120
    )
    return found.returncode, found.stdout, found.stderr


@pytest.mark.parametrize('status', [0, 130])
def test_while_it_loads_it_leaves_at_once(status: int) -> None:
    code = f'ctrl_c.leave_at_once({status})\ntry:\n  send()\nfinally:\n  print("finally")'
    assert run(code) == (status, '', '')


def test_while_it_works_it_is_an_exception() -> None:
    code = 'ctrl_c.leave_at_once()\nctrl_c.interrupt()\n'
    code += 'try:\n  send()\nexcept KeyboardInterrupt:\n  print("interrupted")'
    assert run(code) == (0, 'interrupted\n', '')


def test_while_it_ends_it_is_nothing() -> None:
    """Not even while Python takes the modules apart, when no handler runs any more."""
    assert run('ctrl_c.leave_at_once()\nctrl_c.ignore()\nsend()\nprint("end")\n' + LATE) == (
        0, 'end\n', '',
    )  # fmt: skip
    assert run(LATE)[0] != 0  # so it is without


@pytest.mark.parametrize('end', ['ctrl_c.leave(0)', 'ctrl_c.ignore()\nraise SystemExit(0)'])
def test_an_interrupt_that_left_an_exec_is_forgotten(end: str) -> None:
    """CPython's run_eval_code_obj remembers it, and kills a process that runs to its last line."""
    caught = 'try:\n  exec("send()")\nexcept KeyboardInterrupt:\n  pass\n'
    code = 'ctrl_c.leave_at_once()\nctrl_c.interrupt()\n' + caught
    assert run(code + end) == (0, '', '')
    assert run(code)[0] == -2  # so it is without


def test_leaving_says_what_was_printed_and_skips_what_would_take_time() -> None:
    code = 'import atexit, logging, logging.handlers, sys, threading, time\n'
    code += 'threading.Thread(target=time.sleep, args=(1e5,)).start()\n'
    code += 'atexit.register(print, "atexit")\n'
    code += 'kept = logging.handlers.MemoryHandler(9, target=logging.StreamHandler(sys.stderr))\n'
    code += 'logging.getLogger().addHandler(kept)\nlogging.error("logged")\n'
    code += 'print("out", end="")\nctrl_c.leave(5)\nprint("behind")\n' + LATE
    assert run(code) == (5, 'out', 'logged\n')


def test_leaving_writes_what_c_keeps(tmp_path: Path) -> None:
    """On rclpy the log file is written by C; a signal shuts rclpy down, but not that."""
    code = 'import ctypes\nc = ctypes.CDLL(None)\nc.fopen.restype = ctypes.c_void_p\n'
    code += f'file = ctypes.c_void_p(c.fopen(b"{tmp_path}/log", b"w"))\n'
    code += 'c.fputs(b"line", file)\nctrl_c.leave(0)'
    assert run(code) == (0, '', '')
    assert (tmp_path / 'log').read_text() == 'line'


def test_leaving_where_nobody_reads() -> None:
    code = 'import sys\nsys.stderr = None\nsys.stdout = open(1, "w", closefd=False)\n'
    code += 'sys.stdout.write("lost")\nos.close(1)\nctrl_c.leave(0)'
    assert run(code) == (0, '', '')


def test_whoever_is_deaf_or_listens_himself_stays_so() -> None:
    for handler in ('signal.SIG_IGN', 'lambda *_: print("own")'):
        code = f'handler = {handler}\nsignal.signal(signal.SIGINT, handler)\n'
        code += 'ctrl_c.leave_at_once(3)\nctrl_c.interrupt()\nctrl_c.ignore()\n'
        code += 'assert signal.getsignal(signal.SIGINT) is handler\n'
        assert run(code) == (0, '', '')
