# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from ros2_standalone import cyclone
from ros2_standalone.cyclone import library
from ros2_standalone.errors import StandaloneError
from ros2_standalone.exceptions import RCLError
from transport import context, only_standalone

pytestmark = only_standalone


def test_without_cyclonedds_a_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = r'pip install cyclonedds \(.*; .*(cyclonedds|libddsc)'
    broken = tmp_path / 'cyclonedds' / '__init__.py'
    broken.parent.mkdir()
    broken.touch()
    broken.with_name('__library__.py').write_text('library_path = "/nowhere/libddsc.so"')
    for spec in (None, importlib.util.spec_from_file_location('cyclonedds', broken)):
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name, spec=spec: spec)
        library.cache_clear()
        with pytest.raises(StandaloneError, match=wanted), context():
            pass
    monkeypatch.undo()
    library.cache_clear()


def test_the_binding_names_the_error() -> None:
    with pytest.raises(RCLError, match='writer: Bad Parameter'):
        cyclone.check(-3, 'writer')
