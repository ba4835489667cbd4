# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from itertools import pairwise

import pytest
from mdepth_training.methods.self_distillation.forgetting import forgetting_factor

KINDS = ('exponential', 'linear', 'cosine', 'step')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('target', 'at'), [(0.1, 0.6), (0.5, 0.2), (0.02, 1.0)])
def test_it_falls_from_one_through_its_target_and_never_grows(
    kind: str, target: float, at: float
) -> None:
    values = [forgetting_factor(kind, step / 1000, target, at) for step in range(1001)]
    assert values[0] == 1.0 and min(values) >= 0
    assert all(a >= b for a, b in pairwise(values))
    assert forgetting_factor(kind, at, target, at) == pytest.approx(target)


def test_the_forms_are_those_of_their_names() -> None:
    """Of 100 epochs, a tenth at 60: 10^(-1/60) for each epoch (0.9624)."""
    exponential = forgetting_factor('exponential', 0.37, 0.1, 0.6)
    assert exponential == pytest.approx((10 ** (-1 / 60)) ** 37)
    assert forgetting_factor('linear', 0.3, 0.1, 0.6) == pytest.approx(0.55)
    assert forgetting_factor('linear', 0.9, 0.1, 0.6) == 0.0
    half = forgetting_factor('cosine', 0.3, 0.5, 0.6)  # a wave that is at its middle at 0.6
    assert half == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert forgetting_factor('cosine', 1.0, 0.1, 0.6) == 0.0
    assert forgetting_factor('step', 0.59, 0.1, 0.6) == 1.0
    assert forgetting_factor('step', 0.99, 0.1, 0.6) == 0.1
    assert {forgetting_factor('none', p, 0.1, 0.6) for p in (0.0, 0.6, 1.0)} == {1.0}
