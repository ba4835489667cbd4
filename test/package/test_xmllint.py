# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif('CI' not in os.environ, reason='it reads the schema from the network: CI=1')
def test_xmllint() -> None:
    """package.xml by the schema of REP-149."""
    linter = pytest.importorskip('ament_xmllint.main', reason='ament_xmllint is not installed')
    assert linter.main(argv=[str(ROOT / 'package.xml')]) == 0
