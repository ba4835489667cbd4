# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_flake8() -> None:
    """ament_flake8 with the plugins of ROS 2; .flake8 says what is left to ruff."""
    linter = pytest.importorskip('ament_flake8.main', reason='ament_flake8 is not installed')
    paths = [str(ROOT / name) for name in ('mdepth_ros', 'launch', 'test', 'setup.py')]
    code, errors = linter.main_with_errors(argv=['--config', str(ROOT / '.flake8'), *paths])
    assert code == 0, '\n'.join(errors)
