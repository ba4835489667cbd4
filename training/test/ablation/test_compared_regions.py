# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models beside each other by region: against numbers worked out by hand and written plainly."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.ablation.held_out import HeldOut
from mdepth_training.ablation.regions import regions, summarised
from mdepth_training.cli import app
from mdepth_training.config import Data, SyntheticData
from mdepth_training.evaluation.traffic import Traffic, mean_traffic, traffic_of
from typer.testing import CliRunner

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, load_model, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

NORMALISED = (0.58, 1.92, 0.5, 0.5)
CAMERA = Camera.from_normalised(96, 64, *NORMALISED)
BUSY = Data(synthetic=SyntheticData(moving=3.0))


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Two untrained networks; their cues have an effect."""
    files = []
    for seed in range(2):
        torch.manual_seed(seed)
        network = JointDepthPose(NetworkConfig(width=0.125))
        assert network.cues is not None and network.cues.gate is not None
        with torch.no_grad():
            network.cues.gate.fill_(2.0)
        card = ModelCard(
            name='tiny', network=network.config, input_size=(64, 96), camera=NORMALISED,
            frame_interval=0.1, method='untrained', data='none', licence='Apache-2.0',
        )  # fmt: skip
        files.append(tmp_path / f'seed{seed}.safetensors')
        save_model(files[-1], network, card)
    return files


@pytest.mark.parametrize('cues', [True, False])
def test_scores_are_those_of_the_protocol_written_plainly(
    models: list[Path], tmp_path: Path, cues: bool
) -> None:
    held_out = HeldOut(BUSY, CAMERA, 2, 4)
    estimator = Estimator(*load_model(models[0]), refined=False, cues=cues)
    squares: dict[str, list[float]] = {'': [], '_static': [], '_moving': []}
    for camera, views in held_out.views(tmp_path):
        frames = [Frame(round(i * 1e8), image, camera) for i, image in enumerate(views['image'])]
        for i in range(1, 4):
            (seen,) = estimator([FramePair(frames[i], frames[i - 1], '', 0.1)])
            truth, moves = views['depth'][i].astype(float), views['moving'][i]
            valid = (truth > 1e-3) & (truth < 80)
            depth = seen.depth * np.median(truth[valid]) / np.median(seen.depth[valid])
            finite = np.where(valid, truth, 1.0)
            error = (depth.clip(1e-3, 80) - finite) ** 2 / finite
            for region, where in (('', True), ('_static', ~moves), ('_moving', moves)):
                if (valid & where).any():  # an image where nothing moves is left out
                    squares[region].append(float(error[valid & where].mean()))
    assert 0 < len(squares['_moving']) <= len(squares[''])
    scores = held_out.score(models[0], tmp_path, cues)
    for region, each in squares.items():
        assert scores[f'sq_rel{region}'] == pytest.approx(np.mean(each), rel=1e-4), region


def test_one_table_of_all_models_on_the_same_frames(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = map(str, models)
    out, cache = tmp_path / 'out', tmp_path / 'cache'
    words = ['regions', f'without={a},{b}', f'swapped={b},{a}', a, '--moving', '3', '-o', str(out)]
    words += ['--drives', '1', '--frames', '3', '--cache', str(cache)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert 'moving 3' in result.output and 'dynamic SqRel against without' in result.output
    with (out / 'regions.csv').open() as file:
        rows = {(row['row'], row['model']): row for row in csv.DictReader(file)}
    assert len(rows) == 5
    assert rows['without', a] == {**rows['seed0', a], 'row': 'without'}  # same frames, same score
    found = json.loads((out / 'regions.json').read_text())['rows']
    pair = [float(rows['without', model]['sq_rel_moving']) for model in (a, b)]
    assert found['without']['sq_rel_moving']['mean'] == pytest.approx(np.mean(pair))
    assert found['swapped']['change']['mean'] == pytest.approx(0, abs=1e-9)
    assert found['seed0']['change']['mean'] == pytest.approx(pair[0] / np.mean(pair) - 1)
    assert 'margin' not in found['seed0']['change']  # two models there, one here: no pairs
    assert '95 % interval' in (out / 'regions.md').read_text()
    assert (out / 'regions.png').stat().st_size > 10_000

    # Drives that are there are not rendered again, but for files that lack a part.
    (drive,) = cache.glob('held-out-*/*.npz')
    with np.load(drive) as file:
        np.savez(drive, **{name: file[name] for name in file.files if name != 'instance'})
    regions([a], drives=1, frames=3, moving=3.0, cache=cache)
    monkeypatch.setattr('mdepth_training.ablation.held_out.synthetic_drive', None)
    regions([a], drives=1, frames=3, moving=3.0, cache=cache)


def test_means_spread_and_interval_by_hand() -> None:
    values = {'base': [2.0, 4.0, 3.0], 'new': [1.0, 2.0, 2.4], 'one': [1.5]}
    results = {
        (row, seed): {'sq_rel_moving': value, 'abs_rel': math.nan}
        for row, of_row in values.items()
        for seed, value in enumerate(of_row)
    }
    base = summarised(results, 'base', 'base')
    # Student's t of 2 degrees of freedom: 4.303.
    assert base['sq_rel_moving']['mean'] == 3 and base['sq_rel_moving']['spread'] == 1
    assert base['sq_rel_moving']['margin'] == pytest.approx(4.303 / math.sqrt(3))
    assert 'change' not in base and base['abs_rel']['mean'] is None
    # Differences -1, -2, -0.6: mean -1.2, standard deviation sqrt((0.04 + 0.64 + 0.36) / 2).
    change, spread = summarised(results, 'new', 'base')['change'], math.sqrt(0.52)
    assert change['mean'] == pytest.approx(-1.2 / 3)
    assert change['spread'] == pytest.approx(spread / 3)
    assert change['margin'] == pytest.approx(4.303 * spread / math.sqrt(3) / 3)
    one = summarised(results, 'one', 'base')
    assert one['change'] == {'mean': -0.5} and one['sq_rel_moving']['margin'] is None


def test_what_moves_by_hand() -> None:
    ids = np.zeros((20, 50), int)
    ids[:2, :2], ids[5, 5:9], ids[10:15, 20:30] = 4, 9, 7
    found = traffic_of(np.where(ids == 9, 0, ids))
    assert found == Traffic(54 / 1000, 2, 1)  # 5 pixels are 0.5 %
    nothing = traffic_of(np.zeros((20, 50), int))
    assert nothing == Traffic(0, 0, 0)
    mean = mean_traffic([found, nothing])
    assert mean == Traffic(0.027, 1, 0.5)
    assert str(mean).startswith('2.70 % of the pixels move; 1.00 moving things per image, 0.50')


def test_rows_that_cannot_be_compared_are_one_line(models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match='two rows are called seed0: give names'):
        regions([str(models[0])] * 2)
    with pytest.raises(MdepthError, match=r'none\.safetensors'):
        regions([f'a={models[0]},{tmp_path}/none.safetensors'])
    network, card = load_model(models[0])
    save_model(tmp_path / 'slow.safetensors', network, replace(card, frame_interval=0.2))
    with pytest.raises(MdepthError, match=r'0\.2 s apart, .* 0\.1 s'):
        regions([str(models[0]), str(tmp_path / 'slow.safetensors')])
