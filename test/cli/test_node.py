# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth node`: its options are ROS 2's; it starts, and Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.cli.options import threads_or_auto
from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import executables
from mdepth_ros.ros.executables import EXECUTABLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def passed(monkeypatch):
    """The arguments with which the node was started."""
    found = []

    def main(name, arguments):
        found.append(arguments)
        return 7

    monkeypatch.setattr(executables, 'main', main)

    def start(*words):
        result = CliRunner().invoke(app, ['node', *words])
        assert result.exit_code == 7, result.output + repr(result.exception)
        return found.pop()

    return start


def test_options_become_those_of_ros(tmp_path, passed):
    file = tmp_path / 'params.yaml'
    file.write_text('/**:\n  ros__parameters:\n    max_range: 50.0\n')
    assert passed(
        *('--image', '/cam/image_raw', '--camera-info', '/cam/info', '--namespace', 'robot1'),
        *('--model', '1e3', '--params-file', str(file), '-p', 'publish_tf:=false'),
        *('-r', 'odom:=vo', '--use-sim-time', '--log-level', 'debug'),
    ) == [
        '--ros-args', '--params-file', str(file),
        '-r', 'image:=/cam/image_raw', '-r', 'camera_info:=/cam/info', '-r', '__ns:=/robot1',
        '-r', 'odom:=vo',
        '-p', 'model:="1e3"', '-p', 'use_sim_time:=true', '-p', 'publish_tf:=false',
        '--log-level', 'robot1.mdepth:=debug',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('options', 'level'),
    [
        ('', 'mdepth:=debug'),
        ('--executable point_cloud_node --namespace /a/b/', 'a.b.point_cloud:=debug'),
        ('-r __ns:=/robot1 -r __node:=eye', 'robot1.eye:=debug'),
        ('--namespace one -r __name:=eye -r __ns:=/two', 'one.eye:=debug'),
        ('--log-level rmw_cyclonedds_cpp:=debug', 'rmw_cyclonedds_cpp:=debug'),
    ],
)
def test_the_level_is_that_of_the_node(passed, options, level):
    """Debug for all would bury what it says under what the middleware says."""
    assert passed('--log-level', 'debug', *options.split())[-2:] == ['--log-level', level]


@pytest.mark.parametrize('name', EXECUTABLES)
@pytest.mark.parametrize(
    ('words', 'status', 'line'),
    [
        (['--help'], 0, 'usage: ros2 run mdepth_ros {name} --ros-args'),
        (['-h', '--ros-args'], 0, 'cloud_stride:=1 (1 to 64)'),
        (['--ros-args', '-r', 'a:=b', '--help'], 0, 'cloud_stride:=1 (1 to 64)'),
        (['image:=/camera'], 2, 'error: image:=/camera is not understood: write --ros-args -r'),
        (['--ros-args', '-r', 'a:=b', '--', '--imgae'], 2, 'error: --imgae is not understood'),
    ],
)
def test_help_and_what_is_not_understood_start_no_node(capsys, name, words, status, line):
    assert executables.main(name, words) == status
    said = capsys.readouterr()
    assert line.format(name=name) in said.out + said.err
    assert len(said.err.splitlines()) == (status == 2)


def test_nothing_is_passed_that_was_not_said(passed):
    assert passed() == ['--ros-args']
    assert passed('--executable', 'point_cloud_node') == ['--ros-args']


def test_the_arguments_of_ros_go_through(passed):
    words = ['--ros-args', '-r', '__ns:=/robot1', '-p', 'max_range:=50.0', '--log-level', 'warn']
    arguments = passed(*words, '--disable-rosout-logs')
    level = 'robot1.mdepth:=warn'
    for word in ('__ns:=/robot1', 'max_range:=50.0', level, '--disable-rosout-logs'):
        assert word in arguments
    # Each option in front of its value, wherever it stands.
    assert arguments[arguments.index('__ns:=/robot1') - 1] == '-r'
    assert arguments[arguments.index('max_range:=50.0') - 1] == '-p'


@pytest.mark.parametrize(
    'options, line',
    [
        ('-p max_range=3', 'write name:=value'),
        ('-r :=to', 'from:=to'),
        ('--params-file nowhere.yaml', 'no such file: nowhere.yaml'),
    ],
)
def test_what_cannot_be_is_one_line(options, line):
    with pytest.raises(MdepthError, match=line):
        CliRunner().invoke(app, ['node', *options.split()], catch_exceptions=False)


def test_which_node():
    from mdepth_ros.ros.parameters import NODES

    assert set(EXECUTABLES) == set(NODES)
    result = CliRunner().invoke(app, ['node', '--executable', 'node'])
    assert 'mdepth_node or point_cloud_node' in str(result.exception)


def test_help_lists_every_parameter():
    from mdepth_ros.ros.parameters import NODES

    result = CliRunner().invoke(app, ['node', '--help'])
    assert result.exit_code == 0
    for described in NODES.values():
        for parameter in described:
            assert f'\n{parameter.name}:=' in result.output
    assert '--image' in result.output


def test_the_command_leaves_but_no_program_that_calls_it():
    """What takes Python seconds at the end of a process is skipped, but in nobody else's."""
    code = 'import atexit\natexit.register(print, "at exit")\n'
    code += 'from mdepth_ros.cli.main import main\nmain()'
    for program, printed in (('mdepth', ''), ('other', 'at exit\n')):
        start = f'import sys\nsys.argv = [{program!r}, "node", "--executable", "none"]\n'
        found = subprocess.run(
            [sys.executable, '-c', start + code], cwd=ROOT, capture_output=True, text=True,
            timeout=240,
        )  # fmt: skip
        assert (found.returncode, found.stdout) == (2, printed), found.stderr


@pytest.mark.parametrize('moment', ['torch is loaded', 'the model is loaded', 'it is ready'])
def test_ctrl_c(moment):
    """At any moment of the start: exit status 0 and no traceback."""
    environment = {
        **os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1',
    }  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, '-m', 'mdepth_ros.cli.main', 'node', '-p', 'device:=cpu'], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip
    said = ''
    try:
        end = time.monotonic() + 240
        if moment == 'torch is loaded':
            maps = Path(f'/proc/{program.pid}/maps')
            while 'libtorch' not in maps.read_text() and time.monotonic() < end:
                time.sleep(0.02)
        word = {'the model is loaded': 'loading', 'it is ready': 'warm after'}.get(moment, '')
        while word not in said and time.monotonic() < end:
            said += program.stdout.readline()
        program.send_signal(signal.SIGINT)
        output, _ = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, said + output
    assert 'Traceback' not in said + output


@pytest.mark.parametrize(
    ('words', 'line'),
    [
        (['--camera-height', 'low'], "'low' is no number and not auto"),
        (['--frame-interval', '0.1 s'], "'0.1 s' is no number and not auto"),
        (['--camera-height', 'auto', '--frame-interval', 'auto'], 'nowhere'),
    ],
)
def test_a_number_or_auto(tmp_path, words, line):
    result = CliRunner().invoke(app, ['run', 'nowhere', '-o', str(tmp_path / 'out'), *words])
    assert line in result.output + str(result.exception)


@pytest.mark.parametrize(('text', 'threads'), [('auto', None), ('2', 2), ('0', ''), ('1.5', '')])
def test_threads_or_auto(text, threads):
    if threads == '':
        with pytest.raises(typer.BadParameter, match='not within 1 to 1024'):
            threads_or_auto(text)
    else:
        assert threads_or_auto(text) == threads
