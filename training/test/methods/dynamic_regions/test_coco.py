# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of a json of COCO; run lengths by hand, from the definition of the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mdepth_training.methods.dynamic_regions.coco import CocoMasks, Rle, from_polygons, from_rle

from mdepth_ros.errors import MdepthError

# Columns of three pixels: one outside and two inside; three outside; one, one and one.
COLUMNS = [[0, 1, 1], [0, 0, 0], [1, 0, 1]]
RUNS = [1, 2, 3, 1, 1, 1]


@pytest.mark.parametrize(
    'counts',
    [
        RUNS,
        # From the fourth run on less the last but one: 1, 2, 3, 1 - 2, 1 - 3, 1 - 1.
        # -1 and -2 are 31 and 30 of five bits, 'O' and 'N' from '0' on.
        '123ON0',
    ],
)
def test_run_lengths_go_down_the_columns(counts: Any) -> None:
    mask = from_rle(Rle((3, 3), counts))
    assert mask.T.astype(int).tolist() == COLUMNS


def test_long_runs_are_several_letters() -> None:
    # 40 is 8 and 1 of five bits each: 8 + 32 (more) is 'X', 1 is '1'. 16 alone would be negative:
    # 16 + 32 is '`', then '0'. 944 is 16, 29 (+ 32), then 0.
    mask = from_rle(Rle((10, 100), 'X1`0`m0'))
    assert mask.T.ravel().nonzero()[0].tolist() == list(range(40, 56))


@pytest.mark.parametrize(
    'counts', [[1, 2], [12, -3], [10], '12', '12\x7f', '1é', '`' * 40, [], '']
)
def test_runs_that_are_not_those_of_the_image(counts: Any) -> None:
    with pytest.raises(ValueError, match='runs'):
        from_rle(Rle((3, 3), counts))


def test_polygons_are_united() -> None:
    """Corners in the centres of pixels: all of these are inside, whatever the rule."""
    square = [2.5, 1.5, 5.5, 1.5, 5.5, 3.5, 2.5, 3.5]
    mask = from_polygons([square, square, [0.5, 0.5, 1.5, 0.5, 0.5, 0.5]], (6, 8))
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = expected[0, :2] = True
    np.testing.assert_array_equal(mask, expected)
    assert not from_polygons([[1e30, 1e30, 2e30, 1e30, 1e30, 2e30]], (6, 8)).any()


def coco(path: Path, **changes: Any) -> Path:
    """Three things of one image, the large one of another class, and an image without any."""
    large = [0.5, 0.5, 7.5, 0.5, 7.5, 5.5, 0.5, 5.5]
    small = {'size': [6, 8], 'counts': [6, 2, 40]}
    content: dict[str, Any] = {
        'info': {'year': 2026},
        'images': [
            {'id': 7, 'file_name': 'a/0001.jpg', 'height': 6, 'width': 8, 'license': 1},
            {'id': 8, 'file_name': 'a/0002.jpg', 'height': 6, 'width': 8},
        ],
        'annotations': [
            {'id': 1, 'image_id': 7, 'category_id': 3, 'segmentation': small, 'iscrowd': 0},
            {'id': 2, 'image_id': 7, 'category_id': 6, 'segmentation': [large], 'area': 48.0},
            {'id': 3, 'image_id': 7, 'category_id': 3, 'segmentation': small, 'iscrowd': 1},
        ],
        'categories': [{'id': 3, 'name': 'car'}, {'id': 6, 'name': 'bus'}],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_images_have_ids_and_the_smaller_thing_is_seen(tmp_path: Path) -> None:
    masks = CocoMasks(coco(tmp_path / 'a.json'))
    assert list(masks.images) == ['a/0001.jpg', 'a/0002.jpg']
    expected = np.ones((6, 8), int)
    expected[:2, 1] = 2
    np.testing.assert_array_equal(masks.ids('a/0001.jpg'), expected)
    assert not masks.ids('a/0002.jpg').any()


def test_classes_are_chosen_by_name(tmp_path: Path) -> None:
    path = coco(tmp_path / 'a.json')
    assert (CocoMasks(path, ['bus']).ids('a/0001.jpg') == 1).all()
    assert CocoMasks(path, ['car']).ids('a/0001.jpg').sum() == 2
    with pytest.raises(MdepthError, match=r'no class van: set method.mask_classes to .* car, bus'):
        CocoMasks(path, ['car', 'van'])


@pytest.mark.parametrize(
    'content',
    ['', '[]', '{"images": []}', '{"images": [{"id": 1}], "annotations": []}', '[' * 9999],
)
def test_another_format_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(MdepthError, match=r'a.json is no json of COCO \(.*\): it needs images'):
        CocoMasks(tmp_path / 'a.json')
    with pytest.raises(MdepthError, match=r'b.json is no json of COCO'):
        CocoMasks(tmp_path / 'b.json')


@pytest.mark.parametrize(
    'shape', [{'size': [8, 6], 'counts': [48]}, {'size': [6, 8], 'counts': [47]}, [[1, 2, 3, 4]]]
)
def test_damaged_masks_are_one_line(tmp_path: Path, shape: Any) -> None:
    things = [{'image_id': 7, 'segmentation': shape}]
    masks = CocoMasks(coco(tmp_path / 'a.json', annotations=things))
    with pytest.raises(MdepthError, match=r'masks of a/0001.jpg are damaged .*make them again'):
        masks.ids('a/0001.jpg')
