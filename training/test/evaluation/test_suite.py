# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train suite`: one table of several models, and what a recording without truth says."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.shots import Shot
from mdepth_training.evaluation.suite import MEAN, Number, read_suite, table, with_mean
from mdepth_training.evaluation.synthetic import held_out
from mdepth_training.evaluation.unlabelled import means, score_pair, score_pairs
from typer.testing import CliRunner

from mdepth_ros.core.types import Prediction
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import WorldConfig, make_drive

CAMERA = Camera.from_normalised(96, 64, 0.58, 1.92, 0.5, 0.5)


@pytest.fixture(scope='module')
def drive() -> list[Shot]:
    """Five frames of a synthetic drive without traffic, with true depth and poses."""
    world = WorldConfig(moving=0.0)
    return list(held_out(CAMERA, world, [3], 5))


def told(shot: Shot, factor: float = 1.0, still: bool = False) -> Prediction:
    """What a perfect model says of a frame, its depth times a factor, or without its motion."""
    assert shot.truth is not None and shot.previous is not None
    number = int(shot.name)
    poses = np.asarray(make_drive(3, 5, CAMERA, WorldConfig(moving=0.0)).poses)
    motion = np.linalg.inv(poses[number - 1]) @ poses[number]
    depth = (factor * np.minimum(shot.truth, 80.0)).astype(np.float32)
    seen = np.ones(depth.shape, bool)
    motion = np.eye(4) if still else motion
    return Prediction(depth, motion, seen, CAMERA, shot.frame.image, seen, {})


def test_true_depth_and_motion_explain_the_images_best(model: Path, drive: list[Shot]) -> None:
    predictor = Predictor(model)
    shot = drive[2]
    right, still = score_pair(predictor, shot, told(shot))
    near, _ = score_pair(predictor, shot, told(shot, 0.6))
    far, _ = score_pair(predictor, shot, told(shot, 1.8))
    assert right < 0.8 * min(near, far) and right < 0.8 * still
    as_it_is = score_pair(predictor, shot, told(shot, still=True))
    assert as_it_is[0] == pytest.approx(as_it_is[1], abs=1e-6)


def test_pairs_and_their_means(model: Path, drive: list[Shot]) -> None:
    found = score_pairs(Predictor(model), drive)
    assert [pair.stamp for pair in found] == [shot.frame.stamp for shot in drive[1:]]
    mean = means(found)
    assert 0 < mean['photometric'] < 1 and mean['disagreement'] > 0
    assert mean['still'] == pytest.approx(np.mean([pair.still for pair in found]))
    assert all(math.isnan(value) for value in means([]).values())


def write(path: Path, *lines: str) -> Path:
    path.write_text('\n'.join(['recordings:', *(f'- {line}' for line in lines)]) + '\n')
    return path


def test_one_table_of_two_models(
    trees: ModuleType,
    model: Path,
    grey_drive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trees.extracted(tmp_path / 'city')
    poses = [f'1 0 0 0 0 1 0 0 0 0 1 {0.5 * n}' for n in range(8)]
    (grey_drive / 'poses.txt').write_text('\n'.join(poses) + '\n')
    monkeypatch.setenv('HERE', str(tmp_path))
    other = tmp_path / 'other.safetensors'
    other.write_bytes(model.read_bytes())
    suite = write(
        tmp_path / 'suite.yaml',
        '{name: city, path: $HERE/city, truth: depth, camera_height: 1.6}',
        '{path: grey, truth: poses}',
        '{name: plain, path: grey, limit: 6}',
    )
    words = ['suite', str(suite), str(model), str(other), '-o', str(tmp_path / 'out')]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    text = (tmp_path / 'out' / 'suite.md').read_text()
    head = next(line for line in text.splitlines() if line.startswith('| |') or 'tiny' in line)
    assert head.index('tiny') < head.index('other') < head.index('constant')
    with (tmp_path / 'out' / 'suite.csv').open() as file:
        rows = {
            (r['recording'], r['measure'], r['model']): r['value'] for r in csv.DictReader(file)
        }
    assert {'city', 'grey', 'plain'} == {recording for recording, _, _ in rows}
    for recording, measure, name in rows:  # the same weights have the same numbers
        if name == 'other':
            assert rows[recording, measure, name] == rows[recording, measure, 'tiny']
    assert float(rows['city', 'AbsRel', 'tiny']) > 0 and ('city', 'AbsRel', 'constant') in rows
    assert ('grey', 'turn deg', 'other') in rows
    assert ('plain', 'photometric error', 'no depth, no motion') in rows


def test_the_mean_is_of_what_all_have() -> None:
    numbers = [
        Number('a', 'AbsRel', 'x', 0.2),
        Number('b', 'AbsRel', 'x', 0.4),
        Number('a', 'AbsRel', 'flat ground', 0.9),
        Number('c', 'way %', 'x', math.nan),
    ]
    (mean,) = with_mean(numbers)[len(numbers) :]
    assert (mean.recording, mean.model) == (MEAN, 'x') and mean.value == pytest.approx(0.3)
    assert with_mean(numbers[:1]) == numbers[:1]
    shown = table(numbers, ['x'], 'all')
    assert shown.rows[-1] == ['c: way %', '-', '']


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('{path: nowhere}', "no recording '"),
        ('{path: $NOBODY_SET_THIS/x}', 'not set'),
        ('{path: ., truth: lidar}', 'depth, poses or none'),
        ('{path: ., hight: 2}', 'unknown setting recordings'),
        ('{name: a, path: .}\n- {name: a, path: .}', 'two recordings are called a'),
        ('monday', 'must be a mapping'),
    ],
)
def test_a_wrong_suite_is_one_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(MdepthError, match=said.replace('[', r'\[')) as error:
        read_suite(write(tmp_path / 'suite.yaml', line))
    assert '\n' not in str(error.value)
    (tmp_path / 'empty.yaml').write_text('')
    with pytest.raises(MdepthError, match='give a list'):
        read_suite(tmp_path / 'empty.yaml')


def test_the_shipped_suite(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MDEPTH_DATA', str(data_dir.absolute()))
    found = read_suite(Path(__file__).parents[2] / 'configs/suites/held-out.yaml')
    assert {one.truth for one in found} == {'depth', 'poses'} and len(found) == 4
