# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of the live node share."""

from __future__ import annotations

from typing import Any

import pytest

from mdepth_ros.core.estimator import Estimator


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the networks say, for the test to change."""
    from oracle import Oracle

    told = Oracle()
    monkeypatch.setattr(Estimator, '__call__', lambda *args: told.predict(*args))
    return told
