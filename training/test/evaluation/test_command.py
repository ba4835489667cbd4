# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train evaluate MODEL --data`: from files to tables, pictures and messages."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.evaluation.evaluate import evaluate
from mdepth_training.evaluation.motion import motion_numbers
from mdepth_training.evaluation.predict import Predictor, at_pixels
from mdepth_training.evaluation.protocols import open_shots
from mdepth_training.evaluation.report import summary
from mdepth_training.evaluation.shots import Options
from mdepth_training.evaluation.trivial import training_prior
from typer.testing import CliRunner

from mdepth_ros.cli.main import app as mdepth
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import read_card
from mdepth_ros.synthetic import WorldConfig, make_drive


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_tables_pictures_and_numbers_of_every_image(
    model: Path, tmp_path: Path, trees: ModuleType
) -> None:
    data, out = trees.extracted(tmp_path / 'data'), tmp_path / 'out'
    result = CliRunner().invoke(
        app,
        ['evaluate', str(model), '--data', str(data), '-o', str(out), '--camera-height', '1.5'],
        catch_exceptions=False,
    )
    assert result.exit_code == 0 and 'AbsRel' in result.stdout
    text = (out / 'scores.md').read_text()
    assert '| tiny |' in text and 'images with a true depth: 3' in text
    total, images = rows(out / 'scores.csv'), rows(out / 'images.csv')
    assert [row['predictor'] for row in total] == [
        'tiny', 'constant', 'flat ground', 'flat ground and walls', 'constant forward motion',
    ]  # fmt: skip
    own = [row for row in images if row['predictor'] == 'tiny']
    assert len(own) == 6 and [row['paired_with_itself'] for row in own] == ['1', *'00000']
    scored = [float(row['abs_rel']) for row in own if row['abs_rel']]
    assert len(scored) == 3
    assert float(total[0]['abs_rel']) == pytest.approx(np.mean(scored))
    # The truth is a wall without structure: a constant is perfect.
    assert float(total[1]['abs_rel']) == pytest.approx(0, abs=1e-9)
    assert total[0]['ate_5_frames'] and float(total[0]['consistency']) >= 0
    assert total[0]['abs_rel_raw'] and not total[1].get('abs_rel_raw')
    assert not any(row['abs_rel_raw'] for row in images if row['predictor'] == 'constant')
    assert float(total[-1]['ate_5_frames']) == pytest.approx(0, abs=1e-9)  # it is steady there
    assert (out / 'depth.png').stat().st_size > 10_000


def test_cap_crop_and_limit_are_heard(model: Path, tmp_path: Path, trees: ModuleType) -> None:
    data = trees.extracted(tmp_path)
    whole = evaluate(model, data, limit=2)
    assert len(whole.images) == 2
    cropped = evaluate(model, data, crop='garg', view='whole')
    pixels = [result.means()['tiny'][''].pixels for result in (whole, cropped)]
    assert 0 < pixels[1] / 3 < 0.6 * trees.WIDTH * trees.HEIGHT
    with pytest.raises(MdepthError, match='nothing to score'):
        evaluate(model, data / 'city', cap=5.0, limit=1)
    motion_alone = summary(evaluate(model, data / 'city', cap=5.0))
    assert not any('nan' in line for line in motion_alone)


def test_a_folder_that_is_called_by_a_dot(
    model: Path, tmp_path: Path, trees: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = trees.extracted(tmp_path)
    named = evaluate(model, data / 'city')
    monkeypatch.chdir(data / 'city')
    here = evaluate(model, Path())
    assert (
        here.data == named.data == 'city'
        and motion_numbers(here.chains) == motion_numbers(named.chains) != {}
    )


@pytest.mark.parametrize(
    'options',
    [{'protocol': 'kitty'}, {'crop': 'eigen'}, {'first_frame': 'last'}, {'view': 'half'}],
)
def test_a_wrong_option_names_the_right_ones(
    model: Path, tmp_path: Path, options: dict[str, str], trees: ModuleType
) -> None:
    with pytest.raises(MdepthError, match=f'--{next(iter(options)).replace("_", "-")}'):
        evaluate(model, trees.extracted(tmp_path), **options)  # type: ignore[arg-type]


def test_first_frames_are_doubled_or_take_the_next(
    model: Path, tmp_path: Path, trees: ModuleType
) -> None:
    trees.kitti_raw(tmp_path, '2011_09_26_drive_0005_sync', [0, 1])
    options = Options(0.1, (0.58, 1.92, 0.5, 0.5))
    first, second = open_shots(tmp_path, 'kitti-eigen', options)
    motions = {}
    for rule in ('duplicate', 'next'):
        predictor = Predictor(model, whole=True, first_frame=rule, precision='fp32')
        prediction, pair = predictor(first)
        motions[rule] = prediction.motion
        assert (pair.previous is first.frame) == (rule == 'duplicate') == bool(pair.reason)
        assert predictor(second)[1].previous is second.previous
    assert (motions['duplicate'] == np.eye(4)).all() and (motions['next'] != np.eye(4)).any()


def test_the_whole_image_or_the_view_of_the_vehicle(
    model: Path, tmp_path: Path, trees: ModuleType
) -> None:
    """Of 124x38 pixels the network's 3:2 shows 57 columns, unless the whole is squeezed in."""
    trees.kitti_raw(tmp_path, '2011_09_26_drive_0005_sync', [0])
    (shot,) = open_shots(tmp_path, 'kitti-eigen', Options(0.1, (0.58, 1.92, 0.5, 0.5)))
    v, u = np.mgrid[: trees.HEIGHT, : trees.WIDTH].reshape(2, -1)
    seen = {}
    for whole in (False, True):
        prediction, _ = Predictor(model, whole=whole)(shot)
        found = at_pixels(prediction.depth, prediction.camera, shot.camera, v, u)
        seen[whole] = np.isfinite(found).mean()
    size = trees.WIDTH, trees.HEIGHT
    expected = 1 / cv2.resize(1 / prediction.depth, size, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-5)
    assert seen[True] == 1 and seen[False] == pytest.approx(57 / 124, abs=0.02)


def test_a_distorted_image_is_not_squeezed_as_a_whole(
    model: Path, tmp_path: Path, trees: ModuleType
) -> None:
    data = trees.extracted(tmp_path)
    (shot, *_) = open_shots(data, 'recording', Options(0.1, (0.58, 1.92, 0.5, 0.5)))
    bent = replace(shot.frame.camera, model='plumb_bob', distortion=(-0.3, 0.1))
    shot = replace(shot, frame=replace(shot.frame, camera=bent))
    with pytest.raises(MdepthError, match=r'--view whole .* this camera distorts'):
        Predictor(model, whole=True)(shot)


def test_depth_of_a_cut_out_lands_where_it_belongs() -> None:
    full = Camera.from_normalised(200, 60, 0.58, 1.92, 0.5, 0.5)
    part = full.cropped(60, 10, 80, 40)
    disparity = np.add.outer(np.linspace(0.1, 0.2, 60), np.linspace(0.0, 0.3, 200))
    half = part.scaled(40, 20)
    blocks = disparity[10:50, 60:140].reshape(20, 2, 40, 2).mean((1, 3))
    rows, columns = np.array([20, 30, 5]), np.array([70, 100, 100])
    found = at_pixels(1 / blocks, half, full, rows, columns)
    np.testing.assert_allclose(found[:2], 1 / disparity[rows[:2], columns[:2]])
    assert np.isnan(found[2])


def test_a_bag_with_depth_masks_and_odometry(model: Path, tmp_path: Path) -> None:
    bag = tmp_path / 'bag'
    size = ['--width', '160', '--height', '48', '--frames', '8']
    made = CliRunner().invoke(mdepth, ['synth', str(bag), *size], catch_exceptions=False)
    assert made.exit_code == 0
    result = evaluate(model, bag)
    means = result.means()['tiny']
    assert {'', '_raw', '_static', '_moving'} <= set(means) and len(result.images) == 8
    ((estimate, truth),) = result.chains
    assert len(estimate) == len(truth) == 7
    # Metres per frame of a vehicle in a town; the optical axis is the direction of travel.
    steps = truth[:, :3, 3]
    assert 0.1 < steps[:, 2].mean() < 3 and np.abs(steps[:, :2]).max() < 0.2
    assert set(result.agreement()) == {'consistency', 'consistency_true'}
    topics = Options(0.1, (0.58, 1.92, 0.5, 0.5))
    true = [shot.truth for shot in open_shots(bag, 'recording', topics)]
    assert len(true) == 8 and all((depth > 0).mean() > 0.5 for depth in true)
    config = model.parent / 'experiment.yaml'  # of another version of this package
    config.write_text('of_another_version: 1\n')
    assert 'mean of its world' not in evaluate(model, bag, limit=1).means()
    with pytest.raises(MdepthError, match='of_another_version'):
        evaluate(model, bag, limit=1, prior=config)


def test_the_mean_of_the_world_that_trained_a_model(model: Path, tmp_path: Path) -> None:
    config = model.parent / 'experiment.yaml'  # as a run leaves it beside its model
    config.write_text(
        'input_size: [64, 96]\ndata: {synthetic: {drives: 2, frames: 9}}\n'
        'training: {batch_size: 2}\n'
    )
    card = read_card(model)
    (layout,) = training_prior(model, card, None).values()
    camera = Camera.from_normalised(96, 64, *card.camera)
    views = [make_drive(seed, 9, camera, WorldConfig()).render([0, 8]).depth for seed in (0, 1)]
    depths = np.minimum(np.concatenate(views).astype(np.float64), 80)
    np.testing.assert_allclose(layout, 1 / (1 / depths).mean(0), rtol=1e-6)
    other = config.read_text().replace('[64, 96]', '[128, 192]')
    (tmp_path / 'other.yaml').write_text(other)
    with pytest.raises(MdepthError, match='is of 128x192 images, the model of 64x96'):
        training_prior(model, card, tmp_path / 'other.yaml')
    config.write_text('data: {recordings: [drives]}\n')
    assert training_prior(model, card, None) == {}
    config.unlink()
    assert training_prior(model, card, None) == {}


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (['--crop', 'garg'], '--crop means nothing for the synthetic world, only for --data'),
        (['--data', 'here', '--drives', '3'], '--drives means nothing for --data, only for --sc'),
        (['--drift', '--no-refine'], '--refine means nothing for --drift'),
        (['--scales', '--record'], '--record means nothing for --scales, only for the synthetic'),
        (['--data', 'here', '--scales'], '--scales means nothing for --data'),
        (
            ['--data', 'here', '--truth', 'x'],
            '--truth means nothing for --data, only for --drift w',
        ),
        (['--data', 'here', '--drift', '--camera-width', '640'], '--camera-width means nothing'),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(options: list[str], complaint: str) -> None:
    with pytest.raises(MdepthError, match=complaint):
        CliRunner().invoke(app, ['evaluate', 'model', *options], catch_exceptions=False)
