# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One run at a time writes into a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.utilities import rank_zero_only
from mdepth_training.cli import app
from mdepth_training.run_folder import only_writer
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError


def test_a_folder_that_another_run_writes_to_is_refused(tmp_path: Path) -> None:
    config, out = tmp_path / 'experiment.yaml', tmp_path / 'out'
    config.write_text('name: one\n')
    with (
        only_writer(out),
        pytest.raises(MdepthError, match='another process learns in'),
    ):
        CliRunner().invoke(app, ['fit', str(config), '-o', str(out)], catch_exceptions=False)
    with only_writer(out):
        pass


def test_the_processes_of_one_run_share_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with only_writer(tmp_path):
        monkeypatch.setattr(rank_zero_only, 'rank', 1)
        with only_writer(tmp_path):
            pass
