# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What this machine offers to torch: devices, fast number formats, cores.

Not set here, because it works only before torch is loaded: OMP_WAIT_POLICY=PASSIVE. Without it
idle OpenMP threads spin, and one busy neighbour process on the same two cores slows the networks
three times over instead of less than twice. `mdepth` sets it before anything else.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from mdepth_ros.errors import MdepthError

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
MAX_THREADS = 8


def choose_device(name: str) -> torch.device:
    """'auto' -> CUDA where it works, else the CPU. Raises MdepthError for one that is not."""
    if name == 'auto':
        return torch.device('cuda' if _cuda_problem('cuda') is None else 'cpu')
    if name != 'cpu' and name.split(':')[0] != 'cuda':
        raise MdepthError(f'unknown device {name!r}: use auto, cpu, cuda or cuda:N')
    problem = None if name == 'cpu' else _cuda_problem(name)
    if problem:
        raise MdepthError(f'device {name} cannot be used ({problem}): use cpu or auto')
    return torch.device(name)


def _cuda_problem(name: str) -> str | None:
    """Why this CUDA device does not work; None: it does."""
    if torch.version.cuda is None and torch.version.hip is None:
        return f'torch {torch.__version__} is built without CUDA'
    if not torch.cuda.is_available():
        return 'torch finds no GPU or no driver for it'
    try:
        torch.ones(1, device=name).add_(1).cpu()
    except RuntimeError as error:
        return str(error).strip().split('\n')[0]
    return None


def choose_precision(name: str, device: torch.device) -> str:
    """'auto' -> what is fast on this device. Raises MdepthError for what it cannot do."""
    if name == 'auto':
        if device.type == 'cuda':
            return 'fp16'
        return 'bf16' if fast_bf16() else 'fp32'
    if name not in DTYPES:
        raise MdepthError(f'unknown precision {name!r}: use auto, {", ".join(DTYPES)}')
    if name == 'fp16' and device.type == 'cpu':
        raise MdepthError('fp16 is for CUDA: on a CPU use bf16 or fp32, or leave it at auto')
    return name


def fast_bf16() -> bool:
    """Whether this CPU computes in bfloat16 (AVX512-BF16, AMX, Arm BF16), as Linux tells."""
    try:
        words = set(Path('/proc/cpuinfo').read_text(encoding='ascii', errors='replace').split())
    except OSError:
        return False
    return bool(words & {'avx512_bf16', 'amx_bf16', 'bf16'})


def usable_cores() -> int:
    """CPU cores that this process may use: its affinity and its container's quota."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path('/sys/fs/cgroup/cpu.max').read_text(encoding='ascii').split()
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup 2, or a quota of 'max'
        pass
    return cores


def set_threads(threads: int | None) -> int:
    """Set torch's threads on the CPU (see Estimator) and return their number."""
    if threads is not None and threads < 1:
        raise MdepthError(f'{threads} threads: use one or more')
    if threads is None and 'OMP_NUM_THREADS' not in os.environ:
        threads = min(usable_cores(), MAX_THREADS)
    if threads is not None and threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def spinning_seconds() -> float:
    """CPU time that torch's idle threads burn in the 20 ms after an operation.

    About 0 where they sleep at once, as they do where OMP_WAIT_POLICY=PASSIVE was in the
    environment when torch was loaded; several milliseconds where they spin.
    """
    work = torch.ones(1 << 20)
    burnt = []
    for _ in range(5):
        work.exp()
        before = time.process_time()
        time.sleep(0.02)
        burnt.append(time.process_time() - before)
    return sorted(burnt)[2]
