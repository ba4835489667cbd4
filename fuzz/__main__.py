# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""python -m fuzz: every target in turn, a table, and the inputs that broke the rule."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from random import Random

import cv2
import torch

from fuzz.runner import Outcome, Target, random_of, run_target, write_files
from fuzz.targets import TARGETS


def main() -> int:
    """Run what the command line asks for; 1 where the rule was broken."""
    parser = argparse.ArgumentParser(prog='python -m fuzz', description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='another seed, other inputs')
    parser.add_argument('--count', type=int, default=300, help='cases of each target')
    parser.add_argument('--seconds', type=float, default=600.0, help='for all targets together')
    parser.add_argument('--limit', type=float, default=10.0, help='processor seconds of a case')
    parser.add_argument('--memory', type=int, default=2000, help='MB of a case')
    parser.add_argument('--target', action='append', choices=sorted(TARGETS), help='only these')
    parser.add_argument('--case', type=int, help='one case, in this process: for a debugger')
    parser.add_argument('--failures', type=Path, default=Path('fuzz-failures'))
    given = parser.parse_args()
    names = given.target or list(TARGETS)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if given.case is not None:
        return _reproduce(names[0], given.seed, given.case, given.failures)
    end, broken = time.monotonic() + given.seconds, 0
    print(f'{"target":20}{"cases":>7}{"results":>9}{"lines":>7}{"broken":>8}{"longest s":>11}')
    for number, name in enumerate(names):
        # What a target leaves of its share the others may use.
        share = time.monotonic() + (end - time.monotonic()) / (len(names) - number)
        target = TARGETS[name]
        target.make(Random(0))  # loads and makes what all cases share, before the limits
        outcome = run_target(
            name, target, given.seed, range(given.count), given.limit, given.memory, share
        )
        broken += len(outcome.faults)
        _tell(name, target, outcome, given.seed, given.failures)
    return 1 if broken else 0


def _tell(name: str, target: Target, outcome: Outcome, seed: int, failures: Path) -> None:
    lines = sum(outcome.refused.values())
    cases = outcome.results + lines + len(outcome.faults)
    print(
        f'{name:20}{cases:7}{outcome.results:9}{lines:7}{len(outcome.faults):8}'
        f'{outcome.seconds:11.2f}',
        flush=True,
    )
    kinds: dict[str, list[int]] = {}
    for case, what in outcome.faults:
        kinds.setdefault(what.splitlines()[-1][:160], []).append(case)
    for kind, cases_of in kinds.items():
        case = cases_of[0]
        folder = failures / f'{name}-{seed}-{case}'
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_files(folder, target.make(random_of(name, seed, case)))
        print(f'  {len(cases_of)} times: {kind}')
        print(f'    {folder}: python -m fuzz --target {name} --seed {seed} --case {case}')


def _reproduce(name: str, seed: int, case: int, failures: Path) -> int:
    """Run a case with nothing around it; what it raises is seen."""
    rng, folder = random_of(name, seed, case), (failures / 'case').resolve()
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    write_files(folder, target.make(rng))
    print(f'its files: {folder}')
    os.chdir(folder)
    target.use(folder, rng)
    print('a result')
    return 0


if __name__ == '__main__':
    sys.exit(main())
