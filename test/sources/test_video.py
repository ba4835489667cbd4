# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The times, the codec and the turn of a video."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import films
import numpy as np
import pytest

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.base import Losses
from mdepth_ros.sources.video import _Clock

PINHOLE = '40,41,24,16'
MS = 1_000_000
DARK = [0, 33, 67, 167, 267, 367, 400, 433]  # 30, 10, 30 images per second


def shades(count: int) -> list[np.ndarray]:
    return [np.full((32, 48, 3), (200, 100, 20 * number), np.uint8) for number in range(count)]


def read(path: Path, **options) -> tuple[list[float], list[int], list[str]]:
    """Stamps in ms, which image it is, and the losses."""
    source = open_source(path, intrinsics=PINHOLE, **options)
    frames = list(source)
    numbers = [round(float(frame.image[..., 2].mean()) / 20) for frame in frames]
    return [frame.stamp / MS for frame in frames], numbers, source.losses


@pytest.mark.parametrize('claimed', [None, 30.0, 1000.0])
@pytest.mark.parametrize('begin', [0, 5000])
def test_stamps_are_the_times_in_the_file(tmp_path, claimed, begin):
    film = films.write_film(
        tmp_path / 'film.webm', [begin + t for t in DARK], shades(8), claimed=claimed
    )
    assert read(film) == (DARK, list(range(8)), [])
    assert read(film, start=0.2)[:2] == (DARK[4:], list(range(4, 8)))
    assert read(film, start=0.2, frames=2)[:2] == (DARK[4:6], [4, 5])
    assert open_source(film, intrinsics=PINHOLE).total is None
    assert open_source(film, intrinsics=PINHOLE, frames=3).total is None


def test_a_rate_that_is_given_is_used_and_said(tmp_path):
    film = films.write_film(tmp_path / 'film.mkv', DARK, shades(8))
    stamps, numbers, losses = read(film, rate=10)
    assert (stamps, numbers) == ([100 * n for n in range(8)], list(range(8)))
    assert losses == ['--rate 10 is used, not the times in the file']


def test_a_video_without_times_needs_a_rate(tmp_path):
    images = [cv2.imencode('.jpg', image[..., ::-1])[1].tobytes() for image in shades(8)]
    film = tmp_path / 'film.mjpeg'
    film.write_bytes(b''.join(images))
    with pytest.raises(MdepthError, match='holds no times of its images: add --rate'):
        read(film)
    assert read(film, rate=4) == ([250 * n for n in range(8)], list(range(8)), [])


def test_a_time_that_stands_still_or_goes_back(tmp_path):
    times = [0, 40, 80, 80, 120, 20, 60]
    film = films.write_film(tmp_path / 'film.mkv', times, shades(7))
    stamps, numbers, losses = read(film)
    assert (stamps, numbers) == ([0, 40, 80, 120, 160, 200], [0, 1, 2, 4, 5, 6])
    assert losses == [
        '1 images skipped: they have the time of the one before',
        '1 jumps of the time in the file: the video goes on after each',
    ]


@pytest.mark.parametrize(
    ('times', 'stamps'),
    [
        ([0, 40, 80, 0, 0], [0, 40, 80, 120, 160]),  # OpenCV 4.5 and 4.6: the last have none
        ([0, 40, 0, 120], [0, 40, 80, 120]),  # one in the middle shifts no other
        ([0, 0, 40, 80], [0, 0, 40, 80]),  # the second is skipped
        ([70, 110, 1e12, 1e12 + 40], [0, 40, 80, 120]),
        ([0, 40, float('nan'), 120], [0, 40, 80, 120]),
        ([-40, 20, 60], [0, 60, 100]),
    ],
)
def test_times_that_are_none(times, stamps):
    clock = _Clock(losses := Losses())
    assert [round((clock.stamp(time) or 0) / MS) for time in times] == stamps
    assert len(losses.lines()) == (0 if times[0] < 0 else 1)


@pytest.mark.parametrize('count', [2, 7, 30])
def test_images_before_the_first_time_shift_no_other(tmp_path, count):
    times = [0] * count + [40, 80, 120]
    images = [np.full((32, 48, 3), 7 * number, np.uint8) for number in range(count + 3)]
    film = films.write_film(tmp_path / 'film.mkv', times, images)
    frames = list(source := open_source(film, intrinsics=PINHOLE))
    assert [frame.stamp / MS for frame in frames] == [0, 40, 80, 120]
    for frame, image in zip(frames, images[count - 1 :], strict=True):
        assert np.abs(frame.image.astype(int) - image).max() < 8
    assert source.losses == [f'{count - 1} images skipped: they have the time of the one after']


def test_images_that_are_the_same_to_the_last_bit_are_said(tmp_path):
    moving = shades(8)
    still = [moving[0]] * 12
    film = films.write_film(tmp_path / 'film.mkv', range(0, 480, 40), still)
    assert ['interlaced' in line for line in read(film)[2]] == [True]
    film = films.write_film(tmp_path / 'film.mkv', range(0, 640, 40), still[:9] + moving[1:])
    assert read(film)[2] == []


def test_a_video_that_is_cut_off_is_said(tmp_path):
    film = films.write_mp4(tmp_path / 'film.avi', shades(8), fourcc='MJPG')
    assert read(film)[2] == []
    data = film.read_bytes()
    fifth = [match.start() for match in re.finditer(b'\xff\xd8\xff', data)][4]
    film.write_bytes(data[: fifth - 8])
    assert read(film, frames=3)[2] == []
    assert read(film)[2] == [
        'only 4 of the 8 images are there that its header counts: the rest is cut off or edited '
        'out'
    ]


def test_a_name_with_a_colon(tmp_path, monkeypatch):
    films.write_film(tmp_path / '10:30.mkv', DARK, shades(8))
    monkeypatch.chdir(tmp_path)
    assert read(Path('10:30.mkv'))[0] == DARK


def test_a_codec_without_a_decoder_is_named(tmp_path):
    film = films.write_mp4(tmp_path / 'film.mp4', shades(3))
    data = film.read_bytes().replace(b'mp4v', b'av01').replace(b'esds', b'free')
    film.write_bytes(data)
    with pytest.raises(MdepthError, match=r'no images in the codec AV01 .*: convert it to MP4'):
        read(film)


@pytest.mark.parametrize('suffix', ['.ts', '.3gp', '.MTS', '.m2ts', '.wmv', '.flv', '.ogv'])
def test_other_suffixes_are_videos(tmp_path, suffix):
    film = films.write_film(tmp_path / f'film{suffix}', DARK, shades(8))
    assert read(film)[0] == DARK


@pytest.mark.parametrize(
    ('matrix', 'upright'),
    [
        ((1, 0, 0, 1), lambda image: image),
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # held upright: a quarter clockwise
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), lambda image: np.rot90(image)),
    ],
)
def test_a_turned_video_is_upright(tmp_path, matrix, upright):
    image = np.zeros((32, 48, 3), np.uint8)
    image[:16, :24] = (255, 0, 0)
    film = films.turn_mp4(films.write_mp4(tmp_path / 'film.mp4', [image] * 3), matrix)
    expected = upright(image)
    centre = f'{expected.shape[1] / 2},{expected.shape[0] / 2}'
    source = open_source(film, intrinsics=f'40,41,{centre}')
    frames = list(source)
    assert source.total == len(frames) == 3
    assert [frame.stamp / MS for frame in frames] == [0, 50, 100]
    assert frames[0].image.shape == expected.shape
    assert np.abs(frames[0].image.astype(int) - expected).mean() < 5
    assert (frames[0].camera.width, frames[0].camera.height) == expected.shape[1::-1]
    said = [line for line in source.losses if 'turned' in line]
    assert len(said) == len(source.losses) == (0 if matrix[0] == 1 else 1)


def test_intrinsics_of_a_video_that_is_not_turned(tmp_path):
    film = films.write_mp4(tmp_path / 'film.mp4', shades(3))
    (tmp_path / 'k.txt').write_text('fx 40\nfy 41\ncx 24\ncy 16\nwidth 48\nheight 32\n')
    assert len(list(open_source(film, intrinsics=tmp_path / 'k.txt'))) == 3
    films.turn_mp4(film, (0, 1, -1, 0))
    with pytest.raises(MdepthError, match='intrinsics of the turned image, 32x48'):
        open_source(film, intrinsics=tmp_path / 'k.txt')
