# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of a model beside the trivial predictors, at the smallest size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.cli import app
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.shots import Shot
from mdepth_training.evaluation.synthetic import evaluate, flat_numbers, has_turns
from numpy.typing import NDArray
from typer.testing import CliRunner

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.drives import five_frame_errors, relative_motion_errors
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import load_model, read_card, save_model
from mdepth_ros.terminal import run_app

CAMERA = Camera.from_normalised(96, 64, 0.58, 1.92, 0.5, 0.5)


def test_an_untrained_model_is_scored_beside_the_trivial_predictors(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = evaluate(model, 2, 7, 0.0, 10_000, record=True, csv=model.with_suffix('.csv'))
    printed = capsys.readouterr().out
    assert 'deg/frame' in printed and r'\n' not in printed  # headings have two lines
    own, *trivial = numbers
    assert own == 'tiny' and len(trivial) == 7
    # Nothing was learned: a constant map is better.
    assert min(numbers[name]['abs_rel'] for name in trivial[:-1]) < numbers[own]['abs_rel']
    assert {'abs_rel_static', 'abs_rel_moving', 'abs_rel_raw', 'd1'} < set(numbers[own])
    assert {'consistency', 'consistency_true', 'ause', 'sparsification'} < set(numbers[own])
    assert 'abs_rel_raw' not in numbers['constant']
    assert model.with_suffix('.csv').read_text().startswith('predictor,abs_rel,')
    card = read_card(model)
    assert card.metrics == numbers[own]
    translation, rotation = numbers[own]['rpe_translation_percent'], numbers[own]['rotation_deg']
    assert card.motion_noise == pytest.approx((translation / 100, np.radians(rotation)))
    assert '2 held-out drives' in card.details['metrics measured on']


def test_depth_without_the_cues_of_the_pair(model: Path) -> None:
    network, card = load_model(model)
    assert network.cues is not None and network.cues.gate is not None
    with torch.no_grad():
        network.cues.gate.fill_(2.0)
    save_model(model, network, card)
    frames = [
        Frame(i, np.random.default_rng(i).integers(0, 256, (64, 96, 3), np.uint8), CAMERA)
        for i in range(3)
    ]

    def depth(previous: int, **options: bool) -> NDArray[np.float32]:
        shot = Shot('0', frames[2], frames[previous])
        return Predictor(model, precision='fp32', **options)(shot)[0].depth

    assert np.abs(depth(0) / depth(1) - 1).max() > 1e-4
    np.testing.assert_array_equal(depth(0, cues=False), depth(1, cues=False))
    for option in ('cues', 'refined'):
        with pytest.raises(MdepthError, match='leave out'):
            evaluate(model, 1, 5, 0.0, 10_000, record=True, **{option: False})


def test_scores_of_perfect_and_of_steady_motion() -> None:
    truth = np.tile(np.eye(4), (9, 1, 1))
    truth[:, 2, 3] = np.linspace(0.5, 1.0, 9)
    assert flat_numbers({}, [(truth, truth)]) == pytest.approx(
        {'rotation_deg': 0, 'rpe_translation_percent': 0, 'ate_5_frames': 0}, abs=1e-6
    )
    steady = np.tile(np.eye(4), (9, 1, 1))
    steady[:, 2, 3] = 1.0
    numbers = flat_numbers({}, [(steady, truth)])
    expected = 100 * relative_motion_errors(steady, truth)[0].translation.sum() / 6.75
    assert numbers['rpe_translation_percent'] == pytest.approx(expected)
    assert numbers['ate_5_frames'] == pytest.approx(five_frame_errors(steady, truth).mean())


def test_a_turning_drive_turns_and_changes_its_speed() -> None:
    straight = np.tile(np.eye(4), (6, 1, 1))
    straight[:, 2, 3] = np.linspace(0.5, 1.0, 6)
    angle = np.radians(0.5)
    turning = straight.copy()
    turning[:, [0, 0, 2, 2], [0, 2, 0, 2]] = [
        np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
    ]  # fmt: skip
    steady = turning.copy()
    steady[:, 2, 3] = 0.7
    assert has_turns(turning) and not has_turns(straight) and not has_turns(steady)
    numbers = flat_numbers({}, [(straight, straight)])
    assert 'rotation_deg' in numbers and 'rotation_deg_turns' not in numbers
    numbers = flat_numbers({}, [(straight, straight), (straight, turning)])
    assert numbers['rotation_deg_turns'] == pytest.approx(0.5)
    assert numbers['rotation_deg'] == pytest.approx(0.25)


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ['evaluate', str(tmp_path / 'none.safetensors')])
    assert isinstance(result.exception, MdepthError)
    with pytest.raises(SystemExit) as stop:
        run_app(lambda: (_ for _ in ()).throw(MdepthError('gone')))
    assert stop.value.code == 2
