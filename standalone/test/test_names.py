# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from ros2_standalone import names
from ros2_standalone.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
)
from ros2_standalone.names import Rule


@pytest.mark.parametrize(
    ('name', 'namespace', 'expected'),
    [
        ('image', '/', '/image'),
        ('image', '/ns', '/ns/image'),
        ('/image', '/ns', '/image'),
        ('depth/points', '/a/b', '/a/b/depth/points'),
        ('~/model', '/', '/node/model'),
        ('~/model', '/ns', '/ns/node/model'),
        ('~', '/ns', '/ns/node'),
        ('{node}/x', '/ns', '/ns/node/x'),
        ('{ns}/x', '/ns', '/ns/x'),
        ('{namespace}/x', '/a/b', '/a/b/x'),
        ('/cam_{node}', '/ns', '/cam_node'),
    ],
)
def test_names_expand(name: str, namespace: str, expected: str) -> None:
    assert names.expand(name, 'node', namespace) == expected
    assert names.resolve(name, [], 'node', namespace) == expected


@pytest.mark.parametrize(
    ('name', 'index'),
    [
        ('', 0),
        ('/', 0),
        ('image/', 5),
        ('ima ge', 3),
        ('a//b', 2),
        ('2d', 0),
        ('a/2d', 2),
        ('a~', 1),
        ('~a', 1),
        ('a{b', 1),
        ('{1a}', 0),
        ('{}', 0),
        ('a-b', 1),
        ('~/2d', 2),
    ],
)
def test_topic_names_that_are_not_valid(name: str, index: int) -> None:
    with pytest.raises(InvalidTopicNameException, match='Invalid topic name') as caught:
        names.validate_topic_name(name)
    assert str(caught.value).split('\n')[-1] == ' ' * (index + 3) + '^'
    with pytest.raises(InvalidServiceNameException, match='Invalid service name'):
        names.resolve(name, [], 'node', '/', 'service')


def test_valid_names_are_true() -> None:
    for name in ('a', '/a/b', '~', '~/a', '{node}', '/a_{ns}/b', '_a', 'a1'):
        assert names.validate_topic_name(name)
    assert names.validate_full_topic_name('/a/b_2')
    assert names.validate_namespace('/') and names.validate_namespace('/a/b')
    assert names.validate_node_name('a_1')
    # rmw's limits.
    assert names.validate_node_name('a' * 255)
    assert names.validate_namespace('/' + 'a' * 244)
    assert names.validate_full_topic_name('/' + 'a' * 246)
    with pytest.raises(InvalidNamespaceException, match='longer than 245'):
        names.validate_namespace('/' + 'a' * 245)


@pytest.mark.parametrize('name', ['a', '/a/', '/a//b', '', '/a b', '/1', '/~', '/' + 'a' * 247])
def test_absolute_names_that_are_not_valid(name: str) -> None:
    with pytest.raises(InvalidTopicNameException):
        names.validate_full_topic_name(name)
    with pytest.raises(InvalidNamespaceException):
        names.validate_namespace(name)


@pytest.mark.parametrize('name', ['', '1a', 'a/b', 'a b', 'a.b', 'ä', 'a' * 256])
def test_node_names_that_are_not_valid(name: str) -> None:
    with pytest.raises(InvalidNodeNameException):
        names.validate_node_name(name)


def test_unknown_substitutions() -> None:
    with pytest.raises(InvalidTopicNameException, match=r'\{node\}, \{ns\}'):
        names.resolve('{camera}/x', [], 'node', '/')


def test_the_first_rule_that_fits_counts() -> None:
    rules = [
        Rule('', 'image', '/cam/image_raw'),
        Rule('', '/ns/image', '/not/this'),
        Rule('', '~/model', 'net'),
        Rule('', 'depth', '~/depth', node='node'),
        Rule('', 'depth', '/wrong', node='other'),
    ]

    def resolve(name: str) -> str:
        return names.resolve(name, rules, 'node', '/ns')

    assert resolve('image') == resolve('/ns/image') == '/cam/image_raw'
    assert resolve('/image') == '/image'
    assert resolve('~/model') == '/ns/net'
    assert resolve('depth') == '/ns/node/depth'


def test_rules_for_topics_leave_services_alone() -> None:
    rules = [Rule('topic', 'a', 't'), Rule('service', 'a', 's')]
    assert names.resolve('a', rules, 'node', '/') == '/t'
    assert names.resolve('a', rules, 'node', '/', 'service') == '/s'


def test_a_rule_must_give_a_valid_name() -> None:
    with pytest.raises(InvalidTopicNameException):
        names.resolve('a', [Rule('', 'a', 'b/')], 'node', '/')


def test_nodes_are_renamed() -> None:
    rules = [
        Rule('name', '', 'left', node='camera'),
        Rule('name', '', 'any'),
        Rule('namespace', '', '/for_left', node='left'),
        Rule('namespace', '', '/ns'),
    ]
    assert names.remap_node('camera', '/', rules) == ('left', '/for_left')
    assert names.remap_node('other', '', rules) == ('any', '/ns')
    assert names.remap_node('other', 'a', []) == ('other', '/a')
    assert names.remap_node('other', '', []) == ('other', '/')


def test_full_names() -> None:
    assert names.full_name('node', '/') == '/node'
    assert names.full_name('node', '/a/b') == '/a/b/node'
