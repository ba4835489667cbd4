# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where neither ROS 2 nor ros2_standalone is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Runs the rest of the command line as a module, and finds nothing of either.
HIDDEN = """
import runpy, sys

class Hiding:
    def __init__(self, finders):
        self.finders = finders

    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('ros2_standalone', 'rclpy', 'sensor_msgs'):
            return None
        found = (finder.find_spec(name, path, target) for finder in self.finders)
        return next((spec for spec in found if spec is not None), None)

sys.meta_path[:] = [Hiding(list(sys.meta_path))]
code, sys.argv[:] = sys.argv[1], sys.argv[1:]
exec(code)
"""
MDEPTH = 'from mdepth_ros.cli.main import main; main()'
TRAIN = 'from mdepth_training.cli import main; main()'


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-c', HIDDEN, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    'words',
    [
        ('run', 'drive', '-o', 'out'),
        ('node',),
        ('play', 'drive'),
        ('record', '-o', 'bag'),
        ('synth', 'drive'),
        ('demo', '-o', 'demo'),
        ('evaluate', 'run'),
    ],
    ids=lambda words: words[0],
)
def test_what_needs_messages_says_so_in_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / 'drive').mkdir()
    done = run(MDEPTH, *words, folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert 'neither ROS 2 nor ros2_standalone is installed' in line
    assert 'pip install ./standalone' in line and "'mdepth_ros[standalone]'" in line
    assert [path.name for path in tmp_path.iterdir()] == ['drive']


def test_what_needs_none_works(tmp_path: Path) -> None:
    model = str(ROOT / 'models/synthetic-nano.safetensors')
    assert run(MDEPTH, 'info', model, folder=tmp_path).returncode == 0
    done = run(MDEPTH, 'doctor', folder=tmp_path)
    assert 'ros2_standalone' in done.stdout and 'Traceback' not in done.stderr


def test_training_needs_none(tmp_path: Path) -> None:
    pytest.importorskip('mdepth_training', reason='it is never installed on a vehicle')
    done = run('import mdepth_training.fit, mdepth_training.labels', folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    done = run(TRAIN, 'labels', 'nothing', folder=tmp_path)
    assert 'nothing is not there' in done.stderr
