# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth doctor`: what is wrong with this machine, and what to type."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from mdepth_ros.cli import doctor_ros
from mdepth_ros.cli.doctor_ros import BAD, GOOD, NOTE, Finding, installed, judged
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.shipped import shipped_model
from mdepth_ros.terminal import Console

ENOUGH_SPACE = 2 * 1024**3


def doctor() -> None:
    """Look at everything that mdepth needs on this machine, and say what to do.

    Exit status 1 where something is broken; a note means slower or less, not broken.
    """
    colours = {GOOD: 'green', NOTE: 'yellow', BAD: 'red'}
    table = Table()
    for heading in ('', 'what', 'found', 'what to do'):
        table.add_column(heading, overflow='fold')
    found = findings()
    for subject, state, text, remedy in found:
        table.add_row(Text(state, style=colours[state]), subject, text, remedy)
    Console().print(table)
    if any(finding.state == BAD for finding in found):
        raise typer.Exit(1)


def findings() -> list[Finding]:
    """All checks in the order of the table; a check that fails itself is a finding."""
    result: list[Finding] = []
    for check in CHECKS:
        try:
            result += check()
        except Exception as error:  # what is broken may break the check as well
            name = check.__name__.strip('_')
            what = f'{type(error).__name__}: {error}'
            result.append(Finding(name, BAD, what, 'mend the installation: see the README'))
    return result


def _python() -> list[Finding]:
    inside = 'a virtual environment' if sys.prefix != sys.base_prefix else 'no virtual environment'
    text = f'{platform.python_version()}, {sys.executable}, {inside}'
    return [judged('Python', sys.version_info >= (3, 10), text, 'use Python 3.10 or newer', BAD)]


def _torch() -> list[Finding]:
    import torch

    from mdepth_ros.core import machine

    version = tuple(int(part) for part in torch.__version__.split('+')[0].split('.')[:2])
    remedy = "pip install 'torch>=2.4'"
    found = [judged('torch', version >= (2, 4), torch.__version__, remedy, BAD)]
    if torch.cuda.is_available():
        usable = machine.choose_device('auto').type == 'cuda'
        remedy = 'this torch has no code for this GPU: install another build'
        found.append(judged('CUDA', usable, torch.cuda.get_device_name(), remedy))
    else:
        found.append(Finding('CUDA', NOTE, 'no GPU that torch can use', 'none needed: CPU works'))
    bf16 = machine.fast_bf16()
    text = 'fast: the default precision is bf16' if bf16 else 'not fast: the default is fp32'
    return [*found, judged('CPU bfloat16', bf16, text, '')]


def _threads() -> list[Finding]:
    from mdepth_ros.core import machine

    threads, cores = machine.set_threads(None), machine.usable_cores()
    spin = machine.spinning_seconds() if threads > 1 else 0.0
    text = f'{threads} on {cores} usable cores'
    remedy = 'set OMP_NUM_THREADS to the number of cores, or not at all'
    found = [judged('threads', threads <= cores, text, remedy)]
    sleeps = spin <= 1e-3
    idle = 'sleep' if sleeps else f'spin for {1e3 * spin:.0f} ms after each operation'
    text = (
        f'OMP_WAIT_POLICY is {os.environ.get("OMP_WAIT_POLICY", "not set")}; idle threads {idle}'
    )
    remedy = 'export OMP_WAIT_POLICY=PASSIVE before Python starts'
    return [*found, judged('idle threads', sleeps, text, remedy)]


def _libraries() -> list[Finding]:
    found = []
    for module in ('numpy', 'cv2', 'rosbags', 'safetensors', 'matplotlib'):
        package = 'opencv-python-headless' if module == 'cv2' else module
        try:
            loaded = importlib.import_module(module)
        except ImportError as error:
            found.append(Finding(module, BAD, str(error), f'pip install {package}'))
        else:  # one of the distribution has another name
            text = installed(package) or str(getattr(loaded, '__version__', 'present'))
            found.append(Finding(module, GOOD, text))
    return found


def _disk() -> list[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    text = f'{free / 1024**3:.1f} GiB free in {Path.cwd()}'
    remedy = 'bags of depth and clouds are large: free some, or write elsewhere'
    return [judged('disk', free >= ENOUGH_SPACE, text, remedy)]


def _model() -> list[Finding]:
    from mdepth_ros.model.file import load_model

    try:
        path = shipped_model()
    except MdepthError as error:
        return [Finding('shipped model', NOTE, str(error))]
    try:
        _, card = load_model(path)
    except MdepthError as error:
        return [Finding('shipped model', BAD, str(error), f'git checkout -- {path}')]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return [Finding('shipped model', GOOD, f'{card.name}, {path}, sha256 {digest}')]


CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    *(_python, _torch, _threads, _libraries, doctor_ros.middleware, doctor_ros.network),
    *(_disk, _model, doctor_ros.graph),
)
