# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ros2_standalone.arguments import parse, remove_ros_args
from ros2_standalone.errors import StandaloneError
from ros2_standalone.exceptions import RCLInvalidROSArgsError, UnknownROSArgsError
from ros2_standalone.logging import LoggingSeverity
from ros2_standalone.names import Rule


def values(arguments: list[str], node: str = 'node', namespace: str = '/') -> dict[str, Any]:
    overrides = parse(['--ros-args', *arguments]).overrides(node, namespace)
    assert all(name == parameter.name for name, parameter in overrides.items())
    return {name: parameter.value for name, parameter in overrides.items()}


def in_file(folder: Path, text: str) -> list[str]:
    path = folder / 'parameters.yaml'
    path.write_text(text)
    return ['--params-file', str(path)]


def test_ros_arguments_are_told_from_the_others() -> None:
    args = ['node', '--rate', '2', '--ros-args', '-p', 'a:=1', '--', '-p', 'x', '--ros-args']
    args += ['--ros-args', '-r', 'b:=c', '--log-level', 'warn', '--enable-rosout-logs']
    args += ['-e', '/enclave', '--log-config-file', 'file']
    expected = ['node', '--rate', '2', '-p', 'x']
    assert remove_ros_args(args) == expected
    parsed = parse(args)
    assert parsed.unparsed == expected
    assert parsed.remaps == [Rule('', 'b', 'c')]


def test_sys_argv_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sys.argv', ['prog', 'in.mcap', '--ros-args', '-r', '__ns:=/here'])
    assert parse().unparsed == remove_ros_args() == ['prog', 'in.mcap']
    assert parse().remaps == [Rule('namespace', '', '/here')]


@pytest.mark.parametrize(
    ('text', 'rule'),
    [
        ('image:=/cam/image_raw', Rule('', 'image', '/cam/image_raw')),
        ('/a/b:=c', Rule('', '/a/b', 'c')),
        ('~/model:=~/net', Rule('', '~/model', '~/net')),
        ('node:image:=other', Rule('', 'image', 'other', 'node')),
        ('rostopic://a:=b', Rule('topic', 'a', 'b')),
        ('rosservice:///a:=b', Rule('service', '/a', 'b')),
        ('__ns:=/', Rule('namespace', '', '/')),
        ('__node:=left', Rule('name', '', 'left')),
        ('__name:=left', Rule('name', '', 'left')),
        ('old:__node:=left', Rule('name', '', 'left', 'old')),
        ('__ns:=/a/b', Rule('namespace', '', '/a/b')),
    ],
)
def test_remap_rules(text: str, rule: Rule) -> None:
    assert parse(['--ros-args', '--remap', text]).remaps == [rule]


@pytest.mark.parametrize('rule', ['a:=1c', 'a:=c//d', 'a:=c/', 'a:=/', 'a:=~', '1a:=b', ':=b'])
def test_remap_rules_that_make_no_name(rule: str) -> None:
    with pytest.raises(RCLInvalidROSArgsError, match='remap rule'):
        parse(['--ros-args', '-r', rule])


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1', 1),
        ('-12', -12),
        ('0x10', 16),
        ('010', 8),
        ('08', 8.0),
        ('1.0', 1.0),
        ('-.5', -0.5),
        ('1e3', 1000.0),
        ('.inf', float('inf')),
        ('-.Inf', -float('inf')),
        ('99999999999999999999', 1e20),
        ('infinity', float('inf')),
        ('1e400', '1e400'),
        ('true', True),
        ('off', False),
        ('yes', True),
        ('"true"', 'true'),
        ("'1'", '1'),
        ("''", ''),
        ('!!str 1', '1'),
        ('cuda:0', 'cuda:0'),
        ('models/x.safetensors', 'models/x.safetensors'),
        ('null', 'null'),
        ('[1, 2]', [1, 2]),
        ('[1.0, 2.5]', [1.0, 2.5]),
        ('[a, "1"]', ['a', '1']),
        ('[true, no]', [True, False]),
        ('[]', None),
    ],
)
def test_values_have_the_types_that_rcl_gives_them(text: str, value: Any) -> None:
    found = values(['-p', f'name:={text}'])['name']
    assert found == value and type(found) is type(value)


def test_nan() -> None:
    value = values(['-p', 'a:=.nan'])['a']
    assert value != value


@pytest.mark.parametrize(
    ('pattern', 'fits'),
    [
        ('/**', True),
        ('/*/*', True),
        ('/*', False),
        ('/**/camera', True),
        ('/robot/*', True),
        ('/robot/camera', True),
        ('robot/camera', True),
        ('camera', False),
        ('/camera', False),
        ('/robot/camera2', False),
        ('/other/*', False),
    ],
)
def test_which_nodes_a_file_is_for(pattern: str, fits: bool, tmp_path: Path) -> None:
    file = in_file(tmp_path, f'{pattern}:\n  ros__parameters: {{a: 1}}\n')
    assert ('a' in values(file, 'camera', '/robot')) == fits


def test_files_nest_names_and_namespaces(tmp_path: Path) -> None:
    text = """
# a comment
/robot:
  camera:
    ros__parameters:
      device: cpu
      scale:
        height: 1.5
        source: [camera_height, speed]
      a.b: true
"""
    assert values(in_file(tmp_path, text), 'camera', '/robot') == {
        'device': 'cpu',
        'scale.height': 1.5,
        'scale.source': ['camera_height', 'speed'],
        'a.b': True,
    }


@pytest.mark.parametrize('text', ['', '# a: 1\n', '/**: {ros__parameters: {}}\n'])
def test_files_may_say_nothing(text: str, tmp_path: Path) -> None:
    assert values(in_file(tmp_path, text)) == {}


def test_files_may_hold_several_documents(tmp_path: Path) -> None:
    text = '/**: {ros__parameters: {a: 1}}\n---\n/node: {ros__parameters: {a: 2, b: 3}}\n'
    assert values(in_file(tmp_path, text)) == {'a': 2, 'b': 3}


def test_what_comes_later_wins(tmp_path: Path) -> None:
    file = in_file(
        tmp_path, '/**: {ros__parameters: {a: 1, b: 1}}\n/node: {ros__parameters: {a: 2}}\n'
    )
    assert values(file) == {'a': 2, 'b': 1}
    assert values([*file, '-p', 'a:=3', '-p', 'b:=4', '-p', 'b:=5']) == {'a': 3, 'b': 5}
    assert values(['-p', 'a:=3', *file]) == {'a': 2, 'b': 1}


def test_parameters_of_one_node() -> None:
    arguments = ['-p', 'left:a.x:=1', '-p', 'qos_overrides./image.publisher.depth:=2']
    depth = {'qos_overrides./image.publisher.depth': 2}
    assert values(arguments, 'left') == {'a.x': 1, **depth}
    assert values(arguments, 'right') == depth
    # As in ROS 2, a name without namespace is of the root namespace only.
    assert values(arguments, 'left', '/ns') == depth


def test_log_levels() -> None:
    arguments = ['--log-level', 'DEBUG', '--log-level', 'ns.node:=error']
    expected = {'': LoggingSeverity.DEBUG, 'ns.node': LoggingSeverity.ERROR}
    assert parse(['--ros-args', *arguments]).log_levels == expected


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['-r'], "after '-r'"),
        (['--enclave'], "after '--enclave'"),
        (['-p', 'a=1'], 'name:=value'),
        (['-p', '/ns/node:a:=1'], 'name:=value'),
        (['-p', 'a..b:=1'], 'name:=value'),
        (['-p', 'a:='], 'no value'),
        (['-p', 'a:={b: 1}'], 'scalar or a list'),
        (['-p', 'a:=[1, 2.0]'], 'one type'),
        (['-p', 'a:=[[1]]'], 'bools, numbers or strings'),
        (['-p', 'a:=[1'], "'a:=\\[1'"),
        (['-r', 'image'], 'old:=new'),
        (['-r', '__node:=a/b'], 'letters, digits'),
        (['-r', '__ns:=a'], 'start with a slash'),
        (['--log-level', 'loud'], 'unset, debug, info'),
        (['--params-file', '/no/such.yaml'], 'No such file'),
    ],
)
def test_what_cannot_be_read_is_one_line(arguments: list[str], says: str) -> None:
    with pytest.raises(RCLInvalidROSArgsError, match=says) as caught:
        parse(['--ros-args', *arguments])
    assert isinstance(caught.value, StandaloneError)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('just words', 'name of a node'),
        ('a: 1', "'ros__parameters:' is missing"),
        ('node:\n  a: 1', "'a' in line 2"),
        ('ros__parameters: {a: 1}', 'no node above'),
        ('/**:\n  ros__parameters:\n    a:\n', 'line 3: there is no value'),
        (
            '/**:\n  ros__parameters:\n    a: &x 1\n    b: *x\n',
            'line 4: ROS 2 does not read aliases',
        ),
        ('/**:\n\tros__parameters: {}', 'line 2'),
        ('/**: {ros__parameters: {a: [1, x]}}', 'one type'),
        ('a//b: {ros__parameters: {a: 1}}', "'a//b' above line 1 is no name"),
        ('/2nd: {ros__parameters: {a: 1}}', 'no name of a node'),
    ],
)
def test_bad_files_are_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(RCLInvalidROSArgsError, match=says) as caught:
        parse(['--ros-args', *in_file(tmp_path, text)])
    assert 'parameters.yaml' in str(caught.value) and '\n' not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / 'image.yaml'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(RCLInvalidROSArgsError, match='UTF-8'):
        parse(['--ros-args', '--params-file', str(path)])


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(UnknownROSArgsError, match='--prams-file, x') as caught:
        parse(['--ros-args', '--prams-file', 'x', '-p', 'a:=1'])
    assert isinstance(caught.value, StandaloneError)
