# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from parameter_stores import float_range, integer_range, set_one, store
from ros2_standalone.exceptions import InvalidParameterValueException


def test_an_override_out_of_range_says_why() -> None:
    with pytest.raises(InvalidParameterValueException, match=r'out of range.*max: 10, value: 11'):
        store(overrides={'a': 11}).declare_parameter('a', 1, integer_range(0, 10))


@pytest.mark.parametrize(
    ('descriptor', 'good', 'bad'),
    [
        (integer_range(0, 10), [0, 5, 10], [-1, 11]),
        (integer_range(10, 0), [0, 10], [-1, 11]),
        (integer_range(1, 10, 4), [1, 5, 9, 10], [2, 8]),
        (float_range(0.0, 1.0), [0.0, 0.3, 1.0], [-0.001, 1.001, float('nan'), float('inf')]),
        (float_range(0.0, 1.0, 0.1), [0.0, 0.1, 0.3, 0.7, 1.0], [0.15, 0.05]),
        (float_range(-1.0, float('inf')), [1e300], [-2.0]),
    ],
)
def test_ranges(descriptor: Any, good: list[Any], bad: list[Any]) -> None:
    parameters = store()
    parameters.declare_parameter('a', good[0], descriptor)
    for value in good:
        assert set_one(parameters, 'a', value) == ''
    for value in bad:
        reason = set_one(parameters, 'a', value)
        assert "'a'" in reason and str(value) in reason
    assert parameters.get_parameter('a').value == good[-1]
