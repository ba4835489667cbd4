# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every file says whose it is and under which licence."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = ['Copyright 2026 the mdepth_ros authors', 'SPDX-License-Identifier: Apache-2.0']
FOLDERS = ['mdepth_ros', 'launch', 'test', 'training', 'standalone']


def test_every_file_names_its_licence() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob('*.py')]
    assert files
    for file in [*files, ROOT / 'setup.py', ROOT / 'setup.cfg']:
        lines = file.read_text('utf-8').splitlines()[:3]
        assert [line.lstrip('# ') for line in lines if line[:2] != '#!'][:2] == HEADER, file


def test_copyright(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same by ament_copyright, which must be told of the SPDX form of a licence."""
    main = pytest.importorskip('ament_copyright.main', reason='ament_copyright is not installed')
    from ament_copyright import get_licenses, parser
    from ament_copyright.licenses import LicenseEntryPoint

    text = '{copyright}\n' + HEADER[1]
    spdx = LicenseEntryPoint('Apache-2.0', 'Apache-2.0', [text], [], [])
    monkeypatch.setattr(parser, 'get_licenses', lambda: {**get_licenses(), 'spdx': spdx})
    paths = [str(ROOT / folder) for folder in FOLDERS if (ROOT / folder).is_dir()]
    assert main.main(argv=paths) == 0
