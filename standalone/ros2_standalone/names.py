# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of nodes, topics and services: which are valid, what they expand and remap to.

The rules are those of https://design.ros2.org/articles/topic_and_service_names.html and
https://design.ros2.org/articles/static_remapping.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
    NameValidationException,
)

# Characters that rmw allows; what DDS allows, less the prefixes that ROS 2 adds.
MAX_NODE_NAME, MAX_NAMESPACE, MAX_TOPIC = 255, 245, 247


@dataclass(frozen=True)
class Rule:
    """A remapping from the command line.

    kind      'topic', 'service', 'name', 'namespace', or '' for topics and services alike
    match     the name that it applies to; unused for a node's name and namespace
    target    what it becomes
    node      the only node that it is for; None: all
    """

    kind: str
    match: str
    target: str
    node: str | None = None

    def is_for(self, kind: str, node_name: str) -> bool:
        """Whether it applies to a kind of name of a node."""
        kinds = ('topic', 'service') if self.kind == '' else (self.kind,)
        return kind in kinds and self.node in (None, node_name)


def full_name(node_name: str, namespace: str) -> str:
    """Fully qualified name: '/ns/node'; '/node' in the root namespace."""
    return f'{namespace.rstrip("/")}/{node_name}'


def validate_node_name(name: str) -> bool:
    """True; InvalidNodeNameException for a name that no node may have."""
    fail = _failing(InvalidNodeNameException, name)
    if not name:
        fail('it must not be empty', 0)
    if found := re.search('[^A-Za-z0-9_]', name):
        fail('it may hold only letters, digits and underscores', found.start())
    if name[0].isdigit():
        fail('it must not start with a digit', 0)
    _check_length(name, MAX_NODE_NAME, fail)
    return True


def validate_namespace(namespace: str) -> bool:
    """True; InvalidNamespaceException for what is no absolute namespace."""
    fail = _failing(InvalidNamespaceException, namespace)
    _check_absolute(namespace, fail)
    _check_length(namespace, MAX_NAMESPACE, fail)
    return True


def validate_topic_name(name: str, *, is_service: bool = False) -> bool:
    """True; InvalidTopicNameException (InvalidServiceNameException) for no valid name.

    It may still be relative, private (~) or hold the substitutions {node}, {ns}, {namespace}.
    """
    fail = _failing(_topic_or_service(is_service), name)
    if not name:
        fail('it must not be empty', 0)
    if name.endswith('/'):
        fail('it must not end with a slash', len(name) - 1)
    if '~' in name[1:]:
        fail("'~' may only be the first character", name.index('~', 1))
    if name[0] == '~' and name[1:2] not in ('', '/'):
        fail("after '~' comes nothing or a slash", 1)
    for found in re.finditer(r'\{([^{}]*)\}', name):
        if not re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', found[1]):
            fail('a substitution is a word in braces', found.start())
    # Braces that remain are unmatched; the name of a substitution stands for a valid word.
    plain = re.sub(r'\{[^{}]*\}', lambda found: 's' * len(found[0]), name)
    _check_tokens(plain, plain.removeprefix('~'), fail)
    return True


def validate_full_topic_name(name: str, *, is_service: bool = False) -> bool:
    """True; InvalidTopicNameException (InvalidServiceNameException) for what is not '/a/b'."""
    fail = _failing(_topic_or_service(is_service), name)
    _check_absolute(name, fail)
    if name == '/':
        fail('it must not be a slash only', 0)
    _check_length(name, MAX_TOPIC, fail)
    return True


def expand(name: str, node_name: str, namespace: str) -> str:
    """Absolute name of a topic or service.

    Raises InvalidTopicNameException for an unknown substitution.
    """
    if name[:1] == '~':
        name = full_name(node_name, namespace) + name[1:]
    values = {'node': node_name, 'ns': namespace, 'namespace': namespace}

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = ', '.join(f'{{{key}}}' for key in values)
            message = f'the known substitutions are {known}'
            raise InvalidTopicNameException(name, message, found.start())
        return values[found[1]]

    name = re.sub(r'\{([^{}]*)\}', value, name)
    return name if name[:1] == '/' else full_name(name, namespace)


def remap(
    name: str, rules: Sequence[Rule], node_name: str, namespace: str, kind: str = 'topic'
) -> str:
    """What the first rule that fits makes of an absolute topic or service name (see `kind`)."""
    for rule in rules:
        if not rule.is_for(kind, node_name):
            continue
        if expand(rule.match, node_name, namespace) == name:
            return expand(rule.target, node_name, namespace)
    return name


def remap_node(node_name: str, namespace: str, rules: Sequence[Rule]) -> tuple[str, str]:
    """Name and namespace that a node gets from the rules for them; the first of each counts."""
    names = [rule.target for rule in rules if rule.is_for('name', node_name)]
    name = names[0] if names else node_name
    spaces = [rule.target for rule in rules if rule.is_for('namespace', name)]
    return name, absolute(spaces[0] if spaces else namespace)


def absolute(namespace: str) -> str:
    """A namespace with its leading slash; '/' for none."""
    return namespace if namespace.startswith('/') else f'/{namespace}'


def resolve(
    name: str, rules: Sequence[Rule], node_name: str, namespace: str, kind: str = 'topic'
) -> str:
    """Absolute, remapped, validated name of a topic or service as node code wrote it."""
    is_service = kind == 'service'
    validate_topic_name(name, is_service=is_service)
    result = remap(expand(name, node_name, namespace), rules, node_name, namespace, kind)
    validate_full_topic_name(result, is_service=is_service)
    return result


def _topic_or_service(is_service: bool) -> type[NameValidationException]:
    return InvalidServiceNameException if is_service else InvalidTopicNameException


def _failing(error: type[NameValidationException], name: str) -> Any:
    def fail(message: str, index: int) -> None:
        raise error(name, message, index)

    return fail


def _check_absolute(name: str, fail: Any) -> None:
    if not name:
        fail('it must not be empty', 0)
    if name[0] != '/':
        fail('it must start with a slash', 0)
    if name != '/' and name.endswith('/'):
        fail('it must not end with a slash', len(name) - 1)
    _check_tokens(name, name, fail)


def _check_tokens(name: str, tokens: str, fail: Any) -> None:
    """What holds for every part between slashes; `tokens` is the end of `name`."""
    offset = len(name) - len(tokens)
    if found := re.search('[^A-Za-z0-9_/]', tokens):
        what = 'it may hold only letters, digits, underscores and slashes'
        fail(what, offset + found.start())
    if found := re.search('/[/0-9]|^[0-9]', tokens):
        twice = found[0] == '//'
        what = 'two slashes in a row are not allowed' if twice else 'a part starts with a digit'
        fail(what, offset + found.end() - 1)


def _check_length(name: str, limit: int, fail: Any) -> None:
    if len(name) > limit:
        fail(f'it must not be longer than {limit} characters', limit - 1)
