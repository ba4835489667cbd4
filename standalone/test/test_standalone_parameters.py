# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array
from typing import Any

import pytest
from parameter_stores import message
from ros2_standalone.parameters import Parameter, parameter_value_to_python

Type = Parameter.Type
VALUES = {
    Type.NOT_SET: None,
    Type.BOOL: True,
    Type.INTEGER: -3,
    Type.DOUBLE: 1.5,
    Type.STRING: 'a',
    Type.BYTE_ARRAY: [b'a', b'\xff'],
    Type.BOOL_ARRAY: [True, False],
    Type.INTEGER_ARRAY: [1, -2],
    Type.DOUBLE_ARRAY: [1.0, -2.5],
    Type.STRING_ARRAY: ['a', ''],
}


def test_the_numbers_of_types_are_those_of_the_message() -> None:
    constants = message('ParameterType')
    for type_ in Type:
        assert getattr(constants, f'PARAMETER_{type_.name}') == type_.value


@pytest.mark.parametrize('type_', list(Type))
def test_values_of_every_type(type_: Any) -> None:
    parameter = Parameter('p', value=VALUES[type_])
    assert parameter.type_ is type_
    again = Parameter.from_parameter_msg(parameter.to_parameter_msg())
    assert (again.name, again.type_, again.value) == ('p', type_, VALUES[type_])
    assert parameter_value_to_python(parameter.get_parameter_value()) == VALUES[type_]
    for other, value in VALUES.items():
        # A bool is an int in Python, and so it is in rclpy.
        fits = other is type_ or {other.name, type_.name} == {'BOOL', 'INTEGER'}
        fits = fits or {other.name, type_.name} == {'BOOL_ARRAY', 'INTEGER_ARRAY'}
        if not fits:
            with pytest.raises(ValueError, match='do not agree'):
                Parameter('p', type_, value)


def test_arrays_and_tuples_are_lists_too() -> None:
    assert Parameter('p', value=(1, 2)).type_ is Type.INTEGER_ARRAY
    assert Parameter('p', value=array('d', [1.0])).type_ is Type.DOUBLE_ARRAY
    assert Parameter('p', Type.STRING_ARRAY, []).get_parameter_value().type == 9


def test_what_no_parameter_holds() -> None:
    for value in ({}, [1, 'a'], [1, 2.0], object(), [[1]]):
        with pytest.raises(TypeError):
            Parameter('p', value=value)
    with pytest.raises(TypeError, match=r'Parameter\.Type'):
        Parameter('p', 3, 1.0)  # type: ignore[arg-type]
