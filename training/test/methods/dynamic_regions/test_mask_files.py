# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which mask is of which frame, and what the values of its pixels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data.sample import Frames, Key
from mdepth_training.methods.dynamic_regions.mask_files import of_frames, png_ids, png_names
from PIL import Image

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

CAMERA = Camera(16, 8, 8.0, 16.0, 7.5, 3.5)
MASKS = Path('masks')


def drive(*images: str, count: int = 5) -> Frames:
    """Frames 0.1 s apart, of these files or of none."""
    stamps = [100_000_000 * number for number in range(len(images) or count)]
    return Frames(stamps, CAMERA.normalised, CAMERA, [Path('data', image) for image in images])


def found(names: list[str], **drives: Frames) -> dict[tuple[str, int], str]:
    """Files of the frames that have two neighbours; - in a name of a drive is said by __."""
    called = {name.replace('__', '/'): frames for name, frames in drives.items()}
    keys = [
        Key(name, number, frames.stamps[number])
        for name, frames in called.items()
        for number in range(1, len(frames.stamps) - 1)
    ]
    of = of_frames(names, keys, called, MASKS)
    return {key[:2]: name for key, name in of.items()}


def test_a_file_is_called_by_number_by_stamp_or_as_the_image() -> None:
    expected = {('a', 1): 1, ('a', 2): 2, ('a', 3): 3}
    for style in ('{:d}', '{:06d}', '{:d}00000000', 'a/{:010d}', 'more/a/masks/{:d}'):
        names = [style.format(number) + '.png' for number in range(5)]
        assert found(names, a=drive()) == {key: names[n] for key, n in expected.items()}
    images = [f'left_{number}.jpg' for number in range(5)]
    names = [f'a/left_{number}.png' for number in range(5)]
    assert found(names, a=drive(*images)) == {key: names[n] for key, n in expected.items()}


def test_images_that_begin_at_another_number_win_over_the_number() -> None:
    images = [f'{number:010d}.png' for number in range(3, 8)]
    of = found([f'{number:010d}.png' for number in (4, 5)], a=drive(*images))
    assert of == {('a', 1): '0000000004.png', ('a', 2): '0000000005.png'}
    of = found(['0.png', '1.png', '2.png', '3.png'], a=drive(*images))
    assert of == {('a', n): f'{n}.png' for n in (1, 2, 3)}


def test_drives_have_their_folders_as_kitti_has_them() -> None:
    names = [f'2011/drive_{d}/image_02/data/{n}.png' for d in (1, 2) for n in range(3)]
    names += ['2011/drive_1/image_03/data/1.png', 'drive_1/1.png']
    of = found(names, drive_1__image_02=drive(count=3), drive_2__image_02=drive(count=3))
    assert of == {
        ('drive_1/image_02', 1): '2011/drive_1/image_02/data/1.png',
        ('drive_2/image_02', 1): '2011/drive_2/image_02/data/1.png',
    }


def test_cityscapes_masks_lie_as_they_come() -> None:
    cities = {
        f'{c}_000000_000018': drive(
            *(f'{c}_000000_{n:06d}_leftImg8bit.png' for n in range(18, 22))
        )
        for c in ('aachen', 'bonn')
    }
    ends = ('instanceIds', 'labelIds', 'color')
    names = [
        f'train/{c}/{c}_000000_000019_gtFine_{e}.png' for c in ('aachen', 'bonn') for e in ends
    ]
    assert found(names, **cities) == {
        (f'{c}_000000_000018', 1): f'train/{c}/{c}_000000_000019_gtFine_instanceIds.png'
        for c in ('aachen', 'bonn')
    }


def test_names_that_several_drives_have_need_folders() -> None:
    with pytest.raises(
        MdepthError, match=r'masks has no mask .* of a: give it a folder a/ .*0.png'
    ):
        found(['1.png'], a=drive('0.png', '1.png', '2.png'), b=drive('0.png', '1.png', '2.png'))
    with pytest.raises(MdepthError, match='no mask of any frame of b'):
        found(['a/1.png'], a=drive(), b=drive())
    with pytest.raises(MdepthError, match='no mask of any frame of a'):
        found(['ten.png', '77.png'], a=drive())
    with pytest.raises(MdepthError, match=r'two masks of frame 1 of a, a/1.png and a/01.png'):
        found(['a/1.png', 'a/01.png'], a=drive())


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


def test_what_is_no_mask_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MdepthError, match='has no PNG: give a folder of masks'):
        png_names(tmp_path)
    (tmp_path / 'a.png').write_bytes(b'not a picture')
    assert png_names(tmp_path) == ['a.png']
    with pytest.raises(MdepthError, match=r'a.png: no .*: make this mask again'):
        png_ids(tmp_path / 'a.png')
