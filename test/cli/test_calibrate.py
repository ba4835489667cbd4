# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth calibrate` writes the noise of the motions into a copy of a model, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mdepth_ros.calibration import DrivePairs, calibrate
from mdepth_ros.cli.main import app
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import se3_exp
from mdepth_ros.model_file import load_model
from mdepth_ros.motion_noise import card_noise
from mdepth_ros.shipped import FOR_THE_PLAIN_WORLD, shipped_model


def test_the_card_gets_the_noise(tmp_path: Path) -> None:
    model, out = shipped_model(FOR_THE_PLAIN_WORLD), tmp_path / 'out.safetensors'
    options = ['--drives', '2', '--frames', '30', '-o', str(out)]
    result = CliRunner().invoke(app, ['calibrate', str(model), *options])
    assert result.exit_code == 0, result.output
    assert '2 synthetic drives of 30 frames, seeds from 40000' in ' '.join(result.output.split())
    (before, old), (after, new) = load_model(model), load_model(out)
    assert all(
        torch.equal(a, b)
        for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    )
    assert replace(new, calibration=old.calibration, details=old.details) == old
    noise = card_noise(new)
    assert noise is not None and noise.correlation > 1
    std = noise.std(0.2, 0.01, 0.02)  # of a pair of one metre
    assert np.all((std > 1e-5) & (std < 0.05))


def test_a_wrong_scale_is_no_error_of_the_motions() -> None:
    """Drives in units of their own, with known noise: NEES of drives left out is near one."""
    generator = np.random.default_rng(0)

    def drive(unit: float) -> DrivePairs:
        twists = generator.normal([0, 0, 1.0, 0, 0, 0], [0, 0, 0.2, 0, 0.02, 0], (200, 6))
        errors = generator.normal(size=(200, 6)) * ([0.01] * 3 + [0.002] * 3)
        motions = se3_exp(torch.from_numpy(twists))
        truth = (motions @ se3_exp(torch.from_numpy(errors))).numpy()
        truth[:, :3, 3] *= unit
        return DrivePairs(motions.numpy(), truth, np.full(200, 0.02), 1, 201)

    found = calibrate([drive(unit) for unit in (3.0, 4.0, 5.0, 6.0)])
    assert found.held_out.nees == pytest.approx(1.0, abs=0.1)
    assert found.held_out.coverage == pytest.approx(0.95, abs=0.01)
    assert found.alarms == pytest.approx(1 / 201)
    std = found.noise.std(1.0, 0.02, 0.02)
    np.testing.assert_allclose(std, [0.01] * 3 + [0.002] * 3, rtol=0.15)
    with pytest.raises(MdepthError, match='two or more'):
        calibrate([drive(1.0)])
