# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth record` as a person types it, with `mdepth play` as what there is to record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import recordings
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, '-m', 'mdepth_ros.cli.main']


def record(*words):
    return CliRunner().invoke(app, [str(word) for word in ('record', *words)])


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_is_played_is_recorded(tmp_path, number):
    """Every message, byte for byte; Ctrl-C and SIGTERM leave a whole bag."""
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    recorder = subprocess.Popen(
        [*PROGRAM, 'record', '-o', tmp_path / 'again', '--topics', '/camera/*,/tf_static,/x'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    try:
        assert 'recording into' in recorder.stderr.readline()
        played = subprocess.run(
            [*PROGRAM, 'play', bag, '--wait-for', '/camera/*,/tf_static'], cwd=ROOT, check=False,
            capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert played.returncode == 0, played.stderr
        recorder.send_signal(number)
        output, errors = recorder.communicate(timeout=60)
    finally:
        recorder.kill()
    assert recorder.returncode == 0, errors
    assert 'Traceback' not in errors
    assert 'nobody published /x' in output
    assert ['5', '/camera/image_raw', 'sensor_msgs/msg/Image'] in [
        line.split() for line in output.splitlines()
    ]
    with Recording(bag) as before, Recording(tmp_path / 'again') as after:
        assert after.losses.lines() == []
        for topic in before.topics:
            pairs = zip(before.messages([topic]), after.messages([topic]), strict=True)
            for wanted, found in pairs:
                # DDS may make a message a multiple of 4 bytes.
                assert found.data.startswith(wanted.data)
                assert len(found.data) - len(wanted.data) < 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ['again', 'bag']


def test_ctrl_c_before_anything_came_is_no_failure(tmp_path):
    recorder = subprocess.Popen(
        [*PROGRAM, 'record', '-o', tmp_path / 'bag', '--topics', '/nobody'], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    try:
        assert 'recording into' in recorder.stderr.readline()
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=60)
    finally:
        recorder.kill()
    assert recorder.returncode == 0, errors
    # Not the first words: a signal in the middle of a write has Python write that line again.
    assert 'nothing came in, nothing was written: nobody published /nobody' in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'words, line',
    [
        ([], '--topics NAMES or --all'),
        (['--all', '--topics', '/odom'], '--topics NAMES or --all'),
        (['--all', '--storage', 'zip'], 'mcap or sqlite3'),
        (['--topics', '/odom', '--duration', '0.5'], 'nobody published /odom'),
        (['--topics', '/odom', '--duration', '0.5', '--use-sim-time'], 'no /clock ran'),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, words, line):
    result = record('-o', tmp_path / 'bag', *words)
    assert isinstance(result.exception, MdepthError), result.output + repr(result.exception)
    assert line in str(result.exception)
    assert '\n' not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_bag_is_not_overwritten(tmp_path):
    recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    result = record('-o', tmp_path / 'bag', '--all')
    assert 'exists already' in str(result.exception)
