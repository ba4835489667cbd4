# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of moving things by their speed: against numbers worked out by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mdepth_training.ablation import speeds as module
from mdepth_training.ablation.held_out import Seen
from mdepth_training.ablation.speeds import Thing, binned, speeds, true_speeds
from mdepth_training.cli import app
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125))
    card = ModelCard(
        name='tiny', network=network.config, input_size=(64, 96), camera=(0.58, 1.92, 0.5, 0.5),
        frame_interval=0.1, method='untrained', data='none', licence='Apache-2.0',
    )  # fmt: skip
    save_model(tmp_path / 'tiny.safetensors', network, card)
    return tmp_path / 'tiny.safetensors'


def test_true_speeds() -> None:
    """The camera drives along x at 10 m/s: a leader, an oncoming, a crossing and a parked car."""
    headings = torch.tensor([0.0, math.pi, math.pi / 2, 1.0])
    velocities = torch.tensor([[12.0, 0.0], [-8.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    places = torch.tensor([[20.0, 0.0], [60.0, 3.0], [30.0, -9.0], [10.0, 4.0]])
    poses = torch.eye(4).repeat(3, 1, 1)
    poses[:, :3, :3] = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # looks along x
    poses[:, 0, 3] = torch.arange(3)

    def object_poses(frame: int) -> torch.Tensor:
        return torch.cat([places + 0.1 * frame * velocities, headings[:, None]], 1)

    drive: Any = SimpleNamespace(
        frames=3,
        poses=poses,
        config=SimpleNamespace(frame_interval=0.1),
        world=SimpleNamespace(object_poses=object_poses),
    )
    own, relative = true_speeds(drive)
    assert np.isnan(own[0]).all() and np.isnan(relative[:, :2]).all()  # no frame before; no thing
    for frame in (1, 2):
        np.testing.assert_allclose(own[frame, 2:], [12, 8, 3, 0], atol=1e-4)
        np.testing.assert_allclose(relative[frame, 2:], [2, -18, -10, -10], atol=1e-4)


def test_the_errors_of_a_thing() -> None:
    """Half of its depth: AbsRel 0.5, SqRel 0.5^2 * 8; what stands or is small does not count."""
    truth = np.full((20, 40), 10.0, np.float32)
    ids = np.ones((20, 40), np.int32)
    ids[2:10, 2:10], ids[12:15, 2:5], ids[2:10, 20:30] = 5, 6, 7
    truth[ids == 5] = 8
    depth = 3 * truth
    depth[ids == 5] /= 2
    views = {'depth': truth[None], 'instance': ids[None], 'moving': np.isin(ids, (5, 6))[None]}
    speed = np.arange(8.0)[None]
    seen = Seen(10_000, 0, views, depth, np.eye(4))
    (thing,) = module._in_frame(seen, speed, -speed)
    assert thing[:6] == (10_000, 0, 5, 64, 5.0, -5.0)
    assert thing.abs_rel == pytest.approx(0.5) and thing.sq_rel == pytest.approx(2)


def test_bins_and_their_intervals() -> None:
    """Things are drawn again with all their frames: both draws are the same one half the time."""

    def seen(thing: int, own: float, error: float, frames: int) -> list[Thing]:
        return [Thing(1, f, thing, 50, own, 0.0, error, 2 * error) for f in range(frames)]

    things = [*seen(3, 0.5, 0.1, 10), *seen(4, 1.5, 0.5, 2), *seen(5, 5.0, 0.3, 4)]
    slow, middle, fast = binned(things, 'own', 2.0)
    assert (slow.low, slow.high, slow.things, slow.frames) == (0, 2, 2, 12)
    assert slow.abs_rel == pytest.approx(((10 * 0.1 + 2 * 0.5) / 12, 0.1, 0.5))
    assert slow.sq_rel == pytest.approx(tuple(2 * number for number in slow.abs_rel))
    assert middle.things == 0 and math.isnan(middle.abs_rel[0])
    assert fast.low == 4 and fast.abs_rel[0] == pytest.approx(0.3)
    assert math.isnan(fast.abs_rel[1])  # one thing says nothing of others


def test_the_command(model: Path, tmp_path: Path) -> None:
    words = ['speeds', f'one={model}', f'two={model},{model}', '-o', str(tmp_path / 'out')]
    words += ['--drives', '2', '--frames', '4']
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert 'by its own speed' in result.output and 'moving 3' in result.output
    found = {}
    for name in ('things', 'speeds'):
        with (tmp_path / 'out' / f'{name}.csv').open() as file:
            found[name] = list(csv.DictReader(file))
    count = {row: sum(line['row'] == row for line in found['things']) for row in ('one', 'two')}
    assert 0 < 2 * count['one'] == count['two']
    for row in ('one', 'two'):
        for kind in ('own', 'relative'):
            lines = [
                line for line in found['speeds'] if (line['row'], line['speed']) == (row, kind)
            ]
            assert sum(int(line['frames']) for line in lines) == count[row]
    # Two models that are the same one: the same means.
    one, two = ([s['abs_rel'] for s in found['speeds'] if s['row'] == row] for row in count)
    np.testing.assert_allclose([float(n or 0) for n in one], [float(n or 0) for n in two])
    assert (tmp_path / 'out' / 'speeds.png').stat().st_size > 10_000


def test_a_world_without_traffic(model: Path, tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match='nothing that is scored moves'):
        speeds([str(model)], tmp_path / 'out', drives=1, frames=2, moving=0.0)
    assert not (tmp_path / 'out').exists()
