# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth play` as a person types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import recordings
from typer.testing import CliRunner

from mdepth_ros.cli.live import live_node
from mdepth_ros.cli.main import app
from mdepth_ros.cli.play import _span
from mdepth_ros.errors import MdepthError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bag(tmp_path):
    return recordings.write_ros2(tmp_path / 'bag', recordings.drive())


def play(*words):
    return CliRunner().invoke(app, [str(word) for word in ('play', *words)])


def test_play(bag):
    result = play(bag, '--rate', '5', '--clock', '50', '--wait', '0.1')
    assert result.exit_code == 0, result.output + repr(result.exception)
    assert 'nobody listens so far' in result.output
    counts = '/camera/camera_info 5, /camera/image_raw 5, /tf_static 1'
    assert f'played 11 messages, 0.4 s: {counts}' in result.output


def test_topics(bag):
    result = play(bag, '--topics', '/camera/*', '--exclude', '*info', '--wait', '0')
    assert 'played 5 messages, 0.4 s: /camera/image_raw 5' in result.output
    assert 'nobody' not in result.output


def test_two_players_are_two_nodes():
    with live_node('player') as node:
        assert node.get_name() == f'player_{os.getpid()}'


@pytest.mark.parametrize(
    'words, line',
    [
        (['--rate', '0'], 'above zero'),
        (['--topics', '/camera/image'], 'try /camera/image_raw'),
        (['--remap', '/camera/image_raw'], 'write from:=to'),
        (['--remap', '/camera/image:=/image'], 'no topic /camera/image'),
        (['--wait-for', '/camera/image_raw', '--remap', '/camera/image_raw:=/image'], '/image'),
        (['--start', '100', '--wait', '0'], 'no messages 100 s after its first'),
        (['--wait-for', '/camera/image_raw', '--wait', '0.3'], 'nobody subscribed to /camera/im'),
    ],
)
def test_what_cannot_be_is_one_line(bag, words, line):
    result = play(bag, *words)
    assert isinstance(result.exception, MdepthError), result.output + repr(result.exception)
    assert line in str(result.exception)
    assert '\n' not in str(result.exception)


@pytest.mark.parametrize('rate', ['-1', '10001', 'nan'])
def test_a_rate_of_the_clock_that_cannot_be(bag, rate):
    result = play(bag, '--clock', rate)
    assert result.exit_code != 0 and not result.output.startswith('played')
    said = result.output + str(result.exception)
    assert "Invalid value for '--clock'" in said or 'give a finite number' in said


@pytest.mark.parametrize(
    'seconds, words',
    [
        (11.6, '12 s'),
        (65, '1 min 5 s'),
        (3600, '1 h'),
        (183_600, '2 d 3 h'),
        (1.7e9, '53 y 330 d'),
    ],
)
def test_a_long_wait_in_words(seconds, words):
    assert _span(seconds) == words


def test_no_bag(tmp_path):
    assert 'no such recording' in str(play(tmp_path / 'bag').exception)


@pytest.mark.parametrize('moment', ['it loads', 'it plays', 'it has played'])
def test_ctrl_c_at_any_moment(bag, moment):
    program = subprocess.Popen(
        [sys.executable, '-m', 'mdepth_ros.cli.main', 'play', bag, '--wait', '0'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )  # fmt: skip
    try:
        maps, end = Path(f'/proc/{program.pid}/maps'), time.monotonic() + 60
        loaded = {'it loads': ['_multiarray'], 'it plays': ['libddsc', 'librcl']}.get(moment, [''])
        while not any(library in maps.read_text('utf-8') for library in loaded):
            assert program.poll() is None and time.monotonic() < end
        errors = program.stderr.readline() if moment == 'it has played' else ''
        program.send_signal(signal.SIGINT)
        errors += program.communicate(timeout=60)[1]
    finally:
        program.kill()
    assert program.returncode == 0, errors
    assert 'Traceback' not in errors and 'Interrupt' not in errors


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(bag, number):
    program = subprocess.Popen(
        [sys.executable, '-m', 'mdepth_ros.cli.main', 'play', bag, '--loop', '--wait', '0'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )  # fmt: skip
    try:
        first = program.stderr.readline()
        assert first.startswith('played 11 messages')
        time.sleep(0.1)
        program.send_signal(number)
        _, errors = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, errors
    assert 'Traceback' not in errors
