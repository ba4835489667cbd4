# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth run` as a person types it, with an untrained network of the smallest size."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import recordings
import torch
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig
from mdepth_ros.sources import open_source
from mdepth_ros.sources.mask import write_mask

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    config = NetworkConfig(width=0.125, cues=False)
    torch.manual_seed(0)
    card = ModelCard(
        name='tiny', network=config, input_size=(64, 96), camera=(0.83, 1.25, 0.51, 0.52),
        frame_interval=0.1, metres_per_unit=2.0, method='untrained', data='none',
        licence='Apache-2.0',
    )  # fmt: skip
    path = tmp_path_factory.mktemp('model') / 'tiny.safetensors'
    save_model(path, JointDepthPose(config), card)
    return path


def mdepth(*words, ok=True):
    result = CliRunner().invoke(app, [str(word) for word in ('run', *words)])
    if ok:
        assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def refused(*words):
    """The one line that a person sees."""
    result = mdepth(*words, ok=False)
    assert isinstance(result.exception, MdepthError), result.exception
    line = str(result.exception)
    assert '\n' not in line
    return line


def test_run(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    result = mdepth(bag, '-o', tmp_path / 'out', '-m', model, '--precision', 'fp32')
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert (facts['frames'], facts['pairs'], facts['model']) == (5, 4, 'tiny')
    assert facts['source'] == str(bag)
    assert len(np.loadtxt(tmp_path / 'out' / 'trajectory.tum')) == 5
    for word in ('frames', 'pairs', 'first frame', 'rate', 'network', str(tmp_path / 'out')):
        assert word in result.output.replace('\n', '')


def test_a_scale_by_height_is_written_over_time(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    out = tmp_path / 'out'
    mdepth(bag, '-o', out, '-m', model, '--scale', 'height', '--camera-height', '1.65')
    # Random weights see no road, but the card knows a scale.
    lines = (out / 'scale.csv').read_text().splitlines()
    assert len(lines) == 6 and all(',initialising,' in line for line in lines[1:])
    assert (out / 'scale.png').is_file()


def test_a_mask(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    (frame, *_) = open_source(bag)
    usable = np.ones(frame.image.shape[:2], bool)
    usable[-12:] = False
    write_mask(tmp_path / 'bonnet.png', Mask(usable))
    out = tmp_path / 'out'
    mdepth(bag, '-o', out, '-m', model, '--mask', tmp_path / 'bonnet.png')
    facts = json.loads((out / 'run.json').read_text())
    assert facts['mask'] == str(tmp_path / 'bonnet.png')
    write_mask(tmp_path / 'small.png', Mask(usable[:10]))
    line = refused(bag, '-o', tmp_path / 'none', '-m', model, '--mask', tmp_path / 'small.png')
    assert 'small.png is a mask of' in line and not (tmp_path / 'none').exists()


def test_two_runs_are_the_same_bytes(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    for name in ('one', 'two'):
        mdepth(bag, '-o', tmp_path / name, '-m', model)
    files = [p.relative_to(tmp_path / 'one') for p in (tmp_path / 'one').rglob('*') if p.is_file()]
    assert len(files) == 5
    for file in files:
        assert (tmp_path / 'one' / file).read_bytes() == (tmp_path / 'two' / file).read_bytes()


def test_options_of_source_and_output(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    mdepth(
        bag, '-o', tmp_path / 'out', '-m', model, '--topics', 'depth/image_rect, odom', '--frames',
        '2', '--start', '0.15', '--scale', '3', '--namespace', 'mono', '--storage', 'sqlite3',
        '--keep-inputs',
    )  # fmt: skip
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert facts['frames'] == 2
    assert facts['topics'] == ['depth/image_rect', 'odom']
    assert (tmp_path / 'out' / 'bag' / 'bag_0.db3').is_file()
    metadata = (tmp_path / 'out' / 'bag' / 'metadata.yaml').read_text()
    for topic in ('/mono/depth/image_rect', '/mono/odom', '/mono/mdepth/model', '/tf_static',
                  '/camera/image_raw', '/camera/camera_info'):  # fmt: skip
        assert f'name: {topic}\n' in metadata


def test_what_was_taken_for_rectified_is_said(tmp_path, model):
    info = recordings.camera_info(recordings.SECOND)
    info.d[:] = (-0.3, 0.1, 0, 0, 0)
    messages = [('/cam/camera_info', info, recordings.SECOND)]
    messages += [('/cam/image', recordings.image(recordings.SECOND), recordings.SECOND)]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    told = {}
    for words in ([], ['--rectified'], ['--unrectified']):
        out = tmp_path / f'out{len(told)}'
        mdepth(bag, '-o', out, '-m', model, '--topics', 'depth/camera_info', *words)
        facts = json.loads((out / 'run.json').read_text())
        assert facts['topic'] == '/cam/image'
        lines = [line for line in facts['losses'] if 'taken for not rectified' in line]
        told[facts['rectified']] = len(lines)
    assert told == {None: 1, True: 0, False: 0}


@pytest.mark.parametrize(
    'words, line',
    [
        (['--topic', '/other'], 'no images on /other; image topics: /camera/image_raw'),
        (['--camera-info', '/other'], '--camera-info can be /camera/camera_info'),
        (['--intrinsics', '1,2'], 'fx,fy,cx,cy'),
        (['--topics', 'depht'], "unknown topic 'depht'"),
        (['--scale', 'big'], "'height+speed', or metres per unit"),
        (['--scale', 'height'], 'give camera_height'),
        (['--scale', 'speed'], 'tells no speed: choose another --scale'),
        (['--storage', 'zip'], 'mcap or sqlite3'),
        (['--encoding', 'mono8'], '32FC1 or 16UC1'),
        (['--device', 'tpu'], 'tpu'),
        (['--start', '100'], '100 s after the first'),
        (['--max-range', '0'], 'above zero'),
        (['-m', 'nowhere.safetensors'], 'nowhere.safetensors'),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, model, words, line):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive())
    assert line in refused(bag, '-o', tmp_path / 'out', '-m', model, *words)
    assert [p.name for p in tmp_path.iterdir()] == ['bag']


def test_missing_source(tmp_path, model):
    assert 'no such recording' in refused(tmp_path / 'bag', '-o', tmp_path / 'out', '-m', model)


def test_output_that_holds_the_source(tmp_path, model):
    bag = recordings.write_ros2(tmp_path / 'out' / 'bag', recordings.drive())
    line = refused(bag, '-o', tmp_path / 'out', '-m', model, '--overwrite')
    assert 'holds the source' in line
    assert bag.is_dir()


def test_bad_input_ends_with_status_2_and_one_line(tmp_path, model):
    """Through the real program: no traceback, nothing left behind."""
    messages = [m for m in recordings.drive() if m[0] != '/camera/camera_info']
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    result = subprocess.run(
        [sys.executable, '-m', 'mdepth_ros.cli.main', 'run', bag, '-o', tmp_path / 'out',
         '-m', model], capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith('error: no camera_info on /camera/camera_info')
    assert '--intrinsics' in line
    assert not (tmp_path / 'out').exists()


def test_ctrl_c(tmp_path, model):
    """The output so far is a valid bag, and the exit status that of an interrupted program."""
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(1500))
    program = subprocess.Popen(
        [sys.executable, '-m', 'mdepth_ros.cli.main', 'run', bag, '-o', tmp_path / 'out',
         '-m', model, '--topics', 'odom'], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip
    file = tmp_path / 'out.partial' / 'trajectory.tum'
    end = time.monotonic() + 60
    while not (file.exists() and file.stat().st_size) and time.monotonic() < end:
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 130, errors
    assert 'interrupted' in output
    assert errors == ''
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert facts['interrupted']
    assert 0 < facts['frames'] < 1500
    from mdepth_ros.sources import Recording

    with Recording(tmp_path / 'out' / 'bag') as recording:
        assert recording.topics['/odom'].messages == facts['frames']
        assert recording.losses.lines() == []
    assert len(np.loadtxt(tmp_path / 'out' / 'trajectory.tum')) == facts['frames']
