# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from parameter_stores import message, set_one, store
from ros2_standalone.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from ros2_standalone.parameters import Parameter

Type = Parameter.Type


def test_declared_parameters_have_their_default_or_the_override() -> None:
    parameters = store(overrides={'a': 2, 'b': 'x', 'unused': 1.0})
    assert parameters.declare_parameter('a', 1).value == 2
    assert parameters.declare_parameter('b', Type.STRING).value == 'x'
    assert parameters.declare_parameter('c', 3.0).value == 3.0
    assert parameters.get_parameter('c').type_ is Type.DOUBLE
    assert [found.value for found in parameters.get_parameters(['a', 'c'])] == [2, 3.0]
    assert not parameters.has_parameter('unused')
    assert set(parameters._parameter_overrides) == {'a', 'b', 'unused'}
    ignoring = store(overrides={'a': 2})
    assert ignoring.declare_parameter('a', 1, ignore_override=True).value == 1


def test_many_are_declared_at_once() -> None:
    parameters = store(overrides={'ns.b': False})
    descriptor = message('ParameterDescriptor', description='text')
    declared = parameters.declare_parameters('ns', [('a', 1, descriptor), ('b', Type.BOOL)])
    assert [(found.name, found.value) for found in declared] == [('ns.a', 1), ('ns.b', False)]
    assert parameters.describe_parameter('ns.a').description == 'text'
    assert descriptor.name == ''  # the caller's is not changed


@pytest.mark.parametrize(
    ('arguments', 'error'),
    [
        (('',), InvalidParameterException),
        ((3, 4), TypeError),
        (('p', 1, 'descriptor'), TypeError),
        (('p', {}), TypeError),
        (('p', Type.NOT_SET), ValueError),
        (('p', None, message('ParameterDescriptor')), ValueError),
        (('p', Type.BOOL, message('ParameterDescriptor', dynamic_typing=True)), ValueError),
    ],
)
def test_declarations_that_make_no_sense(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        store().declare_parameter(*arguments)
    with pytest.raises(TypeError):
        store().declare_parameters('', [('p', 1, message('ParameterDescriptor'), 4)])


def test_nothing_is_declared_twice() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1)
    with pytest.raises(ParameterAlreadyDeclaredException, match="'a'"):
        parameters.declare_parameter('a', 1)


def test_an_override_of_another_type_names_both() -> None:
    with pytest.raises(InvalidParameterTypeException, match=r"'one'.*'STRING'.*'INTEGER'"):
        store(overrides={'a': 'one'}).declare_parameter('a', 1)
    # rclpy does not read 1 as 1.0 either.
    with pytest.raises(InvalidParameterTypeException, match='DOUBLE'):
        store(overrides={'a': 1}).declare_parameter('a', 1.0)


def test_undeclared_parameters() -> None:
    parameters = store()
    with pytest.raises(ParameterNotDeclaredException):
        parameters.get_parameter('a')
    with pytest.raises(ParameterNotDeclaredException, match="'a', 'b'"):
        parameters.set_parameters_atomically([Parameter('a', value=1), Parameter('b', value=1)])
    for ask in (
        parameters.describe_parameter,
        parameters.get_parameter_type,
        parameters.undeclare_parameter,
    ):
        with pytest.raises(ParameterNotDeclaredException):
            ask('a')
    assert parameters.get_parameter_or('a').value is None
    assert parameters.get_parameter_or('a', Parameter('a', value=7)).value == 7


def test_undeclared_parameters_may_be_allowed() -> None:
    parameters = store(allow_undeclared_parameters=True)
    assert parameters.get_parameter('a').type_ is Type.NOT_SET
    assert set_one(parameters, 'a', 1) == ''
    assert set_one(parameters, 'a', 'text') == ''
    assert parameters.get_parameter('a').value == 'text'
    assert set_one(parameters, 'a', None) == ''
    assert not parameters.has_parameter('a')


def test_a_parameter_without_a_value_says_so() -> None:
    parameters = store()
    parameters.declare_parameter('a', Type.DOUBLE)
    with pytest.raises(ParameterUninitializedException, match='a'):
        parameters.get_parameter('a')
    assert set_one(parameters, 'a', 1.0) == ''
    assert parameters.get_parameter('a').value == 1.0


def test_types_stay_unless_they_are_dynamic() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1)
    parameters.declare_parameter('b', 1, message('ParameterDescriptor', dynamic_typing=True))
    assert "'INTEGER', got 'DOUBLE'" in set_one(parameters, 'a', 1.0)
    assert 'can not be unset' in set_one(parameters, 'a', None)
    assert parameters.get_parameter('a').value == 1
    assert set_one(parameters, 'b', 1.0) == ''
    assert parameters.describe_parameter('b').type == Type.DOUBLE.value
    assert parameters.get_parameter_types(['a', 'b']) == [2, 3]
    with pytest.warns(UserWarning, match="'c'"):
        parameters.declare_parameter('c')
    assert parameters.get_parameter('c').value is None


def test_read_only_parameters_take_overrides_and_nothing_else() -> None:
    parameters = store(overrides={'a': 2})
    descriptor = message('ParameterDescriptor', read_only=True)
    assert parameters.declare_parameter('a', 1, descriptor).value == 2
    assert set_one(parameters, 'a', 3) == "Parameter 'a' is read-only"
    assert parameters.get_parameter('a').value == 2
    with pytest.raises(ParameterImmutableException):
        parameters.undeclare_parameter('a')


def test_undeclaring() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1)
    parameters.undeclare_parameter('a')
    assert not parameters.has_parameter('a')
    parameters.declare_parameter('a', 'now a word')


def test_callbacks_may_refuse_and_the_newest_is_asked_first() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1)
    parameters.declare_parameter('b', 1)
    asked = []

    def older(changed: list[Parameter]) -> Any:
        asked.append(('older', [parameter.value for parameter in changed]))
        return message('SetParametersResult', successful=True)

    def newer(changed: list[Parameter]) -> Any:
        asked.append(('newer', [parameter.value for parameter in changed]))
        good = all(parameter.value != 13 for parameter in changed)
        return message('SetParametersResult', successful=good, reason='' if good else 'unlucky')

    parameters.add_on_set_parameters_callback(older)
    parameters.add_on_set_parameters_callback(newer)
    assert set_one(parameters, 'a', 2) == ''
    assert asked == [('newer', [2]), ('older', [2])]
    result = parameters.set_parameters_atomically(
        [Parameter('a', value=3), Parameter('b', value=13)]
    )
    assert (result.successful, result.reason) == (False, 'unlucky')
    assert [found.value for found in parameters.get_parameters(['a', 'b'])] == [2, 1]
    with pytest.raises(InvalidParameterValueException, match='unlucky'):
        parameters.declare_parameter('c', 13)
    parameters.remove_on_set_parameters_callback(newer)
    assert set_one(parameters, 'a', 13) == ''


def test_callbacks_before_change_and_after_hear() -> None:
    parameters = store()
    parameters.declare_parameter('a', 1)
    heard: list[Any] = []

    def double(changed: list[Parameter]) -> list[Parameter]:
        return [Parameter(parameter.name, value=parameter.value * 2) for parameter in changed]

    def hear(changed: list[Parameter]) -> None:
        heard.append((changed[0].value, parameters.get_parameter('a').value))

    parameters.add_pre_set_parameters_callback(double)
    parameters.add_post_set_parameters_callback(hear)
    assert set_one(parameters, 'a', 4) == ''
    assert heard == [(8, 8)]
    parameters.add_pre_set_parameters_callback(lambda changed: [])
    assert 'removed all' in set_one(parameters, 'a', 6)


def test_every_change_is_an_event() -> None:
    events: list[Any] = []
    parameters = store(on_event=events.append)
    parameters.declare_parameter('a', 1)
    parameters.declare_parameter('b', 1.0, message('ParameterDescriptor', dynamic_typing=True))
    set_one(parameters, 'a', 2)
    set_one(parameters, 'a', 'refused')
    set_one(parameters, 'b', None)
    kinds = ('new_parameters', 'changed_parameters', 'deleted_parameters')
    told = [
        (kind[:3], item.name, item.value.integer_value)
        for event in events
        for kind in kinds
        for item in getattr(event, kind)
    ]
    assert told == [('new', 'a', 1), ('new', 'b', 0), ('cha', 'a', 2), ('del', 'b', 0)]


@pytest.mark.parametrize(
    ('prefixes', 'depth', 'names'),
    [
        ([], 0, ['a', 'scale.height', 'scale.speed.gain', 'scaled']),
        ([], 1, ['a', 'scaled']),
        ([], 2, ['a', 'scale.height', 'scaled']),
        (['scale'], 0, ['scale.height', 'scale.speed.gain']),
        (['scale'], 1, ['scale.height']),
        (['scale.speed', 'a'], 0, ['a', 'scale.speed.gain']),
        (['b'], 0, []),
    ],
)
def test_listing(prefixes: list[str], depth: int, names: list[str]) -> None:
    parameters = store()
    for name in ('a', 'scale.height', 'scale.speed.gain', 'scaled'):
        parameters.declare_parameter(name, 1)
    result = parameters.list_parameters(prefixes, depth)
    assert result.names == names
    above = {name.rpartition('.')[0] for name in names if '.' in name}
    assert set(result.prefixes) == above and len(result.prefixes) == len(above)
    with pytest.raises(ValueError, match='negative'):
        parameters.list_parameters([], -1)


def test_prefixes() -> None:
    parameters = store()
    for name in ('scale.height', 'scale.speed.gain', 'scaled'):
        parameters.declare_parameter(name, 1)
    assert set(parameters.get_parameters_by_prefix('scale')) == {'height', 'speed.gain'}
    assert len(parameters.get_parameters_by_prefix('')) == 3
