# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth compare`: lost frames, other pairs, and depth that is equal to the bit or is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mdepth_ros.cli.compare import Comparison, compare_runs
from mdepth_ros.cli.main import app
from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.conversions import make_header
from mdepth_ros.ros.images import depth_message
from mdepth_ros.ros.recording import BagWriter

STEP = 10**8
TOPIC = '/depth/image_rect'


def depth(number: int, change: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(number).uniform(1, 80, (4, 6)).astype(np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    values[2, 2] *= 1 + change
    return values


def write(folder: Path, numbers, topics=(TOPIC,), changed=(), interval: float | None = 0.1):
    """A bag of depth images, one every 100 ms; those of `changed` are 1 % off at a pixel."""
    bag = folder / 'bag' if interval else folder
    with BagWriter(bag) as writer:
        for at, number in enumerate(numbers):
            stamp = 10**12 + number * STEP
            values = depth(number, 0.01 if number in changed else 0.0)
            for topic in topics:
                message = depth_message(values, make_header(stamp, 'camera'), '32FC1')
                writer.write(topic, message, at)
    if interval:
        (folder / 'run.json').write_text(json.dumps({'frame_interval': interval}))
    return folder


@pytest.fixture
def offline(tmp_path):
    return write(tmp_path / 'out', range(10))


def live(tmp_path, numbers, **more) -> Path:
    return write(tmp_path / 'live', numbers, interval=None, **more)


def numbers(stamps) -> list[int]:
    return [(stamp - 10**12) // STEP for stamp in stamps]


def test_what_evaluate_launch_made_is_a_live_run(tmp_path, offline):
    """Its bag is in the directory that was its output, beside its report."""
    made = write(tmp_path / 'evaluation', range(10))
    (made / 'run.json').write_text(json.dumps({'source': 'drive.mcap'}))
    assert compare_runs(made, offline).equal == 10


def test_a_live_run_that_lost_nothing(tmp_path, offline):
    found = compare_runs(live(tmp_path, range(10)), offline)
    assert (found.equal, found.different, found.other_pair, found.lost) == (10, [], [], [])


def test_lost_frames_and_what_follows_them(tmp_path, offline):
    """Frames 0 and 1 came too early, 5 was dropped, 9 too late."""
    found = compare_runs(live(tmp_path, [2, 3, 4, 6, 7, 8], changed=[2, 6]), offline)
    assert numbers(found.lost) == [0, 1, 5, 9]
    # 2 has no partner live; 6 has 4 within the tolerance of pairing, offline it has 5.
    assert numbers(found.other_pair) == [2, 6] and found.different == []
    assert found.equal == 4
    text = dict(found.rows())
    assert text['lost live'] == (
        '4 of 10: 2 before the first live frame, 1 between, 1 after the last: 1000.500000000'
    )


def test_a_skipped_frame_can_be_the_partner(tmp_path, offline):
    """5 arrived too early to be stepped, but in time to be the partner of 6: all are equal."""
    found = compare_runs(live(tmp_path, [0, 1, 2, 3, 4, 6]), offline)
    assert (found.equal, found.different, found.other_pair) == (6, [], [])


def test_a_frame_that_is_not_equal(tmp_path, offline):
    found = compare_runs(live(tmp_path, range(10), changed=[3]), offline)
    assert found.equal == 9
    ((stamp, difference),) = found.different
    assert numbers([stamp]) == [3]
    assert difference == pytest.approx(0.01, rel=1e-4)


def test_depth_that_only_one_run_knows_is_infinitely_different(tmp_path, offline):
    bag = tmp_path / 'live'
    with BagWriter(bag) as writer:
        values = depth(4)
        values[1, 1] = np.nan
        message = depth_message(values, make_header(10**12 + 4 * STEP, 'camera'), '32FC1')
        writer.write(TOPIC, message, 0)
    found = compare_runs(bag, offline)
    assert numbers(found.other_pair) == [4]  # on its own it has no partner
    found = compare_runs(bag, write(tmp_path / 'one', [4]))
    assert [d for _, d in found.different] == [np.inf]


def test_a_bag_that_was_looped(tmp_path, offline):
    """The second round begins with a frame without partner, as the run offline does."""
    found = compare_runs(live(tmp_path, [*range(5), *range(5)]), offline)
    assert (found.equal, numbers(found.lost)) == (10, [5, 6, 7, 8, 9])


def test_frames_that_only_the_live_run_has(tmp_path, offline):
    found = compare_runs(live(tmp_path, [8, 9, 10]), offline)
    assert numbers(found.only_live) == [10]
    assert '1: 1001.000000000' in dict(found.rows())['only live']


@pytest.mark.parametrize(
    'options, line',
    [
        (
            {'topics': ['/a/depth/image_rect', '/b/depth/image_rect']},
            '--topic /a/depth/image_rect or',
        ),
        ({'topics': ['/other']}, 'no depth/image_rect in'),
    ],
)
def test_topics_that_are_not_clear(tmp_path, offline, options, line):
    with pytest.raises(MdepthError, match=line):
        compare_runs(live(tmp_path, range(3), **options), offline)


def test_a_topic_is_chosen(tmp_path, offline):
    topics = ['/a/depth/image_rect', '/b/depth/image_rect']
    found = compare_runs(live(tmp_path, range(3), topics=topics), offline, 'b/depth/image_rect')
    assert found.live == ('/b/depth/image_rect', 3)


def test_what_is_no_pair_of_runs(tmp_path, offline):
    with pytest.raises(MdepthError, match='no frame is in both'):
        compare_runs(live(tmp_path, [20, 21]), offline)
    with pytest.raises(MdepthError, match='--frame-interval'):
        compare_runs(tmp_path / 'live', tmp_path / 'live')
    assert compare_runs(tmp_path / 'live', tmp_path / 'live', None, 0.1).equal == 2


def test_exit_status(tmp_path, offline):
    def status(*words) -> int:
        return CliRunner().invoke(app, ['compare', *map(str, words)]).exit_code

    bag = live(tmp_path, [0, 1, 2, 3, 5, 6, 7, 8, 9])
    assert status(bag, offline) == 0
    assert status(bag, offline, '--max-lost', 1) == 0
    assert status(bag, offline, '--max-lost', 0) == 1
    assert status(write(tmp_path / 'off', range(10), changed=[2], interval=None), offline) == 1


def test_long_lists_are_cut():
    rows = dict(Comparison(('/d', 9), ('/d', 9), other_pair=list(range(9))).rows())
    assert rows['another pair'].endswith('0.000000004, ...')
