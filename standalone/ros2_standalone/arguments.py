# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line of a node: `--ros-args -r old:=new -p name:=value --params-file FILE [--]`.

As https://design.ros2.org/articles/ros_command_line_arguments.html has it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    RCLInvalidROSArgsError,
    UnknownROSArgsError,
)
from .logging import LoggingSeverity, set_logger_level
from .names import Rule, full_name, validate_namespace, validate_node_name
from .parameter_files import ParameterFileError, file_parameters, parameter_value
from .parameters import Parameter

START, END = '--ros-args', '--'
ALL_NODES = '/**'
# Flags about log files, security and so on that mean nothing here: with a value, without one.
IGNORED = ('--log-config-file', '--log-file-name', '-e', '--enclave')
IGNORED_SWITCH = re.compile(r'--(enable|disable)-(rosout-logs|stdout-logs|external-lib-logs)')

WORD = r'(?!__)[A-Za-z_]\w*'
NAME = rf'(?:~/|/)?{WORD}(?:/{WORD})*'
REMAP = re.compile(
    rf'(?:(?P<node>{WORD}):(?!//))?'
    rf'(?P<match>(?P<scheme>rostopic://|rosservice://)?(?P<name>{NAME})|__node|__name|__ns)'
    rf':=(?P<target>{NAME}|/)',
    re.ASCII,
)
KINDS = {
    None: '',
    'rostopic://': 'topic',
    'rosservice://': 'service',
    '__node': 'name',
    '__name': 'name',
    '__ns': 'namespace',
}
PARAM = re.compile(
    rf'(?:(?P<node>{WORD}):)?(?P<name>/?{WORD}(?:(?:\./?|/){WORD})*):=(?P<value>.*)',
    re.ASCII | re.DOTALL,
)
LEVEL = re.compile(r'(?:(?P<name>[^:]+):=)?(?P<level>\w+)')


@dataclass(frozen=True)
class Override:
    """A value for a parameter of the nodes whose full name fits a pattern: /ns/node, /*, /**."""

    node_pattern: str
    name: str
    value: Any

    def fits(self, fully_qualified_name: str) -> bool:
        """Whether it is for a node."""
        pattern = '/' + self.node_pattern.lstrip('/')
        return re.fullmatch(pattern.replace('/*', r'(/\w+)'), fully_qualified_name) is not None


@dataclass
class Arguments:
    """What a command line says.

    unparsed     the arguments that are not for ROS
    remaps       rules for names, see names.Rule
    log_levels   level by logger; '' is all
    given        values for parameters
    """

    unparsed: list[str] = field(default_factory=list)
    remaps: list[Rule] = field(default_factory=list)
    log_levels: dict[str, LoggingSeverity] = field(default_factory=dict)
    given: list[Override] = field(default_factory=list)

    def overrides(self, node_name: str, namespace: str) -> dict[str, Parameter]:
        """Parameters for a node, by name; what comes later on the command line wins."""
        node = full_name(node_name, namespace)
        found = [item for item in self.given if item.fits(node)]
        return {item.name: Parameter(item.name, value=item.value) for item in found}

    def apply_log_levels(self) -> None:
        """Set the levels of the loggers of this process."""
        for name, level in self.log_levels.items():
            set_logger_level(name, level)


def parse(args: Sequence[str] | None = None) -> Arguments:
    """Arguments of a command line; None: sys.argv.

    Raises RCLInvalidROSArgsError for what can't be read, UnknownROSArgsError for what ROS 2 does
    not know; both are StandaloneErrors too.
    """
    result = Arguments()
    unknown = []
    for is_ros, flag, rest in _split(sys.argv if args is None else args):
        if not is_ros:
            result.unparsed.append(flag)
        elif flag in FLAGS or flag in IGNORED:
            value = next(rest, None)
            if value is None:
                raise RCLInvalidROSArgsError(f"Nothing comes after '{flag}': give it a value")
            if flag in FLAGS:
                FLAGS[flag](result, value)
        elif not IGNORED_SWITCH.fullmatch(flag):
            unknown.append(flag)
    if unknown:
        known = ' '.join(flag for flag in FLAGS if flag.startswith('--'))
        words = ', '.join(unknown)
        raise UnknownROSArgsError(f'Found unknown ROS arguments: {words} (known: {known})')
    return result


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """The arguments that are not for ROS; None: those of sys.argv. Raises what parse() raises."""
    return parse(args).unparsed


def _split(args: Sequence[str]) -> Iterator[tuple[bool, str, Iterator[str]]]:
    """Each argument, whether it is ROS's, and the iterator that gives the flag its value."""
    is_ros = False
    rest = iter(args)
    for argument in rest:
        if argument == START:
            is_ros = True
        elif is_ros and argument == END:
            is_ros = False
        else:
            yield is_ros, argument, rest


def _add_remap(result: Arguments, text: str) -> None:
    found = REMAP.fullmatch(text)
    if not found:
        raise RCLInvalidROSArgsError(f"Couldn't parse remap rule '{text}': write old:=new")
    name, target = found['name'] or '', found['target']
    kind = KINDS[found['match'] if not name else found['scheme']]
    try:
        if kind == 'name':
            validate_node_name(target)
        elif kind == 'namespace':
            validate_namespace(target)
        elif target == '/':
            raise RCLInvalidROSArgsError(f"Couldn't parse remap rule '{text}': '/' is no name")
        result.remaps.append(Rule(kind, name, target, found['node']))
    except (InvalidNodeNameException, InvalidNamespaceException) as error:
        reason = str(error).splitlines()[0]
        raise RCLInvalidROSArgsError(f"Couldn't parse remap rule '{text}': {reason}") from error


def _add_parameter(result: Arguments, text: str) -> None:
    found = PARAM.fullmatch(text)
    if not found:
        raise RCLInvalidROSArgsError(f"Couldn't parse parameter '{text}': write name:=value")
    try:
        value = parameter_value(found['value'])
    except ParameterFileError as error:
        message = f"Couldn't parse parameter '{text}': {error}"
        raise RCLInvalidROSArgsError(message) from error
    result.given.append(Override(found['node'] or ALL_NODES, found['name'], value))


def _add_file(result: Arguments, path: str) -> None:
    try:
        result.given += [Override(*item) for item in file_parameters(path)]
    except ParameterFileError as error:
        raise RCLInvalidROSArgsError(
            f"Couldn't parse parameters file '{path}': {error}"
        ) from error


def _add_level(result: Arguments, text: str) -> None:
    found = LEVEL.fullmatch(text)
    names = [level.name for level in LoggingSeverity]
    if not found or found['level'].upper() not in names:
        choices = ', '.join(names).lower()
        message = f"Couldn't parse log level '{text}': write one of {choices}, or name:=level"
        raise RCLInvalidROSArgsError(message)
    result.log_levels[found['name'] or ''] = LoggingSeverity[found['level'].upper()]


FLAGS = {
    '-r': _add_remap,
    '--remap': _add_remap,
    '-p': _add_parameter,
    '--param': _add_parameter,
    '--params-file': _add_file,
    '--log-level': _add_level,
}
