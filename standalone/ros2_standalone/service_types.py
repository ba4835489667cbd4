# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Service types such as `std_srvs.srv.Trigger`: a class that holds two message classes."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from .definitions import SERVICES
from .messages import message_class


class ServiceType:
    """Base of the service types; never instantiated, as in rclpy."""

    __srvtype__: ClassVar[str]
    Request: ClassVar[type[Any]]
    Response: ClassVar[type[Any]]

    def __init__(self) -> None:
        raise NotImplementedError('Service classes can not be instantiated')


@cache
def service_class(name: str) -> Any:
    """The class of a service type such as 'std_srvs/srv/Trigger'."""
    package, _, short = name.split('/')
    body = {
        '__doc__': f'{name}, as rclpy has it.',
        '__module__': f'{package}.srv',
        '__srvtype__': name,
        'Request': message_class(f'{name}_Request'),
        'Response': message_class(f'{name}_Response'),
    }
    return type(short, (ServiceType,), body)


def public(module: str) -> dict[str, Any]:
    """The service types of a module such as 'std_srvs.srv', by name."""
    prefix = module.replace('.', '/') + '/'
    names = [name for name in SERVICES if name.startswith(prefix)]
    return {name[len(prefix) :]: service_class(name) for name in names}
