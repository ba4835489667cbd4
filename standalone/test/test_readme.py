# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What README.md promises is there, and its example runs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from ros2_standalone import MODULES, __version__

FOLDER = Path(__file__).resolve().parents[1]
README = (FOLDER / 'README.md').read_text('utf-8')


def test_every_module_that_is_served_is_in_the_table() -> None:
    rows = [line for line in README.splitlines() if line.startswith('|')]
    named = set(re.findall(r'`([\w.]+)`', '\n'.join(rows)))
    packages = {name.partition('.')[0] for name in MODULES}
    assert {name for name, sources in MODULES.items() if sources} <= named
    modules = {name for name in named if name.partition('.')[0] in packages}
    assert modules <= {*MODULES, *packages}


def test_the_changelog_tells_of_this_version() -> None:
    assert f'## {__version__}' in (FOLDER / 'CHANGELOG.md').read_text('utf-8')


def test_the_example_runs() -> None:
    transport = pytest.importorskip('transport')
    talker, listener = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    with transport.process(talker) as talking, transport.process(listener) as listening:
        assert 'I heard hello' in listening.stderr.readline()
        for started in (talking, listening):
            started.send_signal(signal.SIGINT)
            status, out, err = transport.finish(started)
            assert (status, out) == (0, ''), err
            assert 'Traceback' not in err
