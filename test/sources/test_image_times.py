# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the times of an image folder come from, and what is no image."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import recordings

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.picture import header_of

PINHOLE = '40,41,24,16'
CLOCK = 1403715273262142976


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), recordings.picture(number))
    return tmp_path


CLOCKS = [CLOCK + 33_333_333 * number for number in range(3)]


@pytest.mark.parametrize('write', [
    str, lambda t: f'{t / 1e9:.6f}', lambda t: str(t // 1000), lambda t: str(t // 10**6)
])  # fmt: skip
def test_names_that_are_times_of_a_clock(tmp_path, write):
    """As in EuRoC and TUM RGB-D."""
    for number, time in enumerate(CLOCKS):
        cv2.imwrite(str(tmp_path / f'{write(time)}.png'), recordings.picture(number))
    source = open_source(tmp_path, intrinsics=PINHOLE)
    stamps = [frame.stamp for frame in source]
    np.testing.assert_allclose(np.diff(stamps), 33_333_333, atol=1_100_000)
    assert abs(stamps[0] - CLOCK) < 1_100_000
    assert source.losses == []
    assert [f.stamp for f in open_source(tmp_path, intrinsics=PINHOLE, rate=5)][1] == 200_000_000
    (tmp_path / 'times.txt').write_text('0.5\n0.7\n1.25\n')
    assert next(iter(open_source(tmp_path, intrinsics=PINHOLE))).stamp == 500_000_000


def test_a_rate_that_is_assumed_is_said(folder):
    source = open_source(folder, intrinsics=PINHOLE)
    assert [frame.stamp for frame in source] == [0, 100_000_000, 200_000_000]
    (line,) = source.losses
    assert '10 per second are assumed' in line and '--rate' in line
    (folder / 'times.txt').write_text('0\n0.1\n0.2\n')
    assert open_source(folder, intrinsics=PINHOLE).losses == []


@pytest.mark.parametrize('name', [str(CLOCK), '9' * 200, '1_0', '-1', '12345678'])
def test_a_sequence_whose_names_are_no_numbers_of_images(tmp_path, name):
    (tmp_path / 'image_0').mkdir()
    (tmp_path / 'calib.txt').write_text('P0: 40 0 24 0 0 41 16 0 0 0 1 0\n')
    cv2.imwrite(str(tmp_path / 'image_0' / f'{name}.png'), recordings.picture(0))
    with pytest.raises(MdepthError, match='named by their numbers, from 0'):
        open_source(tmp_path)


def test_a_pipe_is_no_image(folder):
    os.mkfifo(folder / '9.png')
    source = open_source(folder, intrinsics=PINHOLE, rate=10)
    assert len(list(source)) == 3
    (line,) = source.losses
    assert 'it is no file' in line
    assert header_of(folder / '9.png') is None


@pytest.mark.parametrize('text', ['', '2020-13-45\n', '00:00:01\n00:00:02\n', '# time\n'])
def test_a_file_of_times_without_one(folder, text):
    (folder / 'times.txt').write_text(text)
    with pytest.raises(MdepthError, match=r'times\.txt holds no numbers: write seconds'):
        open_source(folder, intrinsics=PINHOLE)
