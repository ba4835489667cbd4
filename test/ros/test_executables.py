# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the nodes end, as programs of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import live
import pytest
import raw_messages
from transport import STANDALONE, spin_until

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

PATIENCE = 3 * live.DEADLINE  # a program of its own loads torch first
RUN = {
    'mdepth_node': ['-p', 'device:=cpu', '-p', 'threads:=1'],
    'point_cloud_node': [],
}


@contextmanager
def process(name: str, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """One of the nodes as a program of its own, killed at the end."""
    command = [
        *(sys.executable, '-m', 'mdepth_ros.ros.executables', name),
        *('--ros-args', *arguments),
    ]
    environment = {
        **os.environ,
        'OMP_NUM_THREADS': '1',
        'PYTHONUNBUFFERED': '1',
    }
    started = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.mark.parametrize(
    ('name', 'moment'),
    [
        ('mdepth_node', 'torch'),
        ('mdepth_node', 'loading'),
        ('mdepth_node', 'warm after'),
        ('mdepth_node', 'spinning'),
        ('point_cloud_node', 'torch'),
    ],
)
def test_23_ctrl_c_ends_at_once_with_0_and_no_traceback(
    model: Path, name: str, moment: str
) -> None:
    """Rule 23: at any moment (rclpy#1166, topic_tools#104)."""
    arguments = [*RUN[name], *(['-p', f'model:={model}'] if name == 'mdepth_node' else [])]
    said = ''
    with process(name, arguments) as running:
        assert running.stderr is not None
        if moment == 'torch':
            maps, end = Path(f'/proc/{running.pid}/maps'), time.monotonic() + PATIENCE
            while 'libtorch' not in maps.read_text('utf-8'):
                assert running.poll() is None and time.monotonic() < end
                time.sleep(0.01)
        else:
            word = 'warm after' if moment == 'spinning' else moment
            for line in running.stderr:
                said += line
                if word in line:
                    break
            if moment == 'spinning':
                time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=PATIENCE)
        said += rest
        assert running.returncode == 0, said
        assert 'Traceback' not in said and 'rror' not in said and 'terminate' not in said


def test_the_executable_leaves_but_main_returns() -> None:
    """What takes Python seconds at the end of a process is skipped, but in nobody else's."""
    code = 'import atexit\nfrom mdepth_ros.ros import executables\n'
    code += 'atexit.register(print, "at exit")\n'
    wrong = "['--ros-args', '-p', 'colour']"
    returns = f'print("status", executables.main("point_cloud_node", {wrong}))\n'
    leaves = f'import sys\nsys.argv[1:] = {wrong}\nexecutables.point_cloud_node()\n'
    for end, status, printed in ((returns, 0, 'status 2\nat exit\n'), (leaves, 2, '')):
        command = [sys.executable, '-c', code + end]
        found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (found.returncode, found.stdout) == (status, printed), found.stderr


def test_23_a_mistake_of_the_user_is_one_line_and_2() -> None:
    """Rule 23 and 15: no traceback for a parameter that cannot be."""
    with process('mdepth_node', ['-p', 'device:=gpu']) as running:
        _, said = running.communicate(timeout=PATIENCE)
        assert running.returncode == 2
        assert "error: device is 'gpu': use auto, cpu, cuda, cuda:N" in said
        assert 'Traceback' not in said


def test_no_message_ends_the_program(model: Path) -> None:
    """Anybody on the network may send bytes that are no message, to any topic of the node."""
    options = ['device:=cpu', 'threads:=1', 'scale:=speed', f'model:={model}']
    arguments = [word for option in options for word in ('-p', option)]
    kinds = {'/image': Image, '/camera_info': CameraInfo, '/tf': TFMessage, '/speed': Odometry}
    dropped = kinds if STANDALONE else ()  # Cyclone DDS in ROS 2 gives what it could read
    heard: list[DiagnosticArray] = []
    with process('mdepth_node', arguments) as running, raw_messages.sender('bad') as bad:
        bad.node.create_subscription(DiagnosticArray, '/diagnostics', heard.append, 10)
        executor = SingleThreadedExecutor(context=bad.node.context)
        executor.add_node(bad.node)
        sends = {topic: bad.topic(kind, topic) for topic, kind in kinds.items()}
        found = bad.node.count_subscribers
        spin_until(executor, lambda: all(found(topic) for topic in kinds), 'the node')
        rounds = 0
        while rounds < 5 or not all(f'{topic} dropped' in str(heard[-1:]) for topic in dropped):
            rounds += 1
            for topic, send in sends.items():
                whole = bytes(serialize_message(kinds[topic]()))
                send(whole + b'x' * 40)
                send(whole[: max(len(whole) // 2, 5)])
            end = time.monotonic() + 0.2
            spin_until(executor, lambda end=end: time.monotonic() > end)
            assert running.poll() is None
        executor.shutdown()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0 and 'Traceback' not in said
    for topic in dropped:
        (line,) = [line for line in said.splitlines() if f'{topic}: a message cannot' in line]
        # The bytes may be here before the name of their sender.
        assert re.search('correct its sender, (bad|whose node is not known); further ones', line)


def test_a_model_that_is_not_there_ends_the_process_with_2(tmp_path: Path) -> None:
    """Launch sees it: respawn and on_exit work, and nothing stays that does nothing."""
    missing = tmp_path / 'none.safetensors'
    arguments = [*RUN['mdepth_node'], '-p', f'model:={missing}']
    with process('mdepth_node', arguments) as running:
        _, said = running.communicate(timeout=PATIENCE)
        assert running.returncode == 2
        (line,) = [line for line in said.splitlines() if 'none.safetensors: ' in line]
        assert '[FATAL]' in line and 'the model is not loaded' in line
        assert 'Traceback' not in said


def test_an_old_executable_works_and_says_its_new_name() -> None:
    with process('depth_odometry_node', ['-p', 'device:=gpu']) as running:
        _, said = running.communicate(timeout=PATIENCE)
        assert running.returncode == 2 and "device is 'gpu'" in said
        assert said.count('warning: depth_odometry_node is now called mdepth_node\n') == 1
