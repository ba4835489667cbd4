# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
from typing import Any

import pytest
from ros2_standalone import qos
from ros2_standalone.messages import message_class
from ros2_standalone.parameter_store import ParameterStore
from ros2_standalone.parameters import Parameter
from ros2_standalone.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    InvalidQoSProfileException,
    LivelinessPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from ros2_standalone.qos_overrides import (
    InvalidQosOverridesError,
    QoSOverridingOptions,
    declare_overrides,
)
from ros2_standalone.time import Duration


def test_the_numbers_are_those_of_rmw() -> None:
    assert [policy.value for policy in HistoryPolicy] == [0, 1, 2, 3]
    assert (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT) == (1, 2)
    assert (DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE) == (1, 2)
    assert (LivelinessPolicy.AUTOMATIC, LivelinessPolicy.MANUAL_BY_TOPIC) == (1, 3)
    kinds = [kind.value for kind in QoSPolicyKind]
    assert kinds == [2**power for power in range(10)]


def test_defaults_are_those_of_rmw() -> None:
    profile = QoSProfile(depth=3)
    assert profile.history is HistoryPolicy.KEEP_LAST and profile.depth == 3
    assert profile.reliability is ReliabilityPolicy.RELIABLE
    assert profile.durability is DurabilityPolicy.VOLATILE
    assert profile.deadline == profile.lifespan == profile.liveliness_lease_duration == Duration()
    assert QoSProfile(history=HistoryPolicy.KEEP_ALL).depth == 10
    assert qos.qos_profile_sensor_data == QoSProfile(
        depth=5, reliability=ReliabilityPolicy.BEST_EFFORT
    )
    assert qos.qos_profile_parameters.depth == 1000
    assert qos.qos_profile_system_default.depth == 0


def test_profiles_that_say_too_little() -> None:
    with pytest.raises(InvalidQoSProfileException, match='history or a depth'):
        QoSProfile()
    with pytest.raises(InvalidQoSProfileException, match='needs a depth'):
        QoSProfile(history=HistoryPolicy.KEEP_LAST)
    with pytest.warns(UserWarning, match='depth of 0'):
        QoSProfile(depth=0)


@pytest.mark.parametrize(
    ('field', 'value'),
    [('depth', 'a'), ('deadline', 1.0), ('reliability', 'reliable'), ('history', None)],
)
def test_fields_are_checked(field: str, value: Any) -> None:
    profile = QoSProfile(depth=1)
    with pytest.raises(AssertionError, match=field):
        setattr(profile, field, value)
    with pytest.raises(ValueError, match='is not a valid'):
        profile.reliability = 7  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        profile.reliabilty = 1  # type: ignore[attr-defined]


def test_numbers_become_policies() -> None:
    assert QoSProfile(depth=1, reliability=2).reliability is ReliabilityPolicy.BEST_EFFORT


def test_equality_looks_at_every_field() -> None:
    profile = QoSProfile(depth=1)
    others = {
        'history': HistoryPolicy.KEEP_ALL,
        'depth': 2,
        'reliability': ReliabilityPolicy.BEST_EFFORT,
        'durability': DurabilityPolicy.TRANSIENT_LOCAL,
        'lifespan': Duration(seconds=1),
        'deadline': Duration(seconds=1),
        'liveliness': LivelinessPolicy.MANUAL_BY_TOPIC,
        'liveliness_lease_duration': Duration(seconds=1),
        'avoid_ros_namespace_conventions': True,
    }
    assert set(others) == set(QoSProfile.__slots__)
    for field, value in others.items():
        other = copy.copy(profile)
        assert other == profile
        setattr(other, field, value)
        assert other != profile
        assert field in str(other)


@pytest.mark.parametrize('preset', [qos.qos_profile_sensor_data, qos.qos_profile_unknown])
def test_presets_can_be_copied(preset: QoSProfile) -> None:
    duplicate = copy.deepcopy(copy.copy(preset))
    assert duplicate == preset and duplicate is not preset


def test_short_keys() -> None:
    assert ReliabilityPolicy.short_keys()[:3] == ['system_default', 'reliable', 'best_effort']
    assert ReliabilityPolicy.get_from_short_key('Best_Effort') == 2
    assert DurabilityPolicy.TRANSIENT_LOCAL.short_key == 'transient_local'
    with pytest.raises(KeyError):
        HistoryPolicy.get_from_short_key('keep_some')


RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
SECOND, MINUTE = Duration(seconds=1), Duration(seconds=60)


@pytest.mark.parametrize(
    ('offered', 'requested', 'problem'),
    [
        ({}, {}, None),
        ({'reliability': RELIABLE}, {'reliability': BEST_EFFORT}, None),
        ({'reliability': BEST_EFFORT}, {'reliability': RELIABLE}, 'reliability'),
        ({'durability': DurabilityPolicy.TRANSIENT_LOCAL}, {}, None),
        ({}, {'durability': DurabilityPolicy.TRANSIENT_LOCAL}, 'durability'),
        ({'deadline': SECOND}, {}, None),
        ({'deadline': SECOND}, {'deadline': MINUTE}, None),
        ({}, {'deadline': SECOND}, 'deadline'),
        ({'deadline': MINUTE}, {'deadline': SECOND}, 'deadline'),
        ({}, {'liveliness_lease_duration': SECOND}, 'liveliness_lease_duration'),
        ({}, {'liveliness': LivelinessPolicy.MANUAL_BY_TOPIC}, 'liveliness'),
    ],
)
def test_compatible_qos(
    offered: dict[str, Any], requested: dict[str, Any], problem: str | None
) -> None:
    base = {'depth': 1, 'liveliness': LivelinessPolicy.AUTOMATIC}
    result, reason = qos_check_compatible(
        QoSProfile(**{**base, **offered}), QoSProfile(**{**base, **requested})
    )
    if problem is None:
        assert (result, reason) == (QoSCompatibility.OK, '')
    else:
        assert result is QoSCompatibility.ERROR
        assert reason.startswith(f'ERROR: {problem}:')


def test_qos_that_does_not_say_is_a_warning() -> None:
    system = qos.qos_profile_system_default
    plain = QoSProfile(depth=1, liveliness=LivelinessPolicy.AUTOMATIC)
    result, reason = qos_check_compatible(system, plain)
    assert result is QoSCompatibility.WARNING and 'reliability' in reason
    plain.reliability = BEST_EFFORT
    assert 'reliability' not in qos_check_compatible(system, plain)[1]


def overridden(values: dict[str, Any], kind: str, options: QoSOverridingOptions) -> QoSProfile:
    prefix = f'qos_overrides./cam/image.{kind}.'
    store = ParameterStore(
        {prefix + key: Parameter(prefix + key, value=value) for key, value in values.items()}
    )
    profile = declare_overrides(store, kind, '/cam/image', QoSProfile(depth=1), options)
    for name in store.list_parameters([], 0).names:
        assert store.describe_parameter(name).read_only
        assert store.describe_parameter(name).description
    return profile


def test_qos_can_be_overridden_by_parameters() -> None:
    options = QoSOverridingOptions.with_default_policies()
    values = {'reliability': 'best_effort', 'depth': 7}
    expected = QoSProfile(depth=7, reliability=BEST_EFFORT)
    assert overridden(values, 'publisher', options) == expected
    assert overridden({}, 'publisher', options) == QoSProfile(depth=1)
    # Durability is not among the default policies.
    values = {'durability': 'transient_local'}
    assert overridden(values, 'subscription', options) == QoSProfile(depth=1)


def test_all_policies_can_be_overridden() -> None:
    kinds = [kind for kind in QoSPolicyKind if kind is not QoSPolicyKind.INVALID]
    values = {
        'history': 'keep_all',
        'durability': 'transient_local',
        'liveliness': 'manual_by_topic',
        'deadline': 10**9,
        'lifespan': 10**9,
        'avoid_ros_namespace_conventions': True,
    }
    profile = overridden(values, 'publisher', QoSOverridingOptions(kinds))
    assert profile.history is HistoryPolicy.KEEP_ALL
    assert profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert profile.liveliness is LivelinessPolicy.MANUAL_BY_TOPIC
    assert profile.deadline == profile.lifespan == SECOND
    assert profile.avoid_ros_namespace_conventions
    profile = overridden(values, 'subscription', QoSOverridingOptions(kinds))
    assert profile.lifespan == Duration()


def test_overrides_that_make_no_sense() -> None:
    options = QoSOverridingOptions.with_default_policies()
    with pytest.raises(RuntimeError, match="'reliability': 'sometimes' is not one of"):
        overridden({'reliability': 'sometimes'}, 'publisher', options)


def test_a_callback_may_refuse_overrides() -> None:
    result = message_class('rcl_interfaces/msg/SetParametersResult')
    options = QoSOverridingOptions.with_default_policies(
        callback=lambda profile: result(successful=profile.depth < 5, reason='too deep')
    )
    assert overridden({'depth': 4}, 'publisher', options).depth == 4
    with pytest.raises(InvalidQosOverridesError, match='too deep'):
        overridden({'depth': 5}, 'publisher', options)


def test_two_subscriptions_of_a_topic_share_parameters_or_have_ids() -> None:
    name = 'qos_overrides./a.subscription_second.depth'
    store = ParameterStore({name: Parameter(name, value=9)})
    default = QoSOverridingOptions.with_default_policies()
    second = QoSOverridingOptions.with_default_policies(entity_id='second')
    shared = qos.qos_profile_sensor_data
    for options, depth in ((default, 5), (default, 5), (second, 9)):
        profile = declare_overrides(store, 'subscription', '/a', shared, options)
        assert profile.depth == depth
    assert shared.depth == 5
