# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every end of a command that a user can cause is one line and a status."""

from __future__ import annotations

import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import run_app


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (MdepthError('no such bag'), 'error: no such bag'),
        (
            NotADirectoryError(20, 'Not a directory', 'a/b'),
            'error: a/b: Not a directory; choose another place or free some space',
        ),
        (
            OSError(28, 'No space left on device'),
            'error: No space left on device; choose another place or free some space',
        ),
    ],
)
def test_one_line_and_status_two(capsys, error, line):
    def app():
        raise error

    with pytest.raises(SystemExit) as end:
        run_app(app)
    assert end.value.code == 2
    assert capsys.readouterr().err == line + '\n'


def test_ctrl_c_is_status_130(capsys):
    def app():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_app(app)
    assert end.value.code == 130 and capsys.readouterr().err == ''
