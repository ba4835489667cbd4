# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the values of a mask's pixels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data.masks import png_ids
from PIL import Image

from mdepth_ros.errors import MdepthError


def written(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize('kind', [np.uint8, np.uint16])
def test_grey_values_are_ids(tmp_path: Path, kind: type) -> None:
    ids = np.array([[0, 1, 1], [0, 7, np.iinfo(kind).max]], kind)
    np.testing.assert_array_equal(png_ids(written(tmp_path / 'a.png', ids)), ids)


def test_the_colours_of_a_palette_are_things(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 1], [2, 2, 3]], np.uint8), 'P')
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    image.save(tmp_path / 'a.png')
    ids = png_ids(tmp_path / 'a.png')
    assert ids[0, 0] == 0 and (ids[0, 1:] == ids[0, 1]).all() and (ids[1, :2] == ids[1, 0]).all()
    assert len(np.unique(ids)) == 4


@pytest.mark.parametrize('white', [255, np.uint16(65535), (255, 255, 255), 'one bit'])
def test_the_parts_of_a_mask_are_things(tmp_path: Path, white: object) -> None:
    there = np.array([[1, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]], bool)
    if white == 'one bit':
        Image.fromarray(there).save(tmp_path / 'a.png')
    else:
        pixels = np.zeros(there.shape + np.shape(white), getattr(white, 'dtype', np.uint8))
        pixels[there] = white
        written(tmp_path / 'a.png', pixels)
    ids = png_ids(tmp_path / 'a.png')
    assert ids[0, 0] == ids[0, 1] == ids[1, 2]  # a corner hangs together
    assert sorted({ids[0, 0], ids[0, 4], ids[2, 4]}) == [1, 2, 3] and ((ids > 0) == there).all()


def test_groups_and_stuff_of_cityscapes_are_no_things(tmp_path: Path) -> None:
    ids = np.array([[7, 26, 26000, 26001, 24000, 33012, 23000, 34000]], np.uint16)
    path = written(tmp_path / 'x_000000_000019_gtFine_instanceIds.png', ids)
    assert png_ids(path).tolist() == [[0, 0, 26000, 26001, 24000, 33012, 0, 0]]
    assert png_ids(written(tmp_path / 'x.png', ids)).tolist() == ids.tolist()


def test_what_is_no_picture_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(b'not a picture')
    with pytest.raises(MdepthError, match=r'a.png: no .*: make this mask again'):
        png_ids(tmp_path / 'a.png')
