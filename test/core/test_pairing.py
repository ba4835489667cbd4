# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames find the partner that the time stamps name."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mdepth_ros.core.pairing import BACKWARD, Order, Pairing, Recent
from mdepth_ros.core.types import Frame, FramePair, Levels
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

CAMERA = Camera(8, 6, 8.0, 8.0, 3.5, 2.5)
IMAGE = np.zeros((6, 8, 3), np.uint8)


def frame(seconds: float, camera: Camera = CAMERA, frame_id: str = 'camera') -> Frame:
    return Frame(round(seconds * 1e9), IMAGE, camera, frame_id)


def pairs(times: list[float], pairing: Pairing) -> list[FramePair]:
    return [pairing.pair(frame(time)) for time in times]


def test_a_camera_at_the_trained_rate_is_paired_frame_by_frame() -> None:
    got = pairs([5.0, 5.1, 5.2, 5.3], Pairing(0.1))
    assert [pair.reason for pair in got] == ['first frame', '', '', '']
    assert got[0].previous is got[0].current and got[0].interval == 0
    for before, pair in pairwise(got):
        assert pair.previous is before.current
        assert pair.interval == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize('rate', [30, 50, 120, 333])
def test_a_faster_camera_gets_the_trained_interval(rate: int) -> None:
    got = pairs([3 + index / rate for index in range(rate)], Pairing(0.1))
    late = got[rate // 3 :]
    assert all(pair.reason == '' for pair in got[1:])
    # Thinning out keeps frames an eighth of the span apart, at the most one more frame.
    worst = max(abs(pair.interval - 0.1) for pair in late)
    assert worst <= (0.225 / 8 + 1 / rate) / 2 + 1e-6


def test_at_thirty_hertz_the_interval_is_exact() -> None:
    got = pairs([index / 30 for index in range(30)], Pairing(0.1))
    assert all(pair.interval == pytest.approx(0.1, abs=1e-8) for pair in got[3:])


def test_one_lost_frame_is_bridged_and_two_are_a_gap() -> None:
    got = pairs([0.0, 0.1, 0.3, 0.6, 0.7], Pairing(0.1))
    assert got[2].reason == '' and got[2].interval == pytest.approx(0.2)
    assert got[3].reason == 'gap of 0.30 s'
    assert got[4].reason == '' and got[4].previous is got[3].current


def test_time_that_runs_backward_starts_anew() -> None:
    got = pairs([10.0, 10.1, 9.5, 9.6], Pairing(0.1))
    assert got[2].reason == 'time ran backward by 0.60 s'
    assert got[3].previous is got[2].current


SWAPPED = {
    'neighbours': ([0, 1, 3, 2, 4, 5], {3: 1}),
    'every pair': ([1, 0, 3, 2, 5, 4, 6], {1: 1, 3: 1, 5: 1}),
    'right after the start': ([1, 0, 2, 3], {1: 1}),
    'two, in order': ([0, 1, 4, 2, 3, 5, 6], {3: 2, 4: 1}),
    'three, the last first': ([0, 4, 3, 2, 1, 5, 6], {2: 1, 3: 2, 4: 3}),
    'by five intervals': ([0, 1, 2, 3, 5, 6, 7, 8, 9, 4, 10], {9: 5}),
    'and again': ([0, 1, 3, 2, 2, 4, 5], {3: 1, 4: 1}),
    'older than the first': ([5, 1, 6, 7], {1: 4}),
}


@pytest.mark.parametrize('case', SWAPPED)
@pytest.mark.parametrize('rate', [10, 30])
def test_a_late_image_has_no_partner_and_is_none(case: str, rate: int) -> None:
    order, late = SWAPPED[case]
    got = pairs([50 + place / rate for place in order], Pairing(0.1))
    assert {i: pair.reason for i, pair in enumerate(got) if pair.stale} == {
        i: f'late by {back / rate:.2f} s' for i, back in late.items()
    }
    taken = [pair for i, pair in enumerate(got) if i not in late]
    alone = pairs([50 + order[i] / rate for i in range(len(order)) if i not in late], Pairing(0.1))
    # The others pair as if there had been no late one.
    assert [p.previous.stamp for p in taken] == [p.previous.stamp for p in alone]
    assert [p.reason for p in taken] == [p.reason for p in alone]
    assert all(pair.previous is pair.current and not pair.interval for pair in got if pair.stale)


def test_a_late_image_of_another_camera_changes_nothing() -> None:
    pairing, other = Pairing(0.1), Camera(8, 6, 9.0, 9.0, 3.5, 2.5)
    cameras = [(0.0, CAMERA), (0.2, other), (0.1, CAMERA), (0.3, other)]
    got = [pairing.pair(frame(time, camera)).reason for time, camera in cameras]
    assert got == ['first frame', 'camera changed', 'late by 0.10 s', '']


def test_a_clock_that_was_set_back_by_little_is_found_out() -> None:
    """Three images may be late in a row; a fourth says that they all are of a new time."""
    times = [20 + index / 30 for index in range(20)]
    got = pairs([*times[:10], *(time - 0.3 for time in times[10:])], Pairing(0.1))
    reasons = [pair.reason.split(' by')[0] for pair in got[10:]]
    assert reasons == ['late'] * 3 + ['time ran backward'] + [''] * 6
    assert got[13].reason == 'time ran backward by 0.27 s'
    assert [pair.stale for pair in got[10:]] == [True] * 3 + [False] * 7
    assert all(pair.previous.stamp >= got[13].current.stamp for pair in got[13:])


def test_the_loop_of_a_bag_of_three_images_is_found_out() -> None:
    got = pairs([0.0, 0.1, 0.2] * 4, Pairing(0.1))
    assert any(pair.reason.startswith('time ran backward') for pair in got)
    assert sum(pair.reason == '' for pair in got) >= 3


def test_order_begins_anew_with_reset() -> None:
    pairing = Pairing(0.1)
    pairs([5.0, 5.1], pairing)
    pairing.reset()
    assert [pair.reason for pair in pairs([4.9, 5.0], pairing)] == ['first frame', '']


def test_a_repeated_stamp_breaks_nothing() -> None:
    got = pairs([1.0, 1.1, 1.1, 1.2], Pairing(0.1))
    assert got[2].reason == 'repeated stamp' and got[2].previous is got[2].current
    assert got[3].reason == '' and got[3].previous is got[1].current


def test_another_camera_starts_anew() -> None:
    pairing = Pairing(0.1)
    other = Camera(8, 6, 9.0, 9.0, 3.5, 2.5)
    assert pairing.pair(frame(0.0)).reason == 'first frame'
    assert pairing.pair(frame(0.1, other)).reason == 'camera changed'
    assert pairing.pair(frame(0.2, other)).reason == ''
    assert pairing.pair(frame(0.3, other, 'left')).reason == 'camera changed'
    # An equal camera in a new object is the same camera.
    again = Camera(8, 6, 9.0, 9.0, 3.5, 2.5)
    assert pairing.pair(frame(0.4, again, 'left')).reason == ''


def test_a_narrow_tolerance_says_what_is_missing() -> None:
    got = pairs([0.0, 0.03, 0.06, 0.09, 0.12], Pairing(0.1, tolerance=0.02))
    assert got[1].reason == 'no frame 0.10 s back (nearest is 0.03 s)'
    assert got[3].reason == '' and got[3].interval == pytest.approx(0.09)
    assert got[4].reason == '' and got[4].interval == pytest.approx(0.09)


def test_reset_forgets() -> None:
    pairing = Pairing(0.1)
    pairs([0.0, 0.1], pairing)
    pairing.reset()
    assert pairing.pair(frame(0.2)).reason == 'first frame'


@pytest.mark.parametrize('step', [1 / 30, 1 / 500, 0.1, 1e-6, 3.0, -0.5])
def test_only_a_few_frames_are_kept(step: float) -> None:
    pairing = Pairing(0.1)
    alive = []
    for index in range(200):
        one = frame(1000 + index * step)
        alive.append(weakref.ref(one))
        pairing.pair(one)
    del one
    gc.collect()
    assert sum(reference() is not None for reference in alive) <= 10


def skipping(pairing: Pairing, times: list[float], every: int) -> list[FramePair]:
    """What a run pairs that takes every so manieth frame, and sees the others arrive."""
    arrived: Recent[Frame] = Recent(pairing.span)
    order = Order(pairing.reach)

    def skipped(stamp: int, within: int, before: int) -> Frame | None:
        found = arrived.nearest(stamp, before)
        return found[1] if found is not None and abs(found[0] - stamp) <= within else None

    pairing.skipped = skipped
    result = []
    for index, time in enumerate(times):
        if order.add(round(time * 1e9)) == BACKWARD:
            arrived.clear()
        arrived.add(round(time * 1e9), frame(time))
        if index % every == 0:
            result.append(pairing.pair(frame(time)))
    return result


@pytest.mark.parametrize(('rate', 'every'), [(10, 2), (10, 7), (30, 2), (30, 20), (5, 3)])
def test_a_run_that_skips_frames_pairs_as_one_that_takes_all(rate: int, every: int) -> None:
    times = [100 + index / rate for index in range(120)]
    complete = pairs(times, Pairing(0.1))[::every]
    got = skipping(Pairing(0.1), times, every)
    assert [pair.reason for pair in got] == ['first frame'] + [''] * (len(got) - 1)
    assert [p.previous.stamp for p in got] == [p.previous.stamp for p in complete]


def test_a_skipped_frame_that_is_little_nearer_is_not_asked_for() -> None:
    pairing = Pairing(0.1)
    asked: list[int] = []
    pairing.skipped = lambda stamp, within, before: asked.append(stamp)
    pairs([1.0, 1.09, 1.18, 1.27], pairing)
    assert asked == [round(0.9e9)]  # of the first frame
    pairs([1.47], pairing)
    assert asked[1:] == [round(1.37e9)]


def test_a_skipped_frame_of_another_camera_or_too_far_is_no_partner() -> None:
    pairing = Pairing(0.1)
    other = Camera(8, 6, 9.0, 9.0, 3.5, 2.5)
    pairing.skipped = lambda stamp, within, before: frame(stamp / 1e9, other)
    assert [pair.reason for pair in pairs([0.0, 0.5], pairing)] == ['first frame', 'gap of 0.50 s']
    got = skipping(Pairing(0.1), [0.0, 0.1, 1.0, 1.3], 3)
    assert [pair.reason for pair in got] == ['first frame', 'gap of 1.30 s']


def test_skipped_frames_after_a_jump_of_the_clock() -> None:
    """A slow run whose bag begins again: the partner is of the new round."""
    got = skipping(Pairing(0.1), [9.7, 9.8, 9.9, 8.0, 8.1, 8.2], 5)
    assert got[1].reason == '' and got[1].interval == pytest.approx(0.1)
    assert got[1].previous.stamp == round(8.1e9)
    got = skipping(Pairing(0.1), [9.7, 9.8, 9.9, 9.1], 3)
    assert got[1].reason == 'time ran backward by 0.60 s'
    assert got[1].previous is got[1].current


def test_a_late_skipped_frame_costs_no_partner() -> None:
    """What arrives late is forgotten, not what came before it."""
    got = skipping(Pairing(0.1), [9.5, 9.6, 9.7, 9.9, 9.8, 10.0], 5)
    assert got[1].reason == '' and got[1].previous.stamp == round(9.9e9)


def test_a_repeated_stamp_has_no_skipped_partner_either() -> None:
    got = skipping(Pairing(0.1), [1.0, 1.1, 1.1, 1.1], 1)
    assert [pair.reason for pair in got[2:]] == ['repeated stamp'] * 2


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(MdepthError, match='frame interval'):
        Pairing(float('inf'))
    with pytest.raises(MdepthError, match='frame interval'):
        Pairing(0.0)
    with pytest.raises(MdepthError, match='tolerance'):
        Pairing(0.1, -1.0)


def test_a_slow_vehicle_gets_key_frames() -> None:
    pairing = Pairing(0.1, keyframes=True)
    spans = []
    for index in range(20):
        pair = pairing.pair(frame(index * 0.1))
        spans.append(round(pair.interval / 0.1))
        # 1 % of parallax for each interval: three of them make 3 %.
        pairing.adapt(pair, 0.01 * pair.interval / 0.1, 0.001)
    assert spans[:4] == [0, 1, 2, 3] and set(spans[4:]) == {3}
    # Fast again, then turning: the next pair is short.
    for parallax, turn in ((0.09, 0.0), (0.001, 0.05)):
        pairing.adapt(pair, parallax * 3, turn * 3)
        pair = pairing.pair(frame(pair.current.stamp / 1e9 + 0.1))
        assert pair.interval == pytest.approx(0.1)
        pairing.adapt(pair, 0.01, 0.0)
        for _ in range(3):
            pair = pairing.pair(frame(pair.current.stamp / 1e9 + 0.1))
        assert pair.interval == pytest.approx(0.3)


def test_key_frames_forgive_no_more_of_a_gap() -> None:
    pairing = Pairing(0.1, keyframes=True)
    for time in (0.0, 0.1, 0.2, 0.3):
        pair = pairing.pair(frame(time))
        pairing.adapt(pair, 0.001, 0.0)
    late = pairing.pair(frame(0.7))
    assert late.reason == 'gap of 0.40 s'
    assert pairing.pair(frame(0.8)).interval == pytest.approx(0.1)


def test_without_key_frames_nothing_adapts() -> None:
    pairing = Pairing(0.1)
    for time in (0.0, 0.1, 0.2, 0.3):
        pair = pairing.pair(frame(time))
        pairing.adapt(pair, 1e-9, 0.0)
    assert pair.interval == pytest.approx(0.1)


def test_a_pair_is_equally_bright() -> None:
    """More bits came into use: the earlier frame is taken down to the gain of the later one."""
    pairing = Pairing(0.1)
    ten = replace(frame(5.0), image=IMAGE + np.uint8(200), levels=Levels(0, 10))
    twelve = replace(frame(5.1), levels=Levels(0, 12))
    pairing.pair(ten)
    pair = pairing.pair(twelve)
    assert (pair.reason, pair.previous.stamp, pair.previous.levels) == ('', ten.stamp, (0, 12))
    assert (pair.previous.image == 50).all() and pair.previous.image.dtype == np.uint8
    assert (ten.image == 200).all()
    pairing.pair(replace(frame(5.2), levels=Levels(0, 12)))
    assert pairing.pair(replace(frame(5.3), levels=Levels(0, 12))).previous.image is IMAGE
