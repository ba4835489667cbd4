# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth bench` measures what it says; `mdepth doctor` finds what is broken."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

bench_module = importlib.import_module('mdepth_ros.cli.bench')
bench_step = importlib.import_module('mdepth_ros.cli.bench_step')
doctor_module = importlib.import_module('mdepth_ros.cli.doctor')

app = typer.Typer()
app.command()(bench_module.bench)
app.command()(doctor_module.doctor)
SMALL = NetworkConfig(width=0.125)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OMP_NUM_THREADS', '1')


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command measures networks of full size; the tests a small one."""
    measure = bench_step.measure
    monkeypatch.setattr(
        bench_step,
        'measure',
        lambda config, size, rounds, threads: measure(SMALL, (64, 96), rounds, threads),
    )


def write_model(path: Path) -> Path:
    network = JointDepthPose(SMALL)
    card = ModelCard(
        name='tiny',
        network=SMALL,
        input_size=(64, 96),
        camera=(0.8, 1.2, 0.5, 0.5),
        frame_interval=0.1,
        method='none',
        data='none',
        licence='Apache-2.0',
    )
    save_model(path, network, card)
    return path


def test_bench_prints_and_writes_medians_ratios_and_targets(tmp_path: Path) -> None:
    model = write_model(tmp_path / 'tiny.safetensors')
    output = tmp_path / 'bench.json'
    result = CliRunner().invoke(
        app, ['bench', str(model), '--rounds', '3', '--threads', '1', '--json', str(output)]
    )
    assert result.exit_code == 0, result.output
    for text in ('plain networks, fp32', 'full step', 'odometry', 'outside networks', 'tiny'):
        assert text in result.output
    numbers = json.loads(output.read_text())
    medians = numbers['medians_ms']
    assert numbers['ratio'] == pytest.approx(medians['step'] / medians['plain networks'])
    assert 0 < numbers['rest'] < 1
    assert 0 < medians['network'] < medians['step']
    assert numbers['machine']['threads'] == 1
    for difference in (numbers['depth_difference'], numbers['model']['depth_difference']):
        exact = numbers['machine']['precision'] == 'fp32'
        assert difference == 0 if exact else 0 < difference < 0.02
    assert set(medians) == {'plain networks', *numbers['model']['medians_ms']}


def test_bench_fails_in_one_line_where_it_cannot_write(tmp_path: Path) -> None:
    options = ['--rounds', '1', '--json', str(tmp_path / 'missing' / 'bench.json')]
    result = CliRunner().invoke(app, ['bench', *options])
    assert isinstance(result.exception, OSError)  # which run_app makes a line of


def test_bench_of_the_live_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = importlib.import_module('mdepth_ros.cli.bench_live')
    monkeypatch.setattr(live, 'WARM', 0.5)
    monkeypatch.setattr(live, 'PATIENCE', 240.0)
    model = write_model(tmp_path / 'tiny.safetensors')
    output = tmp_path / 'bench.json'
    result = CliRunner().invoke(app, ['bench', str(model), '--live', '4', '--json', str(output)])
    assert result.exit_code == 0, result.output + repr(result.exception)
    for text in (
        'image stamp to depth published',
        'memory of the node',
        'depth/points',
        'targets',
    ):
        assert text in result.output
    numbers = json.loads(output.read_text())
    assert 0 < numbers['depths'] <= numbers['sent'] == numbers['depths'] + numbers['dropped']
    assert 0 <= numbers['late'] <= 1
    age, arrival = numbers['age_ms'], numbers['arrival_ms']
    assert 0 < age['median'] <= age['p99'] <= age['max']
    assert age['median'] < arrival['median']
    assert min(numbers['memory_mb']) > 10
    assert {'depth/image_rect', 'depth/points', 'odom', 'tf'} <= numbers['outputs'].keys()


def live_numbers(**changes: object) -> dict[str, object]:
    """What measure_live gives of a step of 300 ms, each image older than the step before."""
    stages = {'latency': 450.0, 'network': 290.0, 'other': 1.0, 'step': 300.0, 'wait': 60.0}
    numbers = {
        'seconds': 60.0,
        'sent': 600,
        'depths': 200,
        'dropped': 400,
        'age_ms': {'median': 450.0, 'p99': 580.0, 'max': 650.0},
        'arrival_ms': {'median': 451.0, 'p99': 581.0, 'max': 651.0},
        'late': 0.015,
        'outputs': {'odom': 200},
        'stages_ms': {'publish': 14.0, 'decode': 1.0, **stages},
        'memory_mb': [500.0, 501.0],
    }
    return {**numbers, **changes}


def printed(numbers: dict[str, object]) -> list[list[str]]:
    """The words of each line of the tables."""
    console = Console(file=io.StringIO(), width=120)
    bench_module.print_live(console, numbers)
    return [line.split() for line in console.file.getvalue().replace('│', ' ').splitlines()]


def test_targets_of_a_model_that_is_slower_than_the_camera() -> None:
    lines = printed(live_numbers())
    assert ['200', 'depth', 'images', 'of', '600', 'images,', '400', 'dropped'] in lines
    verdicts = {' '.join(line[:-5]): line[-5:] for line in lines if line and 'ss' in line[-1]}
    assert verdicts == {
        'depth images older than 2 steps': ['1.5', '%', '0.0', '%', 'miss'],
        'age, p99: 2 steps': ['580.0', 'ms', '600.0', 'ms', 'pass'],
        'age, max: 2 steps': ['650.0', 'ms', '600.0', 'ms', 'miss'],
    }


def test_targets_of_a_model_that_keeps_up_with_the_camera() -> None:
    stages = {'publish': 3.0, 'decode': 1.0, 'step': 80.0}
    age = {'median': 131.0, 'p99': 99.0, 'max': 500.0}
    lines = printed(live_numbers(stages_ms=stages, age_ms=age))
    verdicts = [(line[-5:-3], line[-1]) for line in lines if line and line[-1] in ('pass', 'miss')]
    assert verdicts == [
        (['131.0', 'ms'], 'miss'),
        (['99.0', 'ms'], 'pass'),
        (['4.0', 'ms'], 'pass'),
    ]


def test_stages_are_printed_in_the_order_of_time() -> None:
    order = ['wait,', 'decode,', 'step,', 'network,', 'publish,', 'latency,', 'other,']
    assert [line[0] for line in printed(live_numbers()) if line and line[0] in order] == order


def test_bench_of_a_live_node_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = importlib.import_module('mdepth_ros.cli.bench_live')
    monkeypatch.setattr(live, 'NAMESPACE', '/no name')
    monkeypatch.setattr(live, '_Camera', lambda node: None)
    monkeypatch.setattr(live, '_Listener', lambda node: type('', (), {'ages': []}))
    model = write_model(tmp_path / 'tiny.safetensors')
    result = CliRunner().invoke(app, ['bench', str(model), '--live', '1'])
    assert 'the node ended with status 2; the node said: error: ' in str(result.exception)
    assert '\n' not in str(result.exception)


def test_bench_of_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / 'model').write_text('nothing')
    result = CliRunner().invoke(app, ['bench', str(tmp_path / 'model'), '--live', '1'])
    assert 'is not a model file' in str(result.exception)


def test_random_weights_have_depths_worth_comparing() -> None:
    """A flat depth would hide every rounding error."""
    import torch

    torch.manual_seed(0)
    network = bench_step._calibrated(JointDepthPose(SMALL), (64, 96))
    images = torch.rand(2, 1, 3, 64, 96)
    with torch.inference_mode():
        depth = network.depth(network(*images)[0][0])
    assert 0.1 < depth.log().std() < 2
    assert network.cues.gate == 1 and not network.training


def test_doctor_looks_at_everything_here() -> None:
    found = {finding.subject: finding for finding in doctor_module.findings()}
    wanted = {'Python', 'torch', 'CUDA', 'CPU bfloat16', 'threads', 'idle threads', 'numpy'}
    wanted |= {'cv2', 'rosbags', 'safetensors', 'ROS 2', 'disk', 'shipped model'}
    wanted |= {'ROS_DOMAIN_ID', 'discovery', 'image topics'}
    assert wanted <= found.keys()
    for finding in found.values():
        assert finding.state in ('ok', 'note', 'broken') and finding.found
        assert finding.remedy or finding.state != 'broken'
    assert found['torch'].state == 'ok'


def test_doctor_exits_with_one_where_something_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good = doctor_module.Finding('all', 'note', 'slow')
    monkeypatch.setattr(doctor_module, 'CHECKS', (lambda: [good],))
    assert CliRunner().invoke(app, ['doctor']).exit_code == 0

    def check() -> list[object]:
        raise RuntimeError('the disk sings')

    monkeypatch.setattr(doctor_module, 'CHECKS', (lambda: [good], check))
    result = CliRunner().invoke(app, ['doctor'])
    assert result.exit_code == 1 and 'the disk sings' in result.output

    damaged = write_model(tmp_path / 'damaged.safetensors')
    damaged.write_bytes(damaged.read_bytes()[:-100])
    monkeypatch.setattr(doctor_module, 'shipped_model', lambda: damaged)
    (finding,) = doctor_module._model()
    assert finding.state == 'broken' and 'damaged.safetensors' in finding.found
    monkeypatch.setattr(doctor_module, 'shipped_model', lambda: write_model(damaged))
    (finding,) = doctor_module._model()
    assert finding.state == 'ok' and 'sha256' in finding.found


def test_doctor_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name == 'cv2':
            raise ImportError('no cv2 here')
        return original(name, package)

    monkeypatch.setattr(importlib, 'import_module', missing)
    found = {finding.subject: finding for finding in doctor_module._libraries()}
    assert found['cv2'].state == 'broken'
    assert found['cv2'].remedy == 'pip install opencv-python-headless'
    assert found['numpy'].state == 'ok'
