# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One scale from many measurements."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mdepth_ros.core.scale import Measurement, ScaleFilter
from mdepth_ros.core.types import Scale

DT = 0.1


def drive(
    scales: ScaleFilter, values: list[float], noise: float = 0.1, bias: float = 0.01
) -> list[Scale]:
    return [scales.update({'speed': Measurement(v, noise, bias)}, DT) for v in values]


def noisy(value: float, count: int, noise: float = 0.1, seed: int = 0) -> list[float]:
    random = np.random.default_rng(seed)
    return [float(value * math.exp(noise * random.standard_normal())) for _ in range(count)]


def test_it_converges_within_three_seconds_from_a_wrong_prior() -> None:
    for prior in (None, (4.0, 0.2)):
        states = drive(ScaleFilter(('speed',), prior), noisy(5.0, 100))
        assert states[30].value == pytest.approx(5.0, rel=0.06)
        assert states[-1].value == pytest.approx(5.0, rel=0.03)
        assert states[30].state == states[-1].state == 'good'
        assert abs(states[-1].value - 5.0) < 3 * states[-1].spread


def test_before_any_measurement() -> None:
    assert ScaleFilter(('speed',)).update({}, DT) == Scale(1.0, 0.0, 'none')
    known = ScaleFilter(('speed',), (4.0, 0.2)).update({}, DT)
    assert (known.value, known.state) == (pytest.approx(4.0), 'initialising')
    assert known.spread == pytest.approx(0.8, rel=0.01)


def test_outliers_do_not_move_it() -> None:
    scales = ScaleFilter(('speed',), (5.0, 0.2))
    before = drive(scales, noisy(5.0, 60))[-1]
    after = drive(scales, [15.0] * 10)[-1]
    assert after.value == pytest.approx(before.value, rel=1e-6) and after.state == 'good'


def test_a_change_that_stays_is_followed_without_a_jump() -> None:
    scales = ScaleFilter(('speed',), (5.0, 0.2))
    drive(scales, noisy(5.0, 60))
    values = [scale.value for scale in drive(scales, noisy(10.0, 200, seed=1))]
    steps = np.abs(np.diff(np.log(values)))
    assert steps.max() <= 0.1 * DT + 1e-9
    assert values[-1] == pytest.approx(10.0, rel=0.05)


def test_a_slow_change_is_followed() -> None:
    truth = np.linspace(5.0, 5.5, 1200)
    random = np.random.default_rng(0)
    measured = [float(t * math.exp(0.1 * random.standard_normal())) for t in truth]
    assert drive(ScaleFilter(('speed',)), measured)[-1].value == pytest.approx(5.5, rel=0.03)


def test_it_holds_in_standstill_and_is_degraded_after_a_while_without_measurements() -> None:
    scales = ScaleFilter(('speed',), (5.0, 0.2))
    before = drive(scales, noisy(5.0, 60))[-1]
    assert [scales.update({}, 0.0) for _ in range(600)][-1] == before
    held = [scales.update({}, DT) for _ in range(60)]
    assert held[40].state == 'good' and held[-1].state == 'degraded'
    assert held[-1].value == before.value and held[-1].spread > before.spread


def test_the_better_source_decides_and_the_spread_never_falls_below_what_it_can_know() -> None:
    scales = ScaleFilter(('height', 'speed'))
    for low, high in zip(noisy(5.0, 300), noisy(5.5, 300, seed=1), strict=True):
        both = {'speed': Measurement(low, 0.1, 0.01), 'height': Measurement(high, 0.1, 0.05)}
        scale = scales.update(both, DT)
    assert scale.value == pytest.approx(5.0, rel=0.03)
    assert scale.spread / scale.value >= 0.01
    alone = ScaleFilter(('height',))
    for high in noisy(5.5, 3000):
        scale = alone.update({'height': Measurement(high, 0.1, 0.05)}, DT)
    assert scale.spread / scale.value >= 0.05
