# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TUM, Bonn and DDAD on generated trees: units, cameras, what counts, what is refused."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.evaluation.evaluate import evaluate
from mdepth_training.evaluation.protocols import guess_protocol, open_shots
from mdepth_training.evaluation.shots import Options
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError

OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))


def test_a_sequence_of_tum(tmp_path: Path, trees: ModuleType) -> None:
    trees.tum(tmp_path, 4)
    # The last depth is too late for the last image.
    lines = (tmp_path / 'depth.txt').read_text().replace('100.3050', '100.3550')
    (tmp_path / 'depth.txt').write_text(lines)
    assert guess_protocol(tmp_path) == 'rgbd'
    shots = list(open_shots(tmp_path, 'rgbd', OPTIONS))
    assert [shot.truth.max() for shot in shots] == [1, 2, 3]
    assert shots[0].previous is None and shots[1].previous is shots[0].frame
    assert shots[1].pose[:3, 3].tolist() == [1, 2, 3] and shots[0].pose is None


def test_many_sequences_are_many_drives(tmp_path: Path, trees: ModuleType) -> None:
    """Of Bonn: the camera is known, groundtruth.txt is not of the camera."""
    for name in ('balloon', 'crowd'):
        trees.tum(tmp_path / 'rgbd_bonn_dataset' / f'rgbd_bonn_{name}')
    assert guess_protocol(tmp_path) == guess_protocol(tmp_path / 'rgbd_bonn_dataset') == 'bonn'
    opened = open_shots(tmp_path, 'bonn', OPTIONS)
    shots = list(opened)
    assert opened.total == len(shots) == 6
    assert [shot.drive[10:] for shot in shots] == ['balloon'] * 3 + ['crowd'] * 3
    assert [shot.previous is None for shot in shots] == [True, False, False] * 2
    assert [shot.truth.max() for shot in shots] == [1, 2, 3] * 2
    assert all(shot.pose is None for shot in shots)
    assert shots[0].camera.fx == pytest.approx(542.822841 / 10)
    assert opened.notes == ['the distortion of the lens is left out, as the papers do']


@pytest.mark.parametrize(
    ('name', 'fx', 'note'),
    [
        ('rgbd_dataset_freiburg3_walking_xyz', 53.54, ''),
        ('rgbd_dataset_freiburg2_desk_with_person', 52.09, 'distortion of the lens'),
        ('walking', 53.54, 'no name says which camera'),
    ],
)
def test_the_camera_of_tum_goes_by_the_name(
    tmp_path: Path, trees: ModuleType, name: str, fx: float, note: str
) -> None:
    folder = trees.tum(tmp_path / name)
    assert guess_protocol(folder) == ('tum' if 'freiburg' in name else 'rgbd')
    shots = open_shots(folder, 'tum', OPTIONS)
    first, second, _ = shots
    assert first.camera.fx == pytest.approx(fx) and second.pose[:3, 3].tolist() == [1, 2, 3]
    assert len(shots.notes) == bool(note) and note in ''.join(shots.notes)
    given = open_shots(folder, 'tum', replace(OPTIONS, intrinsics='50,51,32,24'))
    assert next(iter(given)).camera.fy == 51 and given.notes == []


@pytest.mark.parametrize(
    ('protocol', 'unit'), [('bonn', 1000), ('tum', 5000), ('nyu', 5000), ('rgbd', 5000)]
)
def test_units_of_folders_of_images(
    tmp_path: Path, trees: ModuleType, protocol: str, unit: float
) -> None:
    """SC-Depth's test folders; what a user says goes first."""
    trees.picture(tmp_path / 'testing/color/0001.png', 1, 64, 48)
    trees.depth_image(tmp_path / 'testing/depth/0001.png', np.full((48, 64), 2.5), unit)
    shots = open_shots(tmp_path, protocol, OPTIONS)
    assert (next(iter(shots)).truth == 2.5).all()
    said = 'a metre (else give --depth-unit)'
    assert any(said in note for note in shots.notes) == (protocol == 'rgbd')
    told = open_shots(tmp_path, protocol, replace(OPTIONS, depth_unit=250.0))
    assert (next(iter(told)).truth == 2.5 * unit / 250).all()
    assert not any(said in note for note in told.notes)


def pixels(folder: Path, column: str = 'pixels') -> list[str]:
    with (folder / 'images.csv').open() as file:
        return [row[column] for row in csv.DictReader(file) if row['predictor'] == 'tiny']


def test_bonn_by_region(model: Path, tmp_path: Path, trees: ModuleType) -> None:
    """Of 48 x 64 three rows are unknown, too near or too far; a person has 9 x 4 of the others."""
    folder, masks, out = tmp_path / 'rgbd_bonn_crowd', tmp_path / 'masks', tmp_path / 'out'
    trees.tum(folder)
    depth = np.full((48, 64), 2.5)
    depth[0], depth[1], depth[2] = 0.0, 0.05, 12.0
    for number in range(3):
        trees.depth_image(folder / 'depth' / f'{number}.png', depth, 5000)
    person = np.zeros((48, 64), np.uint8)
    person[:12, 5:9] = 255
    masks.mkdir()
    cv2.imwrite(str(masks / '100.1000.png'), person)
    words = ['evaluate', str(model), '--data', str(folder), '-o', str(out), '--masks', str(masks)]
    said = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert 'dynamic is what moves' in said and 'images without a mask have no regions' in said
    assert pixels(out) == [str(45 * 64)] * 3
    assert pixels(out, 'pixels_moving') == ['', str(9 * 4), '']


def test_ddad(tmp_path: Path, trees: ModuleType, model: Path) -> None:
    """The points lie at x -2, 0, 2 and y -1, 1 of the camera, 8 m ahead; one lies at 250 m."""
    trees.ddad(tmp_path / 'data')
    masks, (first, second) = tmp_path / 'masks', open_shots(tmp_path / 'data', 'ddad', OPTIONS)
    assert guess_protocol(tmp_path / 'data') == 'ddad'
    assert second.previous is first.frame and first.pose[0, 3] == 5
    columns = [round(30 + 60 * x / 8) for x in (-2, 0, 2)]
    rows = [int(np.floor(20 + 60 * y / 8 + 0.5)) for y in (-1, 1)]
    expected = np.zeros((41, 61))
    expected[np.ix_(rows, columns)] = 8
    expected[20, 30] = 250
    np.testing.assert_allclose(first.truth, expected)
    masks.mkdir()
    mask = np.zeros((41, 61), np.uint8)
    mask[:, 40:] = 255
    cv2.imwrite(str(masks / f'{second.name}.png'), mask)
    unseen, seen = open_shots(tmp_path / 'data', 'ddad', replace(OPTIONS, masks=masks))
    assert unseen.moving is None and (seen.moving == (mask > 0)).all()
    result = evaluate(model, tmp_path / 'data', masks=masks, view='whole')
    errors = result.images[1].errors['tiny']
    assert errors[''].pixels == 6  # 250 m does not count
    assert errors['_moving'].pixels == 2


def no_depth_list(folder: Path) -> None:
    (folder / 'depth.txt').unlink()


def other_clock(folder: Path) -> None:
    text = (folder / 'depth.txt').read_text()
    (folder / 'depth.txt').write_text(text.replace('100.', '900.'))


def no_depth_folder(folder: Path) -> None:
    shutil.rmtree(folder / 'depth')


def no_images(folder: Path) -> None:
    shutil.rmtree(folder / 'rgb')


def half_size(folder: Path) -> None:
    cv2.imwrite(str(folder / 'depth' / '0.png'), np.full((24, 32), 5000, np.uint16))


def colour_alone(folder: Path) -> None:
    (folder / 'rgb.txt').unlink()


def eight_bits(folder: Path) -> None:
    for file in (folder / 'depth').iterdir():
        cv2.imwrite(str(file), np.full((48, 64), 200, np.uint8))


@pytest.mark.parametrize(
    ('spoil', 'complaint'),
    [
        (no_depth_list, 'has rgb.txt, but no depth.txt: copy the whole sequence'),
        (other_clock, 'within 0.02 s of one in rgb.txt: the two are not of one recording'),
        (no_depth_folder, r'depth/0.png and the others are not there: copy .*depth'),
        (no_images, r'rgb/100.0000.png and the others are not there: copy .*rgb'),
        (half_size, r'depth/0.png is 32x24, its image 64x48: one is needed'),
        (colour_alone, 'rgb has images, but no depth folder beside it has theirs'),
        (eight_bits, 'nothing to score.*0.png is not a depth image of 16 bits'),
    ],
)
def test_a_sequence_that_is_not_whole_is_one_line(
    tmp_path: Path,
    trees: ModuleType,
    model: Path,
    spoil: Callable[[Path], None],
    complaint: str,
) -> None:
    spoil(trees.tum(tmp_path / 'freiburg3'))
    with pytest.raises(MdepthError, match=complaint) as error:
        evaluate(model, tmp_path / 'freiburg3', 'tum')
    assert '\n' not in str(error.value)


def test_the_unit_is_of_depth_images_alone(tmp_path: Path, trees: ModuleType) -> None:
    trees.kitti_raw(tmp_path, '2011_09_26_drive_0005_sync', [0])
    with pytest.raises(MdepthError, match='--depth-unit means nothing for the protocol kitti'):
        open_shots(tmp_path, 'kitti-eigen', replace(OPTIONS, depth_unit=1000.0))
