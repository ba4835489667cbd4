# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The six services by which `ros2 param` and rqt reach the parameters of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from .messages import message_class
from .parameter_store import ParameterStore
from .parameters import Parameter
from .service_types import service_class

Handler = Callable[[Any, Any], Any]


def parameter_service_handlers(store: ParameterStore) -> dict[str, tuple[Any, Handler]]:
    """Service type and handler (request, response -> response), by the service's name below ~/.

    As in rclpy, asking for several parameters of which one is not declared answers nothing.
    """

    def get(request: Any, response: Any) -> Any:
        def values() -> list[Any]:
            found = store.get_parameters(request.names)
            return [parameter.get_parameter_value() for parameter in found]

        response.values = _or_nothing(values)
        return response

    def get_types(request: Any, response: Any) -> Any:
        response.types = _or_nothing(lambda: store.get_parameter_types(request.names))
        return response

    def describe(request: Any, response: Any) -> Any:
        response.descriptors = _or_nothing(lambda: store.describe_parameters(request.names))
        return response

    def list_names(request: Any, response: Any) -> Any:
        response.result = store.list_parameters(request.prefixes, request.depth)
        return response

    def set_each(request: Any, response: Any) -> Any:
        response.results = [_set(store, [parameter]) for parameter in request.parameters]
        return response

    def set_all(request: Any, response: Any) -> Any:
        response.result = _set(store, request.parameters)
        return response

    handlers: dict[str, Handler] = {
        'GetParameters': get,
        'GetParameterTypes': get_types,
        'DescribeParameters': describe,
        'ListParameters': list_names,
        'SetParameters': set_each,
        'SetParametersAtomically': set_all,
    }
    return {
        name: (service_class(f'rcl_interfaces/srv/{type_name}'), handlers[type_name])
        for name, type_name in NAMES.items()
    }


NAMES = {
    'get_parameters': 'GetParameters',
    'get_parameter_types': 'GetParameterTypes',
    'describe_parameters': 'DescribeParameters',
    'list_parameters': 'ListParameters',
    'set_parameters': 'SetParameters',
    'set_parameters_atomically': 'SetParametersAtomically',
}


def _or_nothing(ask: Callable[[], list[Any]]) -> list[Any]:
    try:
        return ask()
    except (ParameterNotDeclaredException, ParameterUninitializedException):
        return []


def _set(store: ParameterStore, messages: list[Any]) -> Any:
    try:
        parameters = [Parameter.from_parameter_msg(message) for message in messages]
        return store.set_parameters_atomically(parameters)
    except (ParameterNotDeclaredException, ValueError) as error:
        result = message_class('rcl_interfaces/msg/SetParametersResult')
        return result(successful=False, reason=str(error))
