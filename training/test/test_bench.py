# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark's arithmetic and plumbing; how fast this machine is, no test may decide."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import pytest
import torch
from mdepth_training.bench import Learner, Steps, Throughput, bench, kitti_sized_folder
from mdepth_training.cli import app
from mdepth_training.config import Data, Experiment, Training
from mdepth_training.data import TripletSource, open_triplets
from typer.testing import CliRunner

from mdepth_ros.networks import NetworkConfig

TINY = Experiment(
    input_size=(64, 96),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    data=Data(workers=0),
    training=Training(steps=4, batch_size=2),
)
TEXT = """
input_size: [64, 96]
network: {width: 0.125}
data: {workers: 1}
training: {steps: 4, batch_size: 2}
"""


@pytest.fixture(scope='module')
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kitti_sized_folder(tmp_path_factory.mktemp('kitti') / 'drive', images=6)


def test_rates_are_of_the_median_step_and_waiting_of_the_whole_time() -> None:
    steps = Steps(seconds=[0.5, 9.25, 0.25], waiting=[0.0, 2.5, 0.0])
    assert steps.rate(8) == 16.0
    assert steps.waiting_share() == pytest.approx(0.25)


def test_rows_put_ratios_beside_what_is_wanted() -> None:
    found = {(what, value) for what, value, _ in Throughput(30, 15, 40, 80, 0.04).rows()}
    assert {('ratio', '2.00'), ('our step alone', '40.0 samples/s')} <= found
    assert ('waiting for data', '4.0% of the time') in found


def test_the_made_up_drive_is_one_that_the_loaders_take(drive: Path, tmp_path: Path) -> None:
    first = cv2.imread(str(drive / '000000.jpg'))
    assert first.shape == (375, 1242, 3)
    # As large as a camera's: noise is what makes files large.
    assert (drive / '000000.jpg').stat().st_size > 100_000
    triplets = open_triplets(
        [str(drive)], input_size=(64, 96), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    assert len(triplets) == 4
    assert triplets.batch([0]).K[0, 0, 0] == pytest.approx(721.5 * 64 / 375, rel=0.02)


def test_a_step_learns_and_its_time_is_counted(drive: Path, tmp_path: Path) -> None:
    triplets = open_triplets(
        [str(drive)], input_size=(64, 96), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    ours = Learner(TINY, triplets)
    assert ours.method.stage == 1  # the cues take part from the first step
    before = ours.method.network.depth_encoder.conv1.weight.detach().clone()
    steps = Steps()
    ours.block(2, steps)
    assert not torch.equal(before, ours.method.network.depth_encoder.conv1.weight)
    assert len(steps.seconds) == 2 and 0 <= steps.waiting[0] <= steps.seconds[0]


def test_bench_holds_the_experiment_against_the_same_step_written_plainly(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Experiment] = []

    class Noted(Learner):
        def __init__(self, experiment: Experiment, source: TripletSource) -> None:
            measured.append(experiment)
            super().__init__(experiment, source)

    monkeypatch.setattr('mdepth_training.bench.Learner', Noted)
    found = bench(TINY, tmp_path, data=str(drive), rounds=1, steps=1)
    assert all(value > 0 for value in asdict(found).values())
    ours, plain = measured
    assert ours.training.channels_last and ours.training.precision == 'auto'
    assert not plain.training.channels_last and plain.training.precision == 'fp32'
    assert plain.data.workers == 0
    # All else is equal.
    same = replace(plain.training, precision='auto', channels_last=True)
    assert same == ours.training
    assert replace(plain, training=ours.training) == ours


def test_the_made_up_files_are_decoded_by_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Experiment] = []
    monkeypatch.setattr('mdepth_training.bench.kitti_sized_folder', lambda folder, **_: folder)
    monkeypatch.setattr('mdepth_training.bench.open_source', lambda *_: None)
    monkeypatch.setattr(
        'mdepth_training.bench.measure', lambda experiment, *_: measured.append(experiment)
    )
    bench(TINY, tmp_path)
    bench(replace(TINY, data=Data(workers=5)), tmp_path)
    assert [experiment.data.workers for experiment in measured] == [Data().workers, 5]


def test_the_command_prints_and_writes(drive: Path, tmp_path: Path) -> None:
    config = tmp_path / 'tiny.yaml'
    config.write_text(TEXT)
    out = tmp_path / 'bench.json'
    arguments = ['bench', str(config), '--data', str(drive), '--rounds', '1', '--json', str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0 and 'waiting for data' in result.output
    assert set(json.loads(out.read_text())) == {'ours', 'plain', 'step', 'loader', 'waiting'}
