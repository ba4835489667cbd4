# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What learning asks of the machine: memory used again, cores beside the decoding, a format."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import torch

from mdepth_ros.core.machine import DTYPES, fast_bf16, usable_cores
from mdepth_ros.errors import MdepthError

# <malloc.h> of glibc: mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_memory() -> None:
    """Have glibc's malloc keep what is freed; elsewhere do nothing.

    Each step on a CPU wants the same large blocks. By default they go back to the system and come
    again as pages to be filled with zeros: about a tenth of a small network's step.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return
    # Before glibc 2.35 blocks above 32 MiB are the system's whatever is asked for.
    if mallopt(_MMAP_THRESHOLD, 1 << 30) or mallopt(_MMAP_THRESHOLD, 1 << 25):
        mallopt(_TRIM_THRESHOLD, 1 << 30)


def share_cores(workers: int) -> int:
    """Set torch's threads to the cores that `workers` decoding processes leave, at least one.

    A thread that waits for a core makes all others wait at the end of every operation. What
    OMP_NUM_THREADS says goes first. Returns their number.
    """
    if 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(max(usable_cores() - workers, 1))
    return torch.get_num_threads()


def when_parent_ends(act: Callable[[], object]) -> None:
    """In a process of multiprocessing: call `act` when the one that started it is gone."""
    if (parent := multiprocessing.parent_process()) is not None:

        def wait() -> None:
            parent.join()
            act()

        threading.Thread(target=wait, daemon=True).start()


def version_of(package: str, missing: str = 'none') -> str:
    """The installed version of a package, or the word for a missing one."""
    try:
        return version(package)
    except PackageNotFoundError:
        return missing


def autocast_dtype(asked: str) -> torch.dtype:
    """The number format of `training.precision`; float32 means no autocast.

    Raises MdepthError for float16 on a CPU.
    """
    if asked == 'fp16' and not torch.cuda.is_available():
        raise MdepthError('training.precision fp16 is for a GPU: use auto, bf16 or fp32 here')
    if asked != 'auto':
        return DTYPES[asked]
    if torch.cuda.is_available():
        # GPUs before Ampere compute bfloat16 as float32, and float16 in tensor cores.
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float16
    return torch.bfloat16 if fast_bf16() else torch.float32
