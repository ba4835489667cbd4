# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks as pictures: what is read of them, and how one comes with the frames of a recording."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.mask import read_mask, read_masks, write_mask

USABLE = np.ones((40, 60), bool)
USABLE[30:, 10:50] = False


def png(path: Path, pixels: np.ndarray) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


def test_white_is_used_and_black_is_not(tmp_path: Path) -> None:
    bytes_ = USABLE.astype(np.uint8)
    colour = np.repeat(255 * bytes_[..., None], 3, 2)
    grey = cv2.GaussianBlur(255 * bytes_, (3, 3), 0)  # as a brush paints it
    for pixels in (255 * bytes_, colour, 65535 * USABLE.astype(np.uint16), grey):
        mask = read_mask(png(tmp_path / 'mask.png', pixels))
        # In the corners of what is painted the blur decides.
        assert (mask.usable != USABLE).sum() <= 2 and mask.name == str(tmp_path / 'mask.png')
    write_mask(tmp_path / 'again.png', Mask(USABLE))
    np.testing.assert_array_equal(read_mask(tmp_path / 'again.png').usable, USABLE)


def test_what_is_no_mask_is_refused_in_one_line(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    black = np.zeros((40, 60), np.uint8)
    ones = USABLE.astype(np.uint8)
    (tmp_path / 'text.png').write_text('no picture')
    for path, words in (
        (png(tmp_path / 'photo.png', photo), 'many grey pixels'),
        (png(tmp_path / 'black.png', black), 'black everywhere: paint white (255)'),
        (png(tmp_path / 'ones.png', ones), 'black everywhere: paint white (255)'),
        (tmp_path / 'text.png', 'give a PNG'),
        (tmp_path / 'missing.png', 'give a PNG'),
    ):
        with pytest.raises(MdepthError) as error:
            read_mask(path)
        line = str(error.value)
        assert str(path) in line and words in line and '\n' not in line


def test_a_mask_for_each_camera(tmp_path: Path) -> None:
    path = str(png(tmp_path / 'mask.png', 255 * USABLE.astype(np.uint8)))
    assert read_masks('', 3) == [None] * 3
    one, none, other = read_masks(f'{path}, ,{path}', 3)
    assert one is not None and other is not None and none is None
    with pytest.raises(MdepthError, match='2 for 1 cameras: give one for each'):
        read_masks(f'{path},{path}', 1)


def folder(path: Path) -> Path:
    path.mkdir()
    for number in range(3):
        png(path / f'{number:06d}.png', np.full((40, 60, 3), 50 * number, np.uint8))
    (path / 'intrinsics.txt').write_text('fx 50\nfy 50\ncx 30\ncy 20\n')
    return path


def test_the_frames_of_a_recording_have_its_mask(tmp_path: Path) -> None:
    drive = folder(tmp_path / 'drive')
    assert [frame.mask for frame in open_source(drive)] == [None] * 3
    given = png(tmp_path / 'given.png', 255 * USABLE.astype(np.uint8))
    masks = [frame.mask for frame in open_source(drive, mask=given)]
    assert masks[0] is not None and masks == [masks[0]] * 3
    # Beside the images it is theirs, and none of them; one that is given is taken instead.
    half = USABLE.copy()
    half[:, 30:] = False
    png(drive / 'mask.png', 255 * half.astype(np.uint8))
    frames = list(open_source(drive))
    assert len(frames) == 3 and frames[0].mask is not None
    np.testing.assert_array_equal(frames[0].mask.usable, half)
    (first, *_) = open_source(drive, mask=given)
    assert first.mask is not None
    np.testing.assert_array_equal(first.mask.usable, USABLE)
