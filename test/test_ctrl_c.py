# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in a program that loads, works, and ends."""

from __future__ import annotations

import subprocess
import sys

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


def test_an_interrupt_that_left_an_exec_is_forgotten() -> None:
    """CPython's run_eval_code_obj remembers it, and kills the process when all is done."""
    caught = 'try:\n  exec("send()")\nexcept KeyboardInterrupt:\n  pass\n'
    code = 'ctrl_c.leave_at_once()\nctrl_c.interrupt()\n' + caught
    assert run(f'{code}ctrl_c.ignore()') == (0, '', '')
    assert run(code)[0] == -2  # so it is without


def test_whoever_is_deaf_or_listens_himself_stays_so() -> None:
    for handler in ('signal.SIG_IGN', 'lambda *_: print("own")'):
        code = f'handler = {handler}\nsignal.signal(signal.SIGINT, handler)\n'
        code += 'ctrl_c.leave_at_once(3)\nctrl_c.interrupt()\nctrl_c.ignore()\n'
        code += 'assert signal.getsignal(signal.SIGINT) is handler\n'
        assert run(code) == (0, '', '')
