# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A docstring may begin with a noun ('Pose of the base'), and begins behind its quotes (D213 wants
# the line below, D212, which the convention of ament leaves out, this one).
OTHERWISE = ['D213', 'D401', 'D402', 'D403']


def test_pep257() -> None:
    """Docstrings by PEP 257, as ament_pep257 sees it."""
    linter = pytest.importorskip('ament_pep257.main', reason='ament_pep257 is not installed')
    paths = [str(ROOT / name) for name in ('mdepth_ros', 'launch')]
    assert linter.main(argv=[*paths, '--add-ignore', *OTHERWISE]) == 0
