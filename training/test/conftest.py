# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the training share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def data_dir() -> Path:
    """Real recordings: the folder that MDEPTH_DATA names; tests that need it skip without it."""
    folder = Path(os.environ.get('MDEPTH_DATA', ROOT / '../shared/data'))
    if not folder.is_dir():
        pytest.skip(f'no real recordings at {folder}: set MDEPTH_DATA')
    return folder
