# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which mask is of which frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from mdepth_training.data.frame_files import names_in, of_frames
from mdepth_training.data.sample import Frames, Key

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


def test_files_of_a_folder_and_below_it(tmp_path: Path) -> None:
    assert names_in(tmp_path, '.png') == []
    (tmp_path / 'below').mkdir()
    for name in ('a.PNG', 'b.txt', 'below/c.npy', 'below/d.png'):
        (tmp_path / name).touch()
    assert names_in(tmp_path, '.png') == ['a.PNG', 'below/d.png']
    assert names_in(tmp_path, '.png', '.npy') == ['a.PNG', 'below/c.npy', 'below/d.png']
