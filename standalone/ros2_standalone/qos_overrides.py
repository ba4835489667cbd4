# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.qos_overriding_options`: parameters that change the QoS of one publisher or subscription.

They are named `qos_overrides.<topic>.<publisher or subscription>[_<id>].<policy>`, are read when
the entity is made, and are read-only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from .exceptions import ParameterAlreadyDeclaredException
from .messages import message_class
from .qos import QoSPolicyEnum, QoSPolicyKind, QoSProfile
from .time import Duration


class InvalidQosOverridesError(Exception):
    """Raised where the callback of the options refuses the profile that the parameters gave."""


class QoSOverridingOptions:
    """Which policies get a parameter; a callback (QoSProfile -> SetParametersResult) may refuse.

    entity_id tells several publishers or subscriptions of one topic apart.
    """

    def __init__(
        self,
        policy_kinds: Iterable[QoSPolicyKind],
        *,
        callback: Callable[[QoSProfile], Any] | None = None,
        entity_id: str | None = None,
    ) -> None:
        self.policy_kinds = tuple(policy_kinds)
        self.callback = callback
        self.entity_id = entity_id

    @classmethod
    def with_default_policies(
        cls,
        *,
        callback: Callable[[QoSProfile], Any] | None = None,
        entity_id: str | None = None,
    ) -> QoSOverridingOptions:
        """Options for history, depth and reliability."""
        kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
        return cls(kinds, callback=callback, entity_id=entity_id)


def declare_overrides(
    node: Any,
    entity_kind: str,
    topic: str,
    profile: QoSProfile,
    options: QoSOverridingOptions,
) -> QoSProfile:
    """Declare the parameters on a node; the profile (a copy) with what they say.

    entity_kind is 'publisher' or 'subscription', topic the resolved name. Raises RuntimeError for
    a policy that does not exist, InvalidQosOverridesError where the options' callback refuses.
    """
    profile = copy.copy(profile)
    owner = entity_kind if options.entity_id is None else f'{entity_kind}_{options.entity_id}'
    for kind in options.policy_kinds:
        if kind is QoSPolicyKind.LIFESPAN and entity_kind == 'subscription':
            continue  # a lifespan is the publisher's alone
        policy = kind.name.lower()
        name = f'qos_overrides.{topic}.{owner}.{policy}'
        descriptor = message_class('rcl_interfaces/msg/ParameterDescriptor')(
            description=f'{policy} of the {owner} of {topic}; read when the node starts',
            read_only=True,
        )
        try:
            parameter = node.declare_parameter(name, _to_parameter(profile, policy), descriptor)
        except ParameterAlreadyDeclaredException:
            parameter = node.get_parameter(name)
        setattr(profile, policy, _from_parameter(profile, policy, parameter.value))
    if options.callback is not None:
        result = options.callback(profile)
        if not result.successful:
            raise InvalidQosOverridesError(
                f'QoS overrides of the {owner} of {topic} are not valid: {result.reason}'
            )
    return profile


def _to_parameter(profile: QoSProfile, policy: str) -> Any:
    value = getattr(profile, policy)
    if isinstance(value, QoSPolicyEnum):
        return value.short_key
    return value.nanoseconds if isinstance(value, Duration) else value


def _from_parameter(profile: QoSProfile, policy: str, value: Any) -> Any:
    before = getattr(profile, policy)
    if isinstance(before, Duration):
        return Duration(nanoseconds=value)
    if not isinstance(before, QoSPolicyEnum):
        return value
    try:
        return type(before).get_from_short_key(value)
    except KeyError:
        choices = ', '.join(type(before).short_keys())
        raise RuntimeError(
            f"Unexpected QoS override for policy '{policy}': '{value}' is not one of {choices}"
        ) from None
