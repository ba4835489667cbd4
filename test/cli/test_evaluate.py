# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mdepth_ros.cli.evaluate import evaluate
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import pose_matrices, write_tum
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.ros import conversions, recording


@pytest.fixture
def app():
    app = typer.Typer()
    app.command()(evaluate)
    return app


@pytest.fixture
def run(tmp_path):
    """The output of a run along a bend, and its truth, twice as long, in truth.tum."""
    angles = np.arange(30) * 0.1
    positions = np.stack([10 * np.sin(angles), 10 - 10 * np.cos(angles), 0 * angles], 1)
    quaternions = np.stack([0 * angles, 0 * angles, np.sin(angles / 2), np.cos(angles / 2)], 1)
    poses = pose_matrices(positions, quaternions)
    drive = Trajectory(np.arange(30) * 100_000_000 + 10**18, poses)
    write_tum(
        tmp_path / 'truth.tum', Trajectory(drive.stamps, pose_matrices(2 * positions, quaternions))
    )
    out = tmp_path / 'out'
    out.mkdir()
    with recording.BagWriter(out / 'bag') as bag:
        for stamp, pose in zip(drive.stamps.tolist(), poses, strict=True):
            zero = np.zeros((6, 6))
            header = conversions.make_header(stamp, 'odom')
            message = conversions.odometry_message(
                (pose, zero), (np.zeros(6), zero), header, 'base_link'
            )
            bag.write('/odom', message, stamp)
    (out / 'run.json').write_text(json.dumps({'source': str(tmp_path / 'gone')}))
    return out


def call(app, *arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_report_and_table(app, run, tmp_path):
    result = call(app, run, '--truth', tmp_path / 'truth.tum')
    assert result.exit_code == 0, result.output
    assert 'depth was not compared' in result.output
    assert 'ATE, rmse (m)' in result.output
    assert (run / 'report' / 'report.md').is_file()
    metrics = json.loads((run / 'report' / 'metrics.json').read_text())
    assert metrics['trajectory_scale'] == pytest.approx(2)


def test_report_elsewhere(app, run, tmp_path):
    call(app, run, '--truth', tmp_path / 'truth.tum', '-o', tmp_path / 'a' / 'b')
    assert (tmp_path / 'a' / 'b' / 'report.md').is_file()
    assert not (run / 'report').exists()


@pytest.mark.parametrize(
    ('conditions', 'status'),
    [
        (['ate>0.1'], 0),
        (['ate_raw > 0.1'], 1),
        (['ate>0.1', 'trajectory_scale>=1.9'], 1),
        (['ate>0.1', 'trajectory_frames<30'], 0),
    ],
)
def test_fail_if_sets_the_exit_status(app, run, tmp_path, conditions, status):
    options = [word for condition in conditions for word in ('--fail-if', condition)]
    result = call(app, run, '--truth', tmp_path / 'truth.tum', *options)
    assert result.exit_code == status, result.output
    assert ('failed: ' in result.output) == (status == 1)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--fail-if', 'abs_rel>0.2'], 'abs_rel has no value here; there are ate,'),
        (['--fail-if', 'ate'], 'is not of the form'),
        (['--fail-if', 'ate>1e400'], 'is not of the form'),  # it would never fail
        (['--crop', 'eigen'], '--crop eigen: none or garg'),
    ],
)
def test_what_a_user_can_mend(app, run, tmp_path, options, message):
    result = call(app, run, '--truth', tmp_path / 'truth.tum', *options)
    assert isinstance(result.exception, MdepthError)
    assert message in str(result.exception)
    assert '\n' not in str(result.exception)


def test_no_truth(app, run):
    assert 'name the truth with --truth' in str(call(app, run).exception)
