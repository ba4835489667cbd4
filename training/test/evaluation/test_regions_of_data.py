# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores by region of data sets: masks that a user gives, what counts, what is written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.evaluation.protocols import open_shots
from mdepth_training.evaluation.report import region_table
from mdepth_training.evaluation.shots import Options
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import errors_by_kind, means_by_kind

OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))
DRIVE = '2011_09_26_drive_0001_sync'  # not of Eigen's list


def mask(path: Path, width: int, height: int, **things: tuple[slice, slice]) -> None:
    """White things are told apart where they do not touch."""
    ids = np.zeros((height, width), np.uint8)
    for place in things.values():
        ids[place] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), ids)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_cityscapes_with_masks_of_what_moves(
    model: Path, tmp_path: Path, trees: ModuleType
) -> None:
    root, masks, out = trees.cityscapes(tmp_path / 'data'), tmp_path / 'masks', tmp_path / 'out'
    car, speck = np.s_[50:60, 120:140], np.s_[5:10, 5:10]
    mask(masks / 'bonn_000003_000040_leftImg8bit.png', 256, 128, car=car, speck=speck)
    words = ['evaluate', str(model), '--data', str(root), '-o', str(out)]
    said = CliRunner().invoke(app, [*words, '--masks', str(masks)], catch_exceptions=False).output
    assert 'dynamic is what moves, things of at least 0.5 % of the image' in said
    assert 'images without a mask have no regions: val/bonn/bonn_000003_000019' in said
    # Of the 96 rows that are kept: 1 thing of 200 pixels; the speck has 25, less than 164.
    assert '0.81 % of the pixels move; 1.00 moving things per image, 1.00 of them' in said
    own = rows(out / 'scores.csv')[0]
    assert float(own['moving_share']) == pytest.approx(200 / (96 * 256))
    assert float(own['moving_things']) == 1
    alone = [row for row in rows(out / 'images.csv') if row['predictor'] == 'tiny']
    # Truth is known in columns 100 to 255; 256:768 x 192:1856 of 768x2048 is scored: 64 rows.
    assert [row['pixels'] for row in alone] == ['8448', '8448']
    assert [row['pixels_moving'] for row in alone] == ['', '200']
    assert 'all: AbsRel | SqRel | RMSE | d1 | static: AbsRel' in (out / 'scores.md').read_text()
    labelled = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert 'dynamic is what can move, things of at least 0.5 % of the image' in labelled


def test_kitti_with_masks(tmp_path: Path, trees: ModuleType) -> None:
    raw, masks = tmp_path / 'raw', tmp_path / 'masks'
    trees.kitti_raw(raw, DRIVE, [0, 1, 2])
    options = replace(OPTIONS, masks=masks)
    mask(masks / '0000000001.png', trees.WIDTH, trees.HEIGHT, of_any_drive=np.s_[:9])
    with pytest.raises(MdepthError, match=r'no mask of any image: there is no .*image_02/data/0'):
        open_shots(raw, 'kitti-eigen', options)
    folder = masks / DRIVE / 'image_02' / 'data'
    mask(folder / '0000000001.png', trees.WIDTH, trees.HEIGHT, a=np.s_[:9, :5], b=np.s_[20, 20])
    shots = open_shots(raw, 'kitti-eigen', options)
    first, second, third = shots
    assert first.moving is None and third.things is None
    assert np.unique(second.things).tolist() == [0, 1, 2] and second.moving.sum() == 46
    assert sum('without a mask' in note for note in shots.notes) == 2
    with pytest.raises(MdepthError, match='--masks means nothing for the protocol nyu'):
        open_shots(raw, 'nyu', options)


def test_masks_that_do_not_fit_are_one_line(tmp_path: Path, trees: ModuleType) -> None:
    root, masks = trees.cityscapes(tmp_path / 'data'), tmp_path / 'masks'
    options = replace(OPTIONS, masks=masks)
    with pytest.raises(MdepthError, match=f'{masks} has no mask of any image: there is no'):
        open_shots(root, 'cityscapes', options)
    file = masks / 'val' / 'bonn' / 'bonn_000003_000040_leftImg8bit.png'
    mask(file, 256, 96, car=np.s_[50:60])
    with pytest.raises(MdepthError, match=r'000040.* is 256x96, its image 256x128'):
        list(open_shots(root, 'cityscapes', options))
    file.write_bytes(b'no picture')
    shots = open_shots(root, 'cityscapes', options)
    assert [shot.moving for shot in shots] == [None, None]
    assert any('000040_leftImg8bit.png: ' in note for note in shots.notes)


def test_the_row_of_a_model_by_hand() -> None:
    """One ratio of all pixels; an image without moving ones counts for the others alone."""
    truth = np.full((2, 4), 10.0)
    moving = np.zeros((2, 4), bool)
    moving[0, :3] = True
    wrong = np.where(moving, 10.0, 5.0)  # ratio 10 / 5: what moves is at 20
    images = [
        errors_by_kind(wrong, truth, moving),
        errors_by_kind(truth, truth, moving & False),
    ]
    table = region_table({'nano': means_by_kind(images)}, 'what moves')
    numbers = ['0.188', '1.875', '3.062', '0.812', '0.000', '0.000', '0.000', '1.000']
    assert table.rows == [['nano', *numbers, '1.000', '10.000', '10.000', '0.000']]
    still = region_table({'nano': means_by_kind(images[1:])}, 'what moves')
    assert still.rows[0][:2] == ['nano', '0.000'] and still.rows[0][9:] == ['-'] * 4


def test_more_traffic_in_the_synthetic_world(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mdepth_training.evaluation.synthetic._PRIOR_DRIVES', range(1))
    share = []
    for moving in ('0', '3'):
        out = tmp_path / moving
        words = ['evaluate', str(model), '--moving', moving, '--drives', '1', '--frames', '5']
        said = CliRunner().invoke(app, [*words, '-o', str(out)], catch_exceptions=False).output
        assert 'dynamic is what moves' in said and 'all: AbsRel' in said
        own = rows(out / 'scores.csv')[0]
        share.append(float(own['moving_share']))
        assert (own['sq_rel_moving'] == '') == (moving == '0')
        images = [float(r['moving_share']) for r in rows(out / 'images.csv') if r['moving_share']]
        assert share[-1] == pytest.approx(np.mean(images))
    assert share[0] == 0 < share[1]
