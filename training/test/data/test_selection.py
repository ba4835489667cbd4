# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mdepth_training.data.checks import Findings
from mdepth_training.data.scan import Scan
from mdepth_training.data.selection import neighbours, select

MS = 1_000_000


def scan_of(drive, unreadable=(), static=()) -> Scan:
    count = len(drive.images)
    sizes = np.tile(np.int32([drive.camera.width, drive.camera.height]), (count, 1))
    sizes[list(unreadable)] = 0
    stands = np.zeros(count, bool)
    stands[list(static)] = True
    return Scan(sizes, np.zeros((0, 2), np.int32), stands)


def stamps_at(rate: float, count: int) -> np.ndarray:
    return np.round(np.arange(count) * 1e9 / rate).astype(np.int64)


@pytest.mark.parametrize(('rate', 'apart'), [(10, 1), (17, 2), (20, 2), (30, 3), (60, 6), (8, 1)])
def test_neighbours_by_time(rate: float, apart: int) -> None:
    found = neighbours(stamps_at(rate, 20), np.ones(20, bool), 0.1)
    expected = np.stack([np.arange(20) - apart, np.arange(20) + apart], 1)
    inside = (expected >= 0) & (expected < 20)
    assert (found[inside] == expected[inside]).all()
    # At the ends a frame that is a little too near may still do, never the frame itself.
    gap = np.abs(stamps_at(rate, 20)[found] - stamps_at(rate, 20)[:, None]) / 1e9
    assert (gap[found >= 0] > 0.05).all() and (gap[found >= 0] < 0.15).all()


def test_a_slow_camera_has_no_neighbours() -> None:
    assert (neighbours(stamps_at(5, 9), np.ones(9, bool), 0.1) == -1).all()


def test_a_lost_frame_is_bridged_by_a_fast_camera_only() -> None:
    usable = np.ones(12, bool)
    usable[5] = False
    slow = neighbours(stamps_at(10, 12), usable, 0.1)
    assert slow[4].tolist() == [3, -1] and slow[6].tolist() == [-1, 7]
    fast = neighbours(stamps_at(30, 12), usable, 0.1)
    assert fast[8].tolist() == [4, 11] or fast[8].tolist() == [6, 11]


def test_random_stamps_agree_with_the_definition() -> None:
    random = np.random.default_rng(1)
    stamps = np.cumsum(random.integers(10, 120, 60)) * MS
    usable = random.random(60) < 0.8
    found = neighbours(stamps, usable, 0.1)
    for frame in range(60):
        for column, wanted in enumerate((stamps[frame] - 100 * MS, stamps[frame] + 100 * MS)):
            off = np.where(usable, np.abs(stamps - wanted), 10**12)
            if off.min() > 40 * MS:
                assert found[frame, column] == -1
            else:
                assert abs(stamps[found[frame, column]] - wanted) == off.min()


def test_every_frame_is_a_triplet_or_has_a_reason(make_drive) -> None:
    drive, findings = make_drive(count=9), Findings()
    selection = select(drive, scan_of(drive, unreadable=[3], static=[6, 7]), 0.1, findings)
    assert selection.triplets.tolist() == [[0, 1, 2], [4, 5, 6]]
    assert selection.left_out == {
        'unreadable': 1, 'no neighbour': 4, 'camera stands': 2,
    }  # fmt: skip
    (line,) = findings.lines()
    assert line == f'1 images that are missing or cannot be read: {drive.images[3]}'


def test_time_that_runs_backward_makes_no_triplet(make_drive) -> None:
    stamps = [n * 100 * MS for n in (0, 1, 2, 1, 2, 3, 4, 5)]
    drive, findings = make_drive(count=8, stamps=stamps), Findings()
    selection = select(drive, scan_of(drive), 0.1, findings)
    assert selection.triplets.tolist() == [[0, 1, 2], [1, 2, 5], [2, 5, 6], [5, 6, 7]]
    assert findings.lines()[0].startswith('2 images with a time stamp that runs backward')


def test_one_stamp_from_the_future_costs_its_own_triplets(make_drive) -> None:
    stamps = [n * 100 * MS for n in (0, 1, 2, 900, 4, 5, 6, 7)]
    drive, findings = make_drive(count=8, stamps=stamps), Findings()
    selection = select(drive, scan_of(drive), 0.1, findings)
    assert selection.triplets.tolist() == [[0, 1, 2], [4, 5, 6], [5, 6, 7]]
    assert findings.lines()[0].startswith('1 images with a time stamp that runs backward')


def test_a_split_gets_its_frames_or_a_finding(make_drive) -> None:
    drive, findings = make_drive(count=6, centres=[0, 2, 4]), Findings()
    selection = select(drive, scan_of(drive), 0.1, findings)
    assert selection.triplets.tolist() == [[1, 2, 3], [3, 4, 5]]
    (line,) = findings.lines()
    assert line == (
        f'1 frames of the split without a frame 0.1 s before or after: {drive.images[0]}'
    )
    assert Path(line.rpartition(': ')[2]).is_file()
