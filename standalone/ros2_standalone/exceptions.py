# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N818 (these are the names that rclpy gave them)
"""`rclpy.exceptions`: what node code catches, and what a person reads when a name is wrong."""

from __future__ import annotations

from typing import Any

from ros2_standalone.errors import StandaloneError


class NotInitializedException(Exception):
    """Raised where a context is used before init() or after shutdown()."""

    def __init__(self, message: str | None = None) -> None:
        detail = f' ({message})' if message else ''
        super().__init__(f'rclpy.init() has not been called{detail}')


class InvalidHandle(Exception):
    """Raised where an entity is used after it was destroyed."""


class RCLError(RuntimeError):
    """Base of the errors of the layer below rclpy."""


class RCLInvalidROSArgsError(RCLError, StandaloneError):
    """Raised for a ROS argument that can't be read, such as a remapping without ':='."""


class UnknownROSArgsError(RuntimeError, StandaloneError):
    """Raised for an argument between --ros-args and -- that ROS 2 does not know."""


class UnsupportedEventTypeError(RCLError):
    """Raised where the middleware can't report an event."""


class NameValidationException(Exception):
    """A node, namespace, topic or service name that ROS 2 refuses, and where it is wrong."""

    kind = 'name'

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        mark = ' ' * invalid_index + '^'
        super().__init__(f"Invalid {self.kind}: {error_msg}:\n  '{name}'\n   {mark}")


class InvalidNamespaceException(NameValidationException):
    """Raised for a namespace that is not valid."""

    kind = 'namespace'


class InvalidNodeNameException(NameValidationException):
    """Raised for a node name that is not valid."""

    kind = 'node name'


class InvalidTopicNameException(NameValidationException):
    """Raised for a topic name that is not valid."""

    kind = 'topic name'


class InvalidServiceNameException(NameValidationException):
    """Raised for a service name that is not valid."""

    kind = 'service name'


class ParameterException(Exception):
    """Base of the errors about parameters."""

    def __init__(self, error_msg: str, parameters: str | list[str]) -> None:
        super().__init__(f'{error_msg}: {parameters}')


class ParameterNotDeclaredException(ParameterException):
    """Raised where a parameter is used that was not declared."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__('Invalid access to undeclared parameter(s)', parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    """Raised where a parameter is declared twice."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__('Parameter(s) already declared', parameters)


class InvalidParameterException(ParameterException):
    """Raised for a parameter name that is not valid."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__('Invalid parameter name', parameter_name)


class InvalidParameterTypeException(ParameterException):
    """Raised where a declared parameter gets a value of another type."""

    def __init__(self, desired_parameter: Any, expected_type: str) -> None:
        name, value = desired_parameter.name, desired_parameter.value
        super().__init__(
            f"'{name}' set to '{value}' of type '{desired_parameter.type_.name}', "
            f"but its type is '{expected_type}'",
            name,
        )


class InvalidParameterValueException(ParameterException):
    """Raised where a range or a callback refuses the value of a parameter that is declared."""

    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        super().__init__(f'Invalid parameter value ({value}). Reason: {reason}', parameter)


class ParameterImmutableException(ParameterException):
    """Raised where a read-only parameter is changed."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__('Attempt to modify a read-only parameter', parameter_name)


class ParameterUninitializedException(ParameterException):
    """Raised where a parameter is read that was declared by type only and never set."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__('The parameter has no value yet', parameter_name)
