# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a bag of one's own to depth with one's own model: the commands of the README, as typed."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from mdepth_training.cli import app as train
from typer.testing import CliRunner

from mdepth_ros.cli.main import app as mdepth
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.model.file import load_model

ROOT = Path(__file__).resolve().parents[2]
# Of the commands nothing is changed, but the training is short.
SHORT = ['training.steps=2', 'training.batch_size=2', 'training.warm_up=1', 'data.workers=0']


def commands() -> list[list[str]]:
    section = (ROOT / 'training/README.md').read_text().partition('## Your own drives')[2]
    return [shlex.split(line) for line in section.split('```')[1].strip().splitlines()]


def run(words: list[str]) -> str:
    """Run a command in this process, with the shell's patterns."""
    app = {'mdepth': mdepth, 'mdepth-train': train}[words[0]]
    given = [
        name
        for word in words[1:]
        for name in (sorted(map(str, Path().glob(word))) if '*' in word else [word])
    ]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ('training', 'models'):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / 'drives').mkdir()
    for seed, day in enumerate(('monday', 'tuesday')):
        size = ['--width', '400', '--height', '240', '--frames', '8', '--seed', str(seed)]
        run(['mdepth', 'synth', 'bag', *size, '--compressed', '--overwrite'])
        shutil.copy(next(Path('bag').glob('*.mcap')), f'drives/{day}.mcap')
    extract, fit, use = commands()
    assert '2 drives, 16 images' in run([*extract, '--jobs', '1'])
    drives = json.loads(Path('data/dataset.json').read_text())['drives']
    assert sorted(drives) == ['monday', 'tuesday']
    # 400 x 240 has the network's aspect and is smaller than 1.5 times its size.
    assert drives['monday']['size'] == [400, 240]

    run([*fit, *(word for setting in SHORT for word in ('--set', setting))])
    card = load_model(Path('runs/own/own-drives.safetensors'))[1]
    assert card.input_size == (192, 320)
    # `synth` looks 81.5 degrees wide: half a width over tan(40.75) is 0.58 widths.
    assert card.camera == pytest.approx((0.5803, 0.9672, 0.5, 0.5), abs=1e-3)

    # From one camera alone nobody knows metres: the vehicle says it, here on the command line.
    run([*use, '--scale', '1.5', '--topics', 'depth/image_rect,odom', '--device', 'cpu'])
    assert len(read_trajectory(Path('out/trajectory.tum'))) == 8
    # A drive of the dataset is a recording like any other.
    again = [word.replace('drives/monday.mcap', 'data/monday') for word in use]
    run([*again, '--overwrite', '--scale', '1.5', '--topics', 'odom', '--device', 'cpu'])
    assert json.loads(Path('out/run.json').read_text())['frames'] == 8
