# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train evaluate MODEL --drift --data`: true poses are found, and nothing is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.cli import app
from mdepth_training.evaluation import recorded_drift
from mdepth_training.evaluation.drift import WAYS, Asked, Way
from mdepth_training.evaluation.recorded_drift import evaluate_recorded_drift, whole_numbers
from typer.testing import CliRunner

from mdepth_ros.core.types import OPTICAL_ROTATION
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.association import pose_at
from mdepth_ros.evaluation.drives import chain
from mdepth_ros.evaluation.files import kitti_line, write_tum
from mdepth_ros.evaluation.trajectory import Trajectory, relative
from mdepth_ros.geometry import se3_exp

STAMPS = np.arange(8) * 100_000_000
UNIT = 4.0  # metres of the card


def turn(angle: float, axis: int = 0) -> np.ndarray:
    """A turn [4, 4] about an axis, rad."""
    twist = torch.zeros(6, dtype=torch.float64)
    twist[3 + axis] = angle
    return np.asarray(se3_exp(twist).numpy())


def bend(count: int = 8) -> Trajectory:
    """Poses of a camera along a bend, 0.8 m a frame."""
    step = se3_exp(torch.tensor([0.0, 0, 0.8, 0, 0.03, 0]).double()).numpy()
    poses = chain(np.repeat(step[None], count - 1, 0))
    return Trajectory(np.arange(count) * 100_000_000, poses)


def knowing(truth: Trajectory) -> Asked:
    """What says the true motion of a pair, in units of half the card's."""

    def asked(_: object, pair: object) -> tuple[np.ndarray, float]:
        first, second = (pose_at(truth, f.stamp) for f in (pair.previous, pair.current))  # type: ignore[attr-defined]
        assert first is not None and second is not None
        motion = relative(first, second)
        motion[:3, 3] *= 2 / UNIT
        return motion, 0.1

    return asked


def kitti(folder: Path, truth: Trajectory) -> None:
    (folder / 'poses.txt').write_text(''.join(kitti_line(pose) for pose in truth.poses))


def test_poses_of_the_camera(
    model: Path, grey_drive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    kitti(grey_drive, bend())
    monkeypatch.setattr(recorded_drift, 'WAYS', (Way('known', knowing(bend())),))
    numbers = evaluate_recorded_drift(model, grey_drive)['known']
    said = ' '.join(capsys.readouterr().out.split())
    assert 'poses.txt' in said and '8 images, 6 m' in said
    assert 'constant error' not in said and 'no true pose' not in said
    assert numbers.pop('length') == pytest.approx(np.log(2))
    assert numbers.pop('milliseconds') == pytest.approx(100)
    assert max(numbers.values()) < 1e-5
    assert 'drift_translation' not in numbers  # it is shorter than 100 m


@pytest.mark.parametrize('pitch', [0.0, 0.1])
def test_poses_of_the_vehicle_of_which_some_are_missing(
    model: Path,
    grey_drive: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    pitch: float,
) -> None:
    """A camera that is pitched against its frame errs by 2 sin(pitch / 2) of the way; in line."""
    vehicle = bend().of_frame(turn(pitch)).of_frame(OPTICAL_ROTATION.T)
    write_tum(grey_drive / 'truth.tum', vehicle.select(np.arange(1, 8)))
    monkeypatch.setattr(recorded_drift, 'WAYS', (Way('known', knowing(bend())),))
    numbers = evaluate_recorded_drift(model, grey_drive)['known']
    said = ' '.join(capsys.readouterr().out.split())
    assert 'truth.tum' in said and 'they are of camera_link' in said
    assert '1 of 8 images have no true pose' in said and '7 images, 5 m' in said
    assert numbers['translation'] == pytest.approx(200 * np.sin(pitch / 2), abs=0.1)
    assert numbers['ate_turned'] < 1e-4 and numbers['length'] == pytest.approx(np.log(2))
    assert numbers['heading'] < 0.1


def test_long_drives_have_a_drift() -> None:
    """A turn of 0.01 degrees too much in each metre is one degree in 100 m; KITTI's end is 101."""
    truth = np.repeat(np.eye(4)[None], 150, 0)
    truth[:, 2, 3] = 1.0
    numbers = whole_numbers(truth @ turn(np.radians(0.01), 1), truth)
    assert numbers['drift_rotation'] == pytest.approx(1.01)
    # The arc leaves the straight by half of the angle: 101 m * 1.01 degrees / 2.
    assert numbers['drift_translation'] == pytest.approx(101 * np.radians(1.01) / 2, rel=0.02)
    assert set(whole_numbers(truth[:90], truth[:90])) == {'ate_turned'}


def test_the_table(model: Path, grey_drive: Path, tmp_path: Path) -> None:
    kitti(grey_drive, bend())
    command = f'evaluate {model} --drift --data {grey_drive} --limit 7 -o {tmp_path / "out"}'
    result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    said = ' '.join(result.output.split())
    assert 'Drift, tiny, grey, 7 images, 5 m' in said and all(way.name in said for way in WAYS[:4])
    with (tmp_path / 'out' / 'drift.csv').open(encoding='utf-8') as file:
        rows = {row['way']: row for row in csv.DictReader(file)}
    assert list(rows) == [way.name for way in WAYS]
    turns = [rows[way]['rotation'] for way in ('networks', 'photometric', 'corners')]
    assert len(set(turns)) == 3  # each is another motion
    assert all(float(row['milliseconds']) > 0 for row in rows.values())


def test_a_truth_elsewhere_and_the_frame_that_it_is_of(
    model: Path, grey_drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tum(tmp_path / 'mine.txt', bend())
    monkeypatch.setattr(recorded_drift, 'WAYS', (Way('known', knowing(bend())),))
    options = {'truth': tmp_path / 'mine.txt', 'truth_frame': 'camera_optical_frame'}
    numbers = evaluate_recorded_drift(model, grey_drive, **options)['known']
    assert numbers['translation'] < 1e-3


@pytest.mark.parametrize(
    ('truth', 'options', 'message'),
    [
        (None, {}, 'no truth for .*grey.*looked for .*truth.tum.*--truth'),
        ('later', {}, r'only 0 of 8 images \(0.000 to 0.700 s\) have a true pose in .*one clock'),
        ('part', {}, 'only 4 of 8 images'),
        ('still', {}, 'move by 0.00 m in all'),
        ('whole', {'limit': 4}, '4 images, 5 are needed'),
        ('whole', {'odom_topic': '/odom'}, 'is not a bag'),
        ('whole', {'truth': Path('nowhere.txt')}, 'no such truth'),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    model: Path, grey_drive: Path, truth: str | None, options: dict[str, object], message: str
) -> None:
    whole = bend()
    made = {
        'later': Trajectory(whole.stamps + 10**12, whole.poses),
        'part': whole.select(np.arange(4)),
        'still': Trajectory(whole.stamps, np.repeat(np.eye(4)[None], 8, 0)),
        'whole': whole,
    }
    if truth is not None:
        write_tum(grey_drive / 'truth.tum', made[truth])
    with pytest.raises(MdepthError, match=message):
        evaluate_recorded_drift(model, grey_drive, **options)  # type: ignore[arg-type]
