# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cases that break the rule, and some that do not, for the fuzzer's runner.

A program of its own: to fork a process that has threads, as that of the tests may have, is no way
to run anything.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fuzz.runner import Target, run_target
from mdepth_ros.errors import MdepthError


def spin(folder: Path, rng: Random) -> None:
    while True:
        pass


def refuse(folder: Path, rng: Random) -> None:
    raise MdepthError('no')


CASES = {
    'divides': lambda folder, rng: 1 / 0,
    'memory': lambda folder, rng: bytearray(400_000_000),
    'dies': lambda folder, rng: os.kill(os.getpid(), 9),
    'program': lambda folder, rng: os.system('true'),
    'elsewhere': lambda folder, rng: folder.parent.with_name('elsewhere').write_text(''),
    'spins': spin,
    'result': lambda folder, rng: (folder / 'b.txt').write_text(''),
    'line': refuse,
}

if __name__ == '__main__':
    target = Target(lambda rng: {'a.txt': b''}, CASES[sys.argv[1]])
    outcome = run_target('own', target, 0, range(1), 1.0, 300, time.monotonic() + 60)
    print(json.dumps([outcome.results, dict(outcome.refused), outcome.faults]))
