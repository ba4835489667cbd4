# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Devices, number formats and threads."""

from __future__ import annotations

import pytest
import torch

from mdepth_ros.core import machine
from mdepth_ros.errors import MdepthError


def test_devices_and_precisions_that_are_not_there() -> None:
    with pytest.raises(MdepthError, match='unknown device'):
        machine.choose_device('tpu')
    if not torch.cuda.is_available():
        with pytest.raises(MdepthError, match='use cpu or auto'):
            machine.choose_device('cuda')
        assert machine.choose_device('auto') == torch.device('cpu')
    cpu = torch.device('cpu')
    with pytest.raises(MdepthError, match='fp16 is for CUDA'):
        machine.choose_precision('fp16', cpu)
    with pytest.raises(MdepthError, match='unknown precision'):
        machine.choose_precision('int8', cpu)
    assert machine.choose_precision('auto', torch.device('cuda')) == 'fp16'
    expected = 'bf16' if machine.fast_bf16() else 'fp32'
    assert machine.choose_precision('auto', cpu) == expected


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        assert machine.set_threads(1) == torch.get_num_threads() == 1
        monkeypatch.setenv('OMP_NUM_THREADS', '1')
        assert machine.set_threads(None) == 1
        monkeypatch.delenv('OMP_NUM_THREADS')
        assert machine.set_threads(None) == min(machine.usable_cores(), 8)
        with pytest.raises(MdepthError, match='one or more'):
            machine.set_threads(0)
    finally:
        torch.set_num_threads(before)
