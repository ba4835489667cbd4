# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of one node: declared, checked, set, described and listed as rclpy does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from .messages import message_class
from .parameter_declarations import declaration
from .parameter_ranges import range_refusal
from .parameters import PARAMETER_SEPARATOR_STRING, Parameter

NOT_SET = Parameter.Type.NOT_SET
WRONG_TYPE = 'Wrong parameter type'
DEPTH_RECURSIVE = 0  # of rcl_interfaces/ListParameters


class ParameterStore:
    """What rclpy's Node has for parameters, under the same names; Node inherits it.

    parameter_overrides  values from the command line, from files and from code, by name; they win
                         over the defaults of declarations
    on_event             called with an rcl_interfaces/ParameterEvent after each change; its stamp
                         and its node are still to be filled
    """

    def __init__(
        self,
        parameter_overrides: Mapping[str, Parameter],
        *,
        allow_undeclared_parameters: bool = False,
        on_event: Callable[[Any], None] | None = None,
    ) -> None:
        self._parameter_overrides = dict(parameter_overrides)
        self._allow_undeclared_parameters = allow_undeclared_parameters
        self._on_parameter_event = on_event
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, Any] = {}
        self._pre_set_parameters_callbacks: list[Callable[[list[Parameter]], list[Parameter]]] = []
        self._on_set_parameters_callbacks: list[Callable[[list[Parameter]], Any]] = []
        self._post_set_parameters_callbacks: list[Callable[[list[Parameter]], None]] = []

    def declare_parameter(
        self, name: str, value: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare one parameter by default value, or by Parameter.Type; see declare_parameters."""
        entry = (name,) if value is None and descriptor is None else (name, value, descriptor)
        return self.declare_parameters('', [entry], ignore_override)[0]

    def declare_parameters(
        self,
        namespace: str,
        parameters: Iterable[Sequence[Any]],
        ignore_override: bool = False,
    ) -> list[Parameter]:
        """Declare (name, default value or Parameter.Type, ParameterDescriptor) tuples.

        Raises ParameterAlreadyDeclaredException, InvalidParameterException (name),
        InvalidParameterTypeException (an override of another type), InvalidParameterValueException
        (out of range, or refused by a callback), TypeError and ValueError for wrong tuples.
        """
        prefix = f'{namespace}{PARAMETER_SEPARATOR_STRING}' if namespace else ''
        given = {} if ignore_override else self._parameter_overrides
        declared = [declaration(prefix, entry, given) for entry in parameters]
        again = [parameter.name for parameter, _ in declared if parameter.name in self._parameters]
        if again:
            raise ParameterAlreadyDeclaredException(again)
        for parameter, descriptor in declared:
            result = self._apply([parameter], {parameter.name: descriptor})
            if result.successful:
                continue
            if result.reason.startswith(WRONG_TYPE):
                expected = Parameter.Type(descriptor.type).name
                raise InvalidParameterTypeException(parameter, expected)
            raise InvalidParameterValueException(parameter.name, parameter.value, result.reason)
        return [self._parameters[parameter.name] for parameter, _ in declared]

    def undeclare_parameter(self, name: str) -> None:
        """Forget a parameter; ParameterImmutableException for a read-only one."""
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name], self._descriptors[name]

    def has_parameter(self, name: str) -> bool:
        """Whether a parameter is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """A declared parameter.

        Raises ParameterNotDeclaredException, and ParameterUninitializedException for one that was
        declared by type and never set.
        """
        if name not in self._parameters:
            if self._allow_undeclared_parameters:
                return Parameter(name)
            raise ParameterNotDeclaredException(name)
        parameter = self._parameters[name]
        if parameter.type_ is NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameters(self, names: Iterable[str]) -> list[Parameter]:
        """Several parameters; see get_parameter."""
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """A parameter, or the alternative where it is not declared or not set."""
        parameter = self._parameters.get(name)
        if parameter is not None and parameter.type_ is not NOT_SET:
            return parameter
        return Parameter(name) if alternative_value is None else alternative_value

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Parameters whose names start with a prefix and a dot, by what comes after."""
        start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ''
        found = [name for name in self._parameters if name.startswith(start)]
        return {name[len(start) :]: self._parameters[name] for name in found}

    def get_parameter_type(self, name: str) -> int:
        """Number of a parameter's type; ParameterNotDeclaredException where there is none."""
        if name in self._parameters:
            return self._parameters[name].type_.value
        if self._allow_undeclared_parameters:
            return NOT_SET.value
        raise ParameterNotDeclaredException(name)

    def get_parameter_types(self, names: Iterable[str]) -> list[int]:
        """Types of several parameters; see get_parameter_type."""
        return [self.get_parameter_type(name) for name in names]

    def describe_parameter(self, name: str) -> Any:
        """ParameterDescriptor of a parameter; ParameterNotDeclaredException for an unknown one."""
        if name in self._descriptors:
            return self._descriptors[name]
        if self._allow_undeclared_parameters:
            return message_class('rcl_interfaces/msg/ParameterDescriptor')()
        raise ParameterNotDeclaredException(name)

    def describe_parameters(self, names: Iterable[str]) -> list[Any]:
        """Descriptors of several parameters; see describe_parameter."""
        return [self.describe_parameter(name) for name in names]

    def list_parameters(self, prefixes: list[str], depth: int) -> Any:
        """ListParametersResult: names below some prefixes (all: []), down to a depth (all: 0)."""
        if depth < 0:
            raise ValueError('The depth must not be negative')

        def is_listed(name: str) -> bool:
            for prefix in prefixes or ['']:
                if name == prefix:
                    return True
                start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ''
                rest = name[len(start) :].count(PARAMETER_SEPARATOR_STRING)
                if name.startswith(start) and (depth == DEPTH_RECURSIVE or rest < depth):
                    return True
            return False

        names = [name for name in self._parameters if is_listed(name)]
        above = [name.rpartition(PARAMETER_SEPARATOR_STRING)[0] for name in names]
        return message_class('rcl_interfaces/msg/ListParametersResult')(
            names=names, prefixes=list(dict.fromkeys(filter(None, above)))
        )

    def set_parameters(self, parameter_list: Iterable[Parameter]) -> list[Any]:
        """Set parameters one by one: a SetParametersResult for each.

        Raises ParameterNotDeclaredException where one is not declared; those before it are set.
        """
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> Any:
        """Set all parameters or none: one SetParametersResult; see set_parameters."""
        if self._pre_set_parameters_callbacks:
            for callback in self._pre_set_parameters_callbacks:
                parameter_list = callback(parameter_list)
            if not parameter_list:
                return _result('A callback before setting removed all parameters')
        if not all(isinstance(parameter, Parameter) for parameter in parameter_list):
            raise TypeError('set_parameters takes instances of Parameter')
        names = [parameter.name for parameter in parameter_list]
        missing = [name for name in names if name not in self._parameters]
        if missing and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(missing)
        return self._apply(parameter_list)

    def _apply(self, parameters: list[Parameter], declared: dict[str, Any] | None = None) -> Any:
        """Check, ask the callbacks, set, tell; `declared` are descriptors of a declaration."""
        for parameter in parameters:
            descriptor = (declared or self._descriptors).get(parameter.name)
            if reason := self._refusal(parameter, descriptor, is_declared=declared is None):
                return _result(reason)
        for callback in self._on_set_parameters_callbacks:
            result = callback(parameters)
            if not result.successful:
                return result
        event = message_class('rcl_interfaces/msg/ParameterEvent')()
        for parameter in parameters:
            self._put(parameter, declared, event)
        if self._on_parameter_event is not None:
            self._on_parameter_event(event)
        for post in self._post_set_parameters_callbacks:
            post(parameters)
        return _result('')

    def _refusal(self, parameter: Parameter, descriptor: Any, *, is_declared: bool) -> str:
        """Why a descriptor does not allow a value; '' where it does."""
        if descriptor is None:  # undeclared, and allowed to be
            return ''
        if is_declared and descriptor.read_only:
            return f"Parameter '{parameter.name}' is read-only"
        if not descriptor.dynamic_typing:
            if parameter.type_ is NOT_SET:
                return 'A statically typed parameter can not be unset' if is_declared else ''
            if parameter.type_.value != descriptor.type:
                expected = Parameter.Type(descriptor.type).name
                return f"{WRONG_TYPE}: expected '{expected}', got '{parameter.type_.name}'"
        return range_refusal(parameter, descriptor)

    def _put(self, parameter: Parameter, declared: dict[str, Any] | None, event: Any) -> None:
        name = parameter.name
        if declared is None and parameter.type_ is NOT_SET:
            event.deleted_parameters.append(parameter.to_parameter_msg())
            self._parameters.pop(name, None)
            self._descriptors.pop(name, None)
            return
        if declared is not None:
            self._descriptors[name] = declared[name]
        elif name not in self._descriptors:
            descriptor = message_class('rcl_interfaces/msg/ParameterDescriptor')
            self._descriptors[name] = descriptor(name=name, dynamic_typing=True)
        if self._descriptors[name].dynamic_typing:
            self._descriptors[name].type = parameter.type_.value
        is_new = self.get_parameter_or(name).type_ is NOT_SET
        changes = event.new_parameters if is_new else event.changed_parameters
        changes.append(parameter.to_parameter_msg())
        self._parameters[name] = parameter

    def add_pre_set_parameters_callback(
        self, callback: Callable[[list[Parameter]], list[Parameter]]
    ) -> None:
        """Have a callback change the list of parameters that is about to be set; newest first."""
        self._pre_set_parameters_callbacks.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """Have a callback allow or refuse (SetParametersResult) a change; newest first."""
        self._on_set_parameters_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(
        self, callback: Callable[[list[Parameter]], None]
    ) -> None:
        """Have a callback called after a change; newest first."""
        self._post_set_parameters_callbacks.insert(0, callback)

    def remove_on_set_parameters_callback(self, callback: Any) -> None:
        """Remove a callback; ValueError where it was not added."""
        self._on_set_parameters_callbacks.remove(callback)


def _result(reason: str) -> Any:
    message = message_class('rcl_interfaces/msg/SetParametersResult')
    return message(successful=not reason, reason=reason)
