# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth calibrate` writes noise and scale spread into a copy of a model, and only that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch
from road import seen_at
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.cli.synth import write_drive
from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.motion_noise import card_noise
from mdepth_ros.core.scale import scale_source
from mdepth_ros.core.types import Evidence, Frame, FramePair, Prediction
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.calibration import DrivePairs, calibrate, drive_pairs
from mdepth_ros.geometry import Camera, se3_exp
from mdepth_ros.model.file import load_model
from mdepth_ros.model.shipped import FOR_THE_PLAIN_WORLD, shipped_model
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive


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
    assert noise is not None and noise.correlation > 1 and noise.corners is not None
    assert np.all((noise.corners > 0.5) & (noise.corners < 20))
    std = noise.std(0.2, 0.01, 0.02)  # of a pair of one metre
    assert np.all((std > 1e-5) & (std < 0.05))
    assert 0 < new.scale_spread < 0.5
    fixed = scale_source('model', new).update(*seen_at(0))
    assert fixed.spread == pytest.approx(new.scale_spread * fixed.value)


NOISE = [0.01] * 3 + [0.002] * 3
ARRAYS = 'motions', 'truth', 'residuals', 'networks', 'stds'


def drive(unit: float, count: int = 200, seed: int = 0, interval: float = 0.1) -> DrivePairs:
    """A drive of about 1 unit per pair, with known noise."""
    generator = np.random.default_rng(seed)
    twists = generator.normal([0, 0, 1.0, 0, 0, 0], [0, 0, 0.2, 0, 0.02, 0], (count, 6))
    errors = generator.normal(size=(count, 6)) * NOISE
    motions = se3_exp(torch.from_numpy(twists))
    truth = (motions @ se3_exp(torch.from_numpy(errors))).numpy()
    truth[:, :3, 3] *= unit
    own, unknown = motions.numpy(), np.full((count, 6), np.nan)
    residuals = np.full(count, 0.02)
    return DrivePairs(own, truth, residuals, own, unknown, 1, count + 1, count * interval)


def test_a_wrong_scale_is_no_error_of_the_motions() -> None:
    """Drives in units of their own, with known noise: NEES of drives left out is near one."""
    found = calibrate([drive(unit, seed=seed) for seed, unit in enumerate((3.0, 4.0, 5.0, 6.0))])
    assert found.held_out.nees == pytest.approx(1.0, abs=0.1)
    assert found.held_out.coverage == pytest.approx(0.95, abs=0.01)
    assert found.pairs == 4 * 201 and found.alarms == pytest.approx(1 / 201)
    std = found.noise.std(1.0, 0.02, 0.02)
    np.testing.assert_allclose(std, NOISE, rtol=0.15)


def test_the_spread_of_the_scale_is_that_of_the_drives_about_the_card() -> None:
    off = np.random.default_rng(1).normal(0, 0.1, 60)
    found = calibrate([drive(4.0 * np.exp(e), 40, i) for i, e in enumerate(off)])
    assert found.metres_per_unit == pytest.approx(4.0, rel=0.05)
    assert found.scale_spread(4.0) == pytest.approx(float(np.sqrt(np.mean(off**2))), rel=0.05)
    # A card whose value is wrong: that counts as well.
    assert found.scale_spread(5.0) == pytest.approx(np.hypot(0.1, np.log(5 / 4)), rel=0.15)
    assert found.entries(5.0)['scale spread'] == pytest.approx(found.scale_spread(5.0), rel=1e-3)
    assert 'scale spread' not in found.entries(None)
    assert found.entries(4.0, 0.3)['scale spread'] == 0.3


def test_long_drives_are_cut() -> None:
    """The scale of a long drive wanders: a factor for each part; what stands has no weight."""
    first, second = drive(4.0, 300), drive(6.0, 300)
    whole = DrivePairs(
        *(np.concatenate([getattr(d, k) for d in (first, second)]) for k in ARRAYS), 0, 600, 119.0
    )
    np.testing.assert_allclose(calibrate([whole]).scales, [4, 6], rtol=0.01)
    shorter = replace(whole, seconds=59.0)
    assert len(calibrate([shorter, drive(4.0)]).scales) == 2
    assert len(calibrate([shorter]).scales) == 2  # one drive alone
    crawl = drive(0.4, 30)
    crawl.motions[:, :3, 3] *= 0.01
    crawl.truth[:, :3, 3] *= 0.01
    assert calibrate([first, crawl]).scale_spread(4.0) < 0.1
    with pytest.raises(MdepthError, match='39 motions could be believed: calibrate with 40'):
        calibrate([drive(4.0, 39)])


class SeesTheTruth:
    """In place of the networks: the true motion in units of 2 m."""

    def __init__(self) -> None:
        self.card, self.warnings = load_model(shipped_model())[1], []
        self.intervals: list[float] = []

    def __call__(self, pairs: Sequence[FramePair], parts: object) -> list[Prediction]:
        (pair,) = pairs
        self.intervals.append(pair.interval)
        motion, map_ = np.eye(4), np.ones((6, 8), np.float32)
        motion[2, 3] = 10.0 * pair.interval / 2
        fits = Evidence(0.01, 0.05, 0.05, False)
        image = pair.current.image
        return [Prediction(map_, motion, map_, pair.current.camera, image, map_ > 0, {}, fits)]


def test_pairs_do_not_overlap_and_need_true_poses() -> None:
    camera, image = Camera(8, 6, 8.0, 8.0, 3.5, 2.5), np.zeros((6, 8, 3), np.uint8)

    def frames(rate: float, known: range) -> Iterator[tuple[Frame, np.ndarray | None]]:
        for k in range(60):
            pose = np.eye(4)
            pose[2, 3] = 10.0 * k / rate
            yield Frame(round(k * 1e9 / rate), image, camera), pose if k in known else None

    for rate, count in ((10.0, 59), (30.0, 20)):
        sees = SeesTheTruth()
        pairs = drive_pairs(cast('Estimator', sees), frames(rate, range(60)))
        assert pairs.pairs == count and len(sees.intervals) == count
        assert pairs.seconds == pytest.approx(sum(sees.intervals)) and pairs.seconds <= 60 / rate
        assert pairs.metres_per_unit == pytest.approx(2.0)
        assert pairs.length == pytest.approx(10.0 * pairs.seconds)
    sees = SeesTheTruth()
    pairs = drive_pairs(cast('Estimator', sees), frames(10.0, range(20, 41)))
    assert pairs.pairs == 20 == len(sees.intervals)
    with pytest.raises(MdepthError, match='no two frames a frame interval apart'):
        drive_pairs(cast('Estimator', sees), frames(10.0, range(20, 21)))


@pytest.fixture(scope='module')
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Drive]:
    """A synthetic drive as a recording with truth."""
    card = load_model(shipped_model(FOR_THE_PLAIN_WORLD))[1]
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    made = make_drive(40001, 44, camera, WorldConfig(frame_interval=card.frame_interval))
    path = tmp_path_factory.mktemp('recorded') / 'drive'
    write_drive(made, path)
    return path, made


def test_a_recording_with_truth(recorded: tuple[Path, Drive], tmp_path: Path) -> None:
    """The bag, whose truth is of base_link, gives what the drive itself gives."""
    path, made = recorded
    model, out = shipped_model(FOR_THE_PLAIN_WORLD), tmp_path / 'out.safetensors'
    result = CliRunner().invoke(app, ['calibrate', str(model), str(path), '-o', str(out)])
    text = ' '.join(result.output.split())
    assert result.exit_code == 0, text
    assert 'recorded drives with true poses: drive; 43 pairs' in text
    assert 'one drive does not tell' in text
    network, card = load_model(model)
    images = (made.render([k]).image[0].numpy() for k in range(made.frames))
    taken = (Frame(s, i, made.camera) for s, i in zip(made.stamps, images, strict=True))
    pairs = drive_pairs(Estimator(network, card), zip(taken, np.asarray(made.poses), strict=True))
    expected = calibrate([pairs])
    assert load_model(out)[1].calibration == pytest.approx(
        expected.entries(card.metres_per_unit, card.scale_spread), rel=0.02, abs=1e-6
    )


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (
            ['--odom-topic', '/odom'],
            'no odometry on /odom: --odom-topic can be /ground_truth/odom',
        ),
        (['--truth', 'later.tum'], 'are their stamps of one clock?'),
        (['--truth', 'nowhere.tum'], 'no such truth: nowhere.tum'),
        (['--truth', 'later.tum', '--truth', 'later.tum'], '--truth 2 times for 1 drives'),
        (['--truth-frame', 'rear_axle'], 'connects with the camera (camera_optical_frame)'),
    ],
)
def test_truth_that_cannot_be_used(
    recorded: tuple[Path, Drive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path('later.tum').write_text('5.0 0 0 0 0 0 0 1\n5.1 1 0 0 0 0 0 1\n')
    arguments = ['calibrate', str(shipped_model()), str(recorded[0]), '-o', 'out.safetensors']
    result = CliRunner().invoke(app, [*arguments, *options])
    assert isinstance(result.exception, MdepthError), result.output
    assert words in str(result.exception)
    assert not Path('out.safetensors').exists()


def test_a_folder_without_poses(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((64, 96, 3), np.uint8))
    options = [str(tmp_path), '--intrinsics', '80,80,48,32']
    result = CliRunner().invoke(app, ['calibrate', str(shipped_model()), *options])
    assert isinstance(result.exception, MdepthError)
    assert f'no truth for {tmp_path}' in str(result.exception)


@pytest.mark.parametrize(
    ('arguments', 'complaint'),
    [
        (['monday.mcap', '--appearance', '1'], '--appearance is for synthetic drives, not'),
        (['--odom-topic', '/gnss'], '--odom-topic is for drives of your own: name them'),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments: list[str], complaint: str) -> None:
    with pytest.raises(MdepthError, match=complaint):
        CliRunner().invoke(app, ['calibrate', 'model', *arguments], catch_exceptions=False)
