# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes learn together as one with all the samples would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mdepth_training.bench import kitti_sized_folder

# Fabric runs it again for the second process. Here norms use no statistics, because those of a
# process's own samples are not those of all, and ties in the auto-mask are not broken by chance.
_SCRIPT = """
import sys
from pathlib import Path

import torch
from mdepth_training.config import Data, Experiment, SyntheticData, Training
from mdepth_training.fit import fit
from mdepth_training.loop import Loop
from mdepth_training.methods import view_synthesis
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings

from mdepth_ros.networks import NetworkConfig

report, plain = {}, ImplicitCues.rest


def scaled(norm, x):
    return x * norm.weight[:, None, None] + norm.bias[:, None, None]


def note_gradient(self):
    plain(self)
    if self.step == 0:
        named = self.network.named_parameters()
        report['gradients'] = {name: p.grad.clone() for name, p in named if p.grad is not None}


def run_and_report(self, *arguments):
    run(self, *arguments)
    report['weights'] = dict(self.method.network.state_dict())
    torch.save(report, output / f'process-{self.fabric.global_rank}.pt')


def stumble(self, sample, part):
    if self.process[0] == 1 and self.step == 1:
        sample.K[0, 0, 0] = float('nan')
    return learn(self, sample, part)


if sys.argv[4:] == ['stumble']:
    learn, ImplicitCues.forward = ImplicitCues.forward, stumble
output, devices, batch_size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.nn.BatchNorm2d.forward = scaled
view_synthesis.auto_mask = lambda warped, still: (warped < still).float()
run, Loop.run = Loop.run, run_and_report
ImplicitCues.rest = note_gradient
fit(
    Experiment(
        name='together',
        input_size=(64, 96),
        network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
        data=Data(workers=0, synthetic=SyntheticData(drives=2, frames=6)),
        method=ImplicitCuesSettings(joint_from=0),
        training=Training(
            steps=3,
            batch_size=batch_size,
            precision='fp32',
            devices=devices,
            save_every=2,
        ),
    ),
    output,
    cache=output.parent,
)
"""


def learned(
    folder: Path, devices: int, batch_size: int
) -> list[dict[str, dict[str, torch.Tensor]]]:
    script, output = folder / 'together.py', folder / f'{devices}x{batch_size}'
    script.write_text(_SCRIPT)
    run = subprocess.run(
        [sys.executable, str(script), str(output), str(devices), str(batch_size)],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert (output / 'together.safetensors').exists() and (output / 'last.ckpt').exists()
    return [
        torch.load(output / f'process-{rank}.pt', weights_only=True) for rank in range(devices)
    ]


@pytest.fixture(scope='module')
def runs(tmp_path_factory) -> tuple[list, list]:
    folder = tmp_path_factory.mktemp('processes')
    return learned(folder, 1, 4), learned(folder, 2, 2)


def test_both_processes_end_with_equal_weights(runs) -> None:
    _, (first, second) = runs
    for name, weight in first['weights'].items():
        assert torch.equal(weight, second['weights'][name]), name


def test_two_processes_have_the_gradient_of_one_with_all_samples(runs) -> None:
    (alone,), (together, _) = runs
    assert alone['gradients'].keys() == together['gradients'].keys()
    flat = [
        torch.cat([g.flatten() for g in report['gradients'].values()])
        for report in (alone, together)
    ]
    assert flat[0].norm() > 1e-3
    assert (flat[0] - flat[1]).norm() < 1e-3 * flat[0].norm()


def test_one_process_that_gets_no_number_stops_both(tmp_path: Path) -> None:
    """In one line and with the batch, though each waits for the other within a step."""
    script, output = tmp_path / 'together.py', tmp_path / 'out'
    script.write_text(_SCRIPT)
    run = subprocess.run(
        [sys.executable, str(script), str(output), '2', '2', 'stumble'],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 1
    assert 'MdepthError: the loss or its gradient was not finite at step' in run.stderr
    assert 'gloo' not in run.stderr
    assert list(output.glob('not-finite-batch-1-process-1.safetensors'))


def test_a_service_that_is_stopped_saves_though_its_loaders_are_told_too(tmp_path: Path) -> None:
    config, output = tmp_path / 'tiny.yaml', tmp_path / 'out'
    drive = kitti_sized_folder(tmp_path / 'drive', 8)
    config.write_text(
        'input_size: [64, 96]\nnetwork: {width: 0.125}\n'
        f'data: {{workers: 1, recordings: [{drive}], skip_static: false}}\n'
        'training: {steps: 100000, batch_size: 2, save_every: 100000}\n'
    )
    command = 'from mdepth_training.cli import main; main()'
    run = subprocess.Popen(
        [sys.executable, '-c', command, 'fit', str(config), '-o', str(output)],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        give_up = time.time() + 120
        while not (output / 'metrics.csv').exists() and time.time() < give_up:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGTERM)
        complaint = run.communicate(timeout=60)[1]
    finally:
        run.kill()
    assert run.returncode == 2 and 'saved: go on with --resume' in complaint.replace('\n', ' ')
    assert 'Traceback' not in complaint and (output / 'last.ckpt').exists()
