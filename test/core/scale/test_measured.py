# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Height and speed on a drive whose scale is known."""

from __future__ import annotations

import numpy as np
import pytest
from road import HEIGHT, road_depth, seen_at

from mdepth_ros.core.scale import HeightSource, MeasuredScale, SpeedSource
from mdepth_ros.core.types import Scale

TRUE = 4.7
DT = 0.1


def speed_at(time: float) -> float:
    """Metres per second of a vehicle that speeds up and slows down."""
    return 9.0 + 4.0 * float(np.sin(0.7 * time))


def drive(
    scales: MeasuredScale, seconds: float, *, delay: float = 0.0, noise: float = 0.0, unit=TRUE
) -> list[Scale]:
    """Frames at 10 Hz; the speed is known `delay` seconds late, with relative noise."""
    random, depth, states = np.random.default_rng(0), road_depth(), []
    for i in range(1, round(seconds / DT)):
        time = i * DT
        told = speed_at(time - delay) * (1 + noise * random.standard_normal())
        forward = speed_at(time - DT / 2) * DT
        stamp = round(time * 1e9)
        item = seen_at(
            stamp, depth=depth, metres_per_unit=unit, forward=forward, speeds=((stamp, told),)
        )
        states.append(scales.update(*item))
    return states


def test_speed_with_noise_and_delay() -> None:
    source = SpeedSource()
    states = drive(MeasuredScale({'speed': source}), 30, delay=0.1, noise=0.1)
    assert source.delay == pytest.approx(0.1, abs=0.05)
    errors = [abs(s.value / TRUE - 1) for s in states[30:]]
    assert max(errors) < 0.1 and np.mean(errors) < 0.03
    assert states[30].state == 'good'


def test_the_delay_is_found_without_noise() -> None:
    for delay in (0.0, 0.1, 0.3):
        source = SpeedSource()
        drive(MeasuredScale({'speed': source}), 25, delay=delay)
        assert source.delay == pytest.approx(delay, abs=0.03)


@pytest.mark.parametrize('every', [2, 10])
def test_a_speed_that_comes_more_seldom_than_images(every: int) -> None:
    """GNSS tells one per second, or five."""
    scales, depth = MeasuredScale({'speed': SpeedSource()}), road_depth()
    for i in range(1, 200):
        stamp, time = i * 10**8, i * DT
        told = ((stamp, speed_at(time)),) if i % every == 0 else ()
        forward = speed_at(time - DT / 2) * DT
        item = seen_at(stamp, depth=depth, metres_per_unit=TRUE, forward=forward, speeds=told)
        scale = scales.update(*item)
    assert scale.value == pytest.approx(TRUE, rel=0.03) and scale.state == 'good'


def test_a_speed_of_another_clock_says_nothing() -> None:
    scales = MeasuredScale({'speed': SpeedSource()})
    for i in range(1, 50):
        told = ((i * 10**8 + 10**18, 9.0),)
        scale = scales.update(*seen_at(i * 10**8, metres_per_unit=TRUE, speeds=told))
    assert scale.state == 'none'


def test_height() -> None:
    states = drive(MeasuredScale({'height': HeightSource(HEIGHT)}, (3.0, 0.2)), 8)
    assert states[30].value == pytest.approx(TRUE, rel=0.05) and states[30].state == 'good'


def test_both_agree() -> None:
    scales = MeasuredScale({'height': HeightSource(HEIGHT), 'speed': SpeedSource()})
    assert drive(scales, 8)[-1].value == pytest.approx(TRUE, rel=0.01)


def test_nothing_is_measured_while_the_vehicle_stands() -> None:
    scales = MeasuredScale({'height': HeightSource(HEIGHT)}, (3.0, 0.2))
    for i in range(1, 50):
        item = seen_at(i * 10**8, metres_per_unit=TRUE, forward=0.001, speeds=((i * 10**8, 0.0),))
        scale = scales.update(*item)
    assert (scale.value, scale.state) == (pytest.approx(3.0), 'initialising')


def test_a_speed_that_goes_missing_leaves_the_scale_as_it_was() -> None:
    scales = MeasuredScale({'speed': SpeedSource()})
    before = drive(scales, 8)[-1]
    for i in range(80, 160):
        scale = scales.update(*seen_at(i * 10**8, metres_per_unit=TRUE, forward=0.9))
    assert scale.value == pytest.approx(before.value) and scale.state == 'degraded'


def test_a_frame_without_a_partner_holds_it() -> None:
    scales = MeasuredScale({'height': HeightSource(HEIGHT)})
    before = drive(scales, 4)[-1]
    assert scales.update(*seen_at(5 * 10**9, reason='gap of 1.10 s')).value == before.value


def test_a_height_that_is_known_later() -> None:
    """Until then there is what was known before, or nothing: no height is assumed."""
    known: list[float] = []
    for prior, state in ((None, 'none'), ((4.0, 0.2), 'initialising')):
        known.clear()
        source = HeightSource(lambda: known[0] if known else None)
        scales = MeasuredScale({'height': source}, prior)
        before = drive(scales, 2.0)
        assert {s.state for s in before} == {state} and not any(s.sources for s in before)
        assert before[-1].value == (prior[0] if prior else 1.0)
        known.append(HEIGHT)
        after = [scales.update(*seen_at(k * 10**8, metres_per_unit=TRUE)) for k in range(20, 60)]
        assert after[-1].value == pytest.approx(TRUE, rel=0.03)
        assert after[-1].sources == ('height',)
