# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live node on a played bag gives the depth of `mdepth run` on that bag, to the bit."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import recordings
import torch
from typer.testing import CliRunner

from mdepth_ros.cli.compare import compare_runs
from mdepth_ros.cli.main import app
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig
from mdepth_ros.ros import bag_topics

# isort: split
import rclpy
from rclpy.context import Context

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 30
DEPTH = '/depth/image_rect'
assert bag_topics  # makes rclpy importable


@pytest.fixture
def start(monkeypatch):
    """Starts commands as programs of their own; ends those that are left."""
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('PYTHONUNBUFFERED', '1')
    programs = []

    def start(*words):
        program = subprocess.Popen(
            [sys.executable, '-m', 'mdepth_ros.cli.main', *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.kill()
        program.wait()


def listened_to(topic):
    """Wait until somebody listens to a topic."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('test', context=context)
    end = time.monotonic() + 120
    while not node.count_subscribers(topic) and time.monotonic() < end:
        time.sleep(0.05)
    found = node.count_subscribers(topic)
    node.destroy_node()
    rclpy.shutdown(context=context)
    return found


def end(program):
    program.send_signal(signal.SIGINT)
    output, _ = program.communicate(timeout=60)
    assert program.returncode == 0, output
    return output


def test_live_equals_offline(tmp_path, start):
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125)
    card = ModelCard(
        name='tiny', network=config, input_size=(64, 96), camera=(0.83, 1.25, 0.51, 0.52),
        frame_interval=0.1, metres_per_unit=2.0, method='untrained', data='none',
        licence='Apache-2.0',
    )  # fmt: skip
    model = tmp_path / 'tiny.safetensors'
    save_model(model, JointDepthPose(config), card)
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(FRAMES))

    node = start('node', '--image', '/camera/image_raw', '-m', model, '--use-sim-time')
    while 'warm after' not in (line := node.stdout.readline()):
        assert line, 'the node has ended'
    recorder = start('record', '-o', tmp_path / 'live', '--topics', DEPTH, '--storage', 'sqlite3')
    assert listened_to(DEPTH)
    # Slowly, so that a busy machine has a chance to see every frame.
    player = start('play', bag, '--clock', '100', '--rate', '0.5', '--wait-for', '/camera/*')
    output, _ = player.communicate(timeout=240)
    assert player.returncode == 0, output
    assert f'/camera/image_raw {FRAMES}' in output
    end(node)
    end(recorder)

    words = ['run', bag, '-o', tmp_path / 'out', '-m', model, '--topics', 'depth/image_rect']
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output + repr(result.exception)
    found = compare_runs(tmp_path / 'live', tmp_path / 'out')
    assert found.different == []
    assert found.only_live == []
    assert found.equal >= 2
    assert found.equal + len(found.other_pair) + len(found.lost) == FRAMES
    result = CliRunner().invoke(app, ['compare', str(tmp_path / 'live'), str(tmp_path / 'out')])
    assert result.exit_code == 0, result.output
