# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Launch files, read (conventions 17 and 18); test_launch_run.py runs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdepth_ros.ros.parameters import MDEPTH

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
MAIN = ROOT / 'launch/mdepth.launch.py'


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text('utf-8'))


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def arguments(path: Path) -> dict[str, dict[str, Any]]:
    """Name -> keywords of every argument that a file declares; what is no literal is None."""
    declared = {}
    for call in calls(path, 'DeclareLaunchArgument'):
        keywords = {}
        for keyword in call.keywords:
            try:
                keywords[str(keyword.arg)] = ast.literal_eval(keyword.value)
            except ValueError:
                keywords[str(keyword.arg)] = None
        declared[ast.literal_eval(call.args[0])] = keywords
    return declared


def constant(path: Path, name: str) -> ast.expr:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    raise AssertionError(f'{path.name} has no {name}')


def test_there_are_three() -> None:
    assert [path.name for path in FILES] == [
        'evaluate.launch.py',
        'mdepth.launch.py',
        'multi_camera.launch.py',
    ]


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_argument_has_a_description(path: Path) -> None:
    declared = arguments(path)
    assert declared
    for name, keywords in declared.items():
        assert keywords.get('description'), name


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_argument_that_is_used_is_declared(path: Path) -> None:
    declared = {**arguments(MAIN), **arguments(path)}
    used = {
        ast.literal_eval(call.args[0])
        for call in calls(path, 'LaunchConfiguration')
        if isinstance(call.args[0], ast.Constant)
    }
    used |= set(re.findall(r"given\['(\w+)'\]", path.read_text('utf-8')))
    assert used <= declared.keys()


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_a_switch_is_true_or_false(path: Path) -> None:
    for name, keywords in arguments(path).items():
        if keywords.get('default_value') in ('true', 'false'):
            choices = next(
                keyword.value
                for call in calls(path, 'DeclareLaunchArgument')
                if ast.literal_eval(call.args[0]) == name
                for keyword in call.keywords
                if keyword.arg == 'choices'
            )
            assert ast.unparse(choices) == 'YES_NO', name


def test_time_is_that_of_the_system_by_default() -> None:
    assert arguments(MAIN)['use_sim_time']['default_value'] == 'false'
    assert arguments(MAIN)['rviz']['default_value'] == 'false'


def test_parameters_that_are_arguments_have_the_type_of_the_description() -> None:
    types = {one.name: type(one.default).__name__ for one in MDEPTH}
    given = constant(MAIN, 'PARAMETERS')
    assert isinstance(given, ast.Dict)
    for key, kind in zip(given.keys, given.values, strict=True):
        assert key is not None
        name = ast.literal_eval(key)
        assert types[name] == ast.unparse(kind), name
        # Left empty it stays with the parameter file.
        assert arguments(MAIN)[name]['default_value'] == ''


def test_choices_of_an_argument_are_those_of_the_parameter() -> None:
    (transport,) = [one for one in MDEPTH if one.name == 'image_transport']
    assert arguments(MAIN)['image_transport']['choices'] == ['', *transport.choices]


def test_a_bag_is_played_with_a_clock_of_200_hz() -> None:
    (commands,) = [
        [part.value for part in node.elts if isinstance(part, ast.Constant)]
        for node in ast.walk(tree(MAIN))
        if isinstance(node, ast.List) and "'play'" in ast.unparse(node)
    ]
    assert commands[:5] == ['ros2', 'bag', 'play', '--clock', '200']


def test_the_table_of_arguments_in_the_docs() -> None:
    text = (ROOT / 'docs/vehicle.md').read_text('utf-8')
    rows = []
    for name, keywords in arguments(MAIN).items():
        default = keywords['default_value']
        if default is None:
            default = 'config/mdepth.yaml'
        shown = f'`{default}`' if default else ''
        rows.append(f'| `{name}` | {shown} | {keywords["description"]} |')
    assert '\n'.join(['|---|---|---|', *rows, '']) in text
