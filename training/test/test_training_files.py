# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole, folders that one process has alone."""

from __future__ import annotations

import threading
from pathlib import Path

from mdepth_training.files import alone


def test_who_waits_for_a_folder_says_so_once(tmp_path: Path) -> None:
    said: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with alone(tmp_path / 'new', lambda: [said.append('waits'), waits.set()]):
            said.append('in')

    other = threading.Thread(target=second)
    with alone(tmp_path / 'new', lambda: said.append('never')):
        other.start()
        assert waits.wait(60)
        assert said == ['waits']
    other.join(60)
    assert said == ['waits', 'in']
