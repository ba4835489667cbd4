# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is freed stays with the process, and decoding processes get cores."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch
from mdepth_training.machine import share_cores

PAGES_OF_THE_SECOND_BLOCK = """
import resource, torch
from mdepth_training.machine import keep_memory
keep_memory()
def fill(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(count)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fill(24 << 20)
print(fill(12 << 20))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='mallopt(3) is of glibc')
def test_a_large_block_comes_again_without_new_pages() -> None:
    # In its own process: what other tests have freed and fragmented does not count.
    done = subprocess.run(
        [sys.executable, '-c', PAGES_OF_THE_SECOND_BLOCK], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # 48 MiB are 12288 pages; below glibc 2.35 the system gives blocks of this size anew.
    version = tuple(int(part) for part in platform.libc_ver()[1].split('.'))
    if version < (2, 35):
        pytest.skip('blocks of more than 32 MiB are kept from glibc 2.35 on')
    assert int(done.stdout) < 1000


@pytest.mark.parametrize(('cores', 'workers', 'threads'), [(8, 2, 6), (2, 0, 2), (2, 2, 1)])
def test_decoding_processes_get_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, threads: int
) -> None:
    monkeypatch.setattr('mdepth_training.machine.usable_cores', lambda: cores)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    before = torch.get_num_threads()
    try:
        assert share_cores(workers) == torch.get_num_threads() == threads
        monkeypatch.setenv('OMP_NUM_THREADS', '1')
        torch.set_num_threads(1)
        assert share_cores(0) == 1
    finally:
        torch.set_num_threads(before)
