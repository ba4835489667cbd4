# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What needs no measurement, and the choice by a text."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from road import seen_at

from mdepth_ros.core.scale import (
    FixedScale,
    MeasuredScale,
    NoScale,
    RateLimitedScale,
    scale_source,
)
from mdepth_ros.core.types import Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard
from mdepth_ros.networks import NetworkConfig


def card(metres_per_unit: float | None, **calibration: float) -> ModelCard:
    return ModelCard(
        name='test', network=NetworkConfig(), input_size=(96, 320), camera=(0.58, 1.92, 0.5, 0.5),
        frame_interval=0.1, method='none', data='none', licence='Apache-2.0',
        metres_per_unit=metres_per_unit, calibration=calibration,
    )  # fmt: skip


def test_none_and_fixed() -> None:
    assert NoScale().update(*seen_at(0)) == Scale(1.0, 0.0, 'none')
    assert FixedScale(5.4, 0.2).update(*seen_at(0)) == Scale(5.4, 0.2, 'fixed')


@pytest.mark.parametrize(
    ('value', 'spread'), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, -1.0)]
)
def test_no_factor_at_all(value: float, spread: float) -> None:
    with pytest.raises(MdepthError, match='metres per network unit'):
        FixedScale(value, spread)


def test_a_text_chooses() -> None:
    assert scale_source('2.5', card(4.0)).update(*seen_at(0)).value == 2.5
    assert scale_source('model', card(4.0)).update(*seen_at(0)) == Scale(4.0, 0.0, 'fixed')
    assert scale_source('none', card(4.0)).update(*seen_at(0)).state == 'none'
    for text, names in (('height', ['height']), ('height+speed', ['height', 'speed'])):
        source = scale_source(text, card(4.0), 1.65)
        assert isinstance(source, MeasuredScale) and list(source.sources) == names


def test_the_spread_of_the_card_is_that_of_its_scale_and_no_other() -> None:
    calibrated = card(4.0, **{'scale spread': 0.11})
    assert scale_source('model', calibrated).update(*seen_at(0)) == Scale(4.0, 0.44, 'fixed')
    assert scale_source('4.2', calibrated).update(*seen_at(0)) == Scale(4.2, 0.0, 'fixed')
    assert ('metres per unit', '4, 11.0% from drive to drive') in calibrated.rows()
    # Until there are measurements, what is known beforehand is known no better.
    wrong = card(4.0, **{'scale spread': 0.5})
    before = scale_source('speed', wrong).update(*seen_at(0))
    assert (before.value, before.spread, before.state) == (4.0, 2.0, 'initialising')
    with pytest.raises(MdepthError, match=r'scale spread -0\.1: it must be 0 to'):
        card(4.0, **{'scale spread': -0.1})


def test_a_model_that_does_not_know_its_scale_says_so_once() -> None:
    warnings: list[str] = []
    for _ in range(2):
        source = scale_source('model', card(None), warnings=warnings)
        assert source.update(*seen_at(0)).state == 'none'
    assert len(warnings) == 1 and 'network units' in warnings[0]


@pytest.mark.parametrize(
    ('text', 'height', 'words'),
    [
        ('wheels', None, "'height'"),
        ('height', None, 'give camera_height'),
        ('height', 25.0, '0.1 to 10'),
        ('-1', None, 'above zero'),
    ],
)
def test_what_cannot_be_is_said(text: str, height: float | None, words: str) -> None:
    with pytest.raises(MdepthError, match=words):
        scale_source(text, card(4.0), height)


def test_another_source_takes_over_without_a_jump() -> None:
    source = RateLimitedScale(FixedScale(8.0), Scale(4.0, 0.1, 'good'))
    scales = [source.update(*seen_at(n * 10**8)) for n in range(1, 40)]
    values = [scale.value for scale in scales]
    assert values[0] == 4.0 and values[-1] == 8.0
    assert max(math.log(b / a) for a, b in pairwise(values)) < 0.051
    assert scales[0].spread == pytest.approx(4.0) and scales[-1] == Scale(8.0, 0.0, 'fixed')
    units = RateLimitedScale(FixedScale(8.0), Scale(1.0, 0.0, 'none'))
    assert units.update(*seen_at(0)).value == 8.0
