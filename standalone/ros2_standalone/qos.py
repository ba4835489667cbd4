# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.qos`: quality of service, with the numbers and presets of rmw (rmw/types.h)."""

from __future__ import annotations

import warnings
from enum import IntEnum
from typing import Any

from .time import Duration, Infinite


class QoSPolicyKind(IntEnum):
    """A policy, as the events about incompatible QoS number it."""

    INVALID = 1
    DURABILITY = 2
    DEADLINE = 4
    LIVELINESS = 8
    RELIABILITY = 16
    HISTORY = 32
    LIFESPAN = 64
    DEPTH = 128
    LIVELINESS_LEASE_DURATION = 256
    AVOID_ROS_NAMESPACE_CONVENTIONS = 512


class InvalidQoSProfileException(Exception):  # noqa: N818 (rclpy's name)
    """Raised for a profile that says too little."""

    def __init__(self, message: str) -> None:
        super().__init__(f'Invalid QoSProfile: {message}')


class QoSPolicyEnum(IntEnum):
    """Base of the policies: each also has a short name in small letters."""

    @classmethod
    def short_keys(cls) -> list[str]:
        """The short names of all values."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """Number of a value by its short name; KeyError for an unknown one."""
        return cls[name.upper()].value

    @property
    def short_key(self) -> str:
        """The short name of this value."""
        return self.name.lower()


class HistoryPolicy(QoSPolicyEnum):
    """How many messages wait for a reader that is late."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(QoSPolicyEnum):
    """Whether a lost message is sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3


class DurabilityPolicy(QoSPolicyEnum):
    """Whether a reader that joins late gets what was sent before."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3


class LivelinessPolicy(QoSPolicyEnum):
    """Who says that a publisher is alive."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy


class QoSProfile:
    """How a publisher or subscription treats its messages; what is not given is rmw's default.

    Durations of 0 mean 'not set'. Raises InvalidQoSProfileException where neither history nor
    depth is given, or keep-last comes without a depth.
    """

    __slots__ = (
        'avoid_ros_namespace_conventions',
        'deadline',
        'depth',
        'durability',
        'history',
        'lifespan',
        'liveliness',
        'liveliness_lease_duration',
        'reliability',
    )

    history: HistoryPolicy
    depth: int
    reliability: ReliabilityPolicy
    durability: DurabilityPolicy
    lifespan: Duration
    deadline: Duration
    liveliness: LivelinessPolicy
    liveliness_lease_duration: Duration
    avoid_ros_namespace_conventions: bool

    def __init__(
        self,
        history: HistoryPolicy | int | None = None,
        depth: int | None = None,
        reliability: ReliabilityPolicy | int | None = None,
        durability: DurabilityPolicy | int | None = None,
        lifespan: Duration | None = None,
        deadline: Duration | None = None,
        liveliness: LivelinessPolicy | int | None = None,
        liveliness_lease_duration: Duration | None = None,
        avoid_ros_namespace_conventions: bool | None = None,
    ) -> None:
        if history is None and depth is None:
            raise InvalidQoSProfileException('it needs a history or a depth')
        if depth is None and history == HistoryPolicy.KEEP_LAST:
            raise InvalidQoSProfileException('keep-last needs a depth')
        given = locals()
        for name, default in DEFAULTS.items():
            setattr(self, name, default if given[name] is None else given[name])

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in DEFAULTS:
            raise AttributeError(f'QoSProfile has no {name}')
        kind: Any = type(DEFAULTS[name])
        is_policy = issubclass(kind, QoSPolicyEnum)
        good = isinstance(value, int if is_policy else kind)
        assert good, f'{name}: {value!r} is not a {kind.__name__}'
        # A copy gets its fields in any order.
        keeps_last = getattr(self, 'history', None) is HistoryPolicy.KEEP_LAST
        if name == 'depth' and value == 0 and keeps_last:
            warnings.warn('keep-last with a depth of 0 means the default depth', stacklevel=2)
        object.__setattr__(self, name, kind(value) if is_policy else value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QoSProfile):
            return False
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        fields = ', '.join(f'{name}={getattr(self, name)}' for name in DEFAULTS)
        return f'{type(self).__name__}({fields})'


DEFAULTS: dict[str, Any] = {
    'history': HistoryPolicy.KEEP_LAST,
    'depth': 10,
    'reliability': ReliabilityPolicy.RELIABLE,
    'durability': DurabilityPolicy.VOLATILE,
    'lifespan': Duration(),
    'deadline': Duration(),
    'liveliness': LivelinessPolicy.SYSTEM_DEFAULT,
    'liveliness_lease_duration': Duration(),
    'avoid_ros_namespace_conventions': False,
}

qos_profile_default = QoSProfile(depth=10)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
qos_profile_system_default = QoSProfile(
    HistoryPolicy.SYSTEM_DEFAULT,
    0,
    ReliabilityPolicy.SYSTEM_DEFAULT,
    DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_unknown = QoSProfile(
    HistoryPolicy.UNKNOWN,
    0,
    ReliabilityPolicy.UNKNOWN,
    DurabilityPolicy.UNKNOWN,
    liveliness=LivelinessPolicy.UNKNOWN,
)


class QoSCompatibility(IntEnum):
    """Whether a publisher and a subscription can talk; WARNING: the profiles don't say."""

    OK = 0
    WARNING = 1
    ERROR = 2


def _period(duration: Duration) -> Duration:
    return Infinite if duration.nanoseconds == 0 else duration


def qos_check_compatible(
    publisher_qos: QoSProfile, subscription_qos: QoSProfile
) -> tuple[QoSCompatibility, str]:
    """Whether a subscription asks for no more than a publisher offers, and why it does not.

    The rules are those of DDS (OMG DDS 1.4, 2.2.3: requested against offered).
    """
    errors, warnings = [], []
    ordered: list[tuple[str, type[QoSPolicyEnum], Any, Any]] = [
        ('reliability', ReliabilityPolicy, 'BEST_EFFORT', 'RELIABLE'),
        ('durability', DurabilityPolicy, 'VOLATILE', 'TRANSIENT_LOCAL'),
        ('liveliness', LivelinessPolicy, 'AUTOMATIC', 'MANUAL_BY_TOPIC'),
    ]
    for name, kind, weak, strong in ordered:
        offered, wanted = getattr(publisher_qos, name), getattr(subscription_qos, name)
        text = (
            f'{name}: the publisher has {offered.short_key}, the subscription {wanted.short_key}'
        )
        weak, strong = kind[weak], kind[strong]
        if (offered, wanted) == (weak, strong):
            errors.append(text)
        elif offered != strong and wanted != weak:  # one of them does not say
            warnings.append(text)
    for name in ('deadline', 'liveliness_lease_duration'):
        offered = _period(getattr(publisher_qos, name))
        wanted = _period(getattr(subscription_qos, name))
        if offered > wanted:
            errors.append(f'{name}: the publisher has {offered}, the subscription {wanted}')
    if errors:
        return QoSCompatibility.ERROR, '; '.join(f'ERROR: {text}' for text in errors)
    if warnings:
        return QoSCompatibility.WARNING, '; '.join(f'WARNING: {text}' for text in warnings)
    return QoSCompatibility.OK, ''
