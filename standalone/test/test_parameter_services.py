# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from parameter_stores import integer_range, message, store
from ros2_standalone.parameter_services import parameter_service_handlers
from ros2_standalone.parameter_store import ParameterStore
from ros2_standalone.parameters import Parameter, parameter_value_to_python


def call(declared: ParameterStore, service: str, **request: Any) -> Any:
    srv_type, handler = parameter_service_handlers(declared)[service]
    return handler(srv_type.Request(**request), srv_type.Response())


def test_the_parameter_services() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1, integer_range(0, 5))
    parameters.declare_parameter('b', 'x')
    assert call(parameters, 'list_parameters').result.names == ['a', 'b']
    values = call(parameters, 'get_parameters', names=['b', 'a']).values
    assert [parameter_value_to_python(value) for value in values] == ['x', 1]
    assert call(parameters, 'get_parameter_types', names=['a', 'b']).types.tolist() == [2, 4]
    (described,) = call(parameters, 'describe_parameters', names=['a']).descriptors
    assert described.integer_range[0].to_value == 5
    for service, field in (
        ('get_parameters', 'values'),
        ('get_parameter_types', 'types'),
        ('describe_parameters', 'descriptors'),
    ):
        assert len(getattr(call(parameters, service, names=['a', 'nothing']), field)) == 0


def test_the_services_that_set() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1, integer_range(0, 5))
    parameters.declare_parameter('b', 'x')
    wanted = [
        Parameter(name, value=value).to_parameter_msg()
        for name, value in (('a', 9), ('nothing', 1), ('b', 'y'))
    ]
    wanted.append(message('Parameter', name='b', value=message('ParameterValue', type=77)))
    results = call(parameters, 'set_parameters', parameters=wanted).results
    assert [result.successful for result in results] == [False, False, True, False]
    assert 'out of range' in results[0].reason
    assert "undeclared parameter(s): ['nothing']" in results[1].reason
    assert '77' in results[3].reason
    result = call(parameters, 'set_parameters_atomically', parameters=wanted[::2]).result
    assert not result.successful and 'out of range' in result.reason
    good = [
        Parameter('a', value=2).to_parameter_msg(),
        Parameter('b', value='z').to_parameter_msg(),
    ]
    assert call(parameters, 'set_parameters_atomically', parameters=good).result.successful
    assert [found.value for found in parameters.get_parameters(['a', 'b'])] == [2, 'z']
