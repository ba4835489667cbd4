# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One run at a time writes into a folder."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest
from lightning_fabric.utilities import rank_zero_only
from mdepth_training import run_folder
from mdepth_training.cli import app
from mdepth_training.config import Experiment
from mdepth_training.files import write_whole
from mdepth_training.run_folder import is_first_process, only_writer, read_starts
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


def test_another_machine_started_by_hand_shares_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with only_writer(tmp_path):
        monkeypatch.setenv('NODE_RANK', '1')
        assert not is_first_process()
        with only_writer(tmp_path):
            pass
        monkeypatch.setenv('NODE_RANK', '0')
        with pytest.raises(MdepthError, match='another process learns'), only_writer(tmp_path):
            pass


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / 'experiment.yaml'
    write_whole(file, 'one')

    def full(path: Path, *_: object, **__: object) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(OSError, match='No space left'):
        write_whole(file, 'two')
    monkeypatch.undo()
    assert file.read_text() == 'one' and [p.name for p in tmp_path.iterdir()] == [file.name]


def test_the_difference_to_the_commit_can_be_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its lines hold: here bytes that are no text, and an empty line at the end."""

    def git(*arguments: str) -> None:
        name = ('-c', 'user.name=x', '-c', 'user.email=x')
        subprocess.run(['git', *name, *arguments], cwd=repository, check=True, capture_output=True)

    repository, output = tmp_path / 'repository', tmp_path / 'output'
    repository.mkdir()
    output.mkdir()
    module = repository / 'run_folder.py'
    module.write_bytes(b'one\n\n\n')
    git('init')
    git('add', '.')
    git('commit', '-m', 'x')
    changed = b'two \xff\n\n\n'
    module.write_bytes(changed)
    monkeypatch.setattr(run_folder, '__file__', str(module))
    run_folder.record_start(output, Experiment(), {})
    git('checkout', '.')
    git('apply', str(output / 'code-0.patch'))
    assert module.read_bytes() == changed
    assert read_starts(output)[0]['git'].endswith('+')
