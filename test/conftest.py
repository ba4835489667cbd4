# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdepth_ros.cli.free_domain import free_domain, own_domain

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def data_dir() -> Path:
    """Real recordings: the folder that MDEPTH_DATA names; tests that need it skip without it."""
    folder = Path(os.environ.get('MDEPTH_DATA', ROOT / '../shared/data'))
    if not folder.is_dir():
        pytest.skip(f'no real recordings at {folder}: set MDEPTH_DATA')
    return folder


@pytest.fixture(scope='session')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small network, for those who only read it."""
    from small_model import write_model

    return write_model(tmp_path_factory.mktemp('model') / 'small.safetensors')


@pytest.fixture(scope='session', autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts background jobs deaf to Ctrl-C; the tests of it must not depend on that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='session', autouse=True)
def _own_domain() -> Iterator[None]:
    """Whoever else is on this machine: what these tests start meets nobody but itself."""
    with own_domain():
        yield


@pytest.fixture
def other_domain() -> Iterator[int]:
    """A second domain, for tests that need two."""
    with free_domain() as domain:
        yield domain
