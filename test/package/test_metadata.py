# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the package says of itself, to rosdep, colcon, pip and people (conventions 21 and 25)."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import mdepth_ros

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ElementTree.parse(ROOT / 'package.xml').getroot()
# Python packages of ROS 2 that have another name as a package.
PACKAGE_OF = {'tf2_ros': 'tf2_ros_py'}
# pip's name -> rosdep's key, of what apt brings to a vehicle.
APT = {
    'matplotlib': 'python3-matplotlib',
    'numpy': 'python3-numpy',
    'opencv-python-headless': 'python3-opencv',
}
# What setup.py hands to setuptools, before a version of that makes something else of it.
SETUP = """
import json, runpy, setuptools
setuptools.setup = lambda cmdclass, **given: print(json.dumps(given))
runpy.run_path('setup.py')
"""


@pytest.fixture(scope='module')
def setup() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SETUP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def depends(*kinds: str) -> set[str]:
    return {element.text or '' for kind in kinds for element in PACKAGE.iter(kind)}


def text_of(tag: str) -> str:
    return PACKAGE.findtext(tag, '').strip()


def requirement(line: str) -> tuple[str, set[str]]:
    """Name of a distribution and the conditions that the rest of the line makes."""
    match = re.match(r'[\w.-]+', line)
    assert match, line
    rest = line[match.end() :].replace(' ', '').replace('"', "'")
    return match[0].lower(), set(re.split('[,;]', rest))


def test_package_xml_is_an_ament_python_package_of_format_3() -> None:
    assert PACKAGE.get('format') == '3'
    assert PACKAGE.findtext('export/build_type') == 'ament_python'
    # rosdep knows no key ament_python.
    assert 'ament_python' not in depends('buildtool_depend', 'build_depend', 'depend')


def test_name_and_version_are_the_same_everywhere(setup: dict[str, Any]) -> None:
    assert setup['name'] == text_of('name') == 'mdepth_ros'
    assert setup['version'] == text_of('version') == mdepth_ros.__version__


def test_the_licence_is_an_spdx_name_and_that_of_the_file(setup: dict[str, Any]) -> None:
    assert setup['license'] == text_of('license') == 'Apache-2.0'
    licence = (ROOT / 'LICENSE').read_text('utf-8')
    assert 'Apache License' in licence
    assert 'Version 2.0, January 2004' in licence


def test_every_ros_package_that_is_imported_is_a_dependency() -> None:
    from ros2_standalone import MODULES

    ours = {name.partition('.')[0] for name in MODULES} | {'launch', 'launch_ros'}
    imported = set()
    for folder in ('mdepth_ros', 'launch'):
        for file in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(file.read_text('utf-8'))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition('.')[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported.add(node.module.partition('.')[0])
    wanted = {PACKAGE_OF.get(name, name) for name in imported & ours}
    assert wanted <= depends('exec_depend', 'depend')
    assert 'rclpy' in wanted


def test_images_and_clouds_are_made_with_the_libraries_of_ros() -> None:
    assert {'cv_bridge', 'sensor_msgs_py'} <= depends('exec_depend')


def test_torch_is_asked_of_apt_only_on_request() -> None:
    (torch,) = [e for e in PACKAGE.iter('exec_depend') if 'torch' in (e.text or '')]
    assert torch.get('condition')


def test_a_vehicle_gets_every_requirement_from_apt_or_from_pip(setup: dict[str, Any]) -> None:
    lines = (ROOT / 'requirements-ros.txt').read_text('utf-8').splitlines()
    pip = dict(requirement(line) for line in lines if line and not line.startswith('#'))
    asked = dict(requirement(line) for line in setup['install_requires'])
    assert {APT[name] for name in asked.keys() - pip.keys()} <= depends('exec_depend')
    assert pip == {name: asked[name] for name in pip}


@pytest.mark.parametrize(
    ('folder', 'pattern'),
    [
        ('launch', '*.launch.py'),
        ('config', '*.yaml'),
        ('rviz', '*.rviz'),
        ('models', '*.safetensors'),
    ],
)
def test_folders_are_installed(setup: dict[str, Any], folder: str, pattern: str) -> None:
    installed = dict(setup['data_files'])[f'share/mdepth_ros/{folder}']
    wanted = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(f'{folder}/{pattern}'))
    assert wanted
    assert sorted(installed) == wanted


def test_the_marker_and_package_xml_are_installed(setup: dict[str, Any]) -> None:
    installed = dict(setup['data_files'])
    index = 'share/ament_index/resource_index/packages'
    assert installed[index] == ['resource/mdepth_ros']
    assert (ROOT / 'resource/mdepth_ros').is_file()
    assert installed['share/mdepth_ros'] == ['package.xml']


def test_every_python_package_is_installed(setup: dict[str, Any]) -> None:
    found = {
        '.'.join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / 'mdepth_ros').rglob('__init__.py')
    }
    assert set(setup['packages']) == found


def test_executables_are_where_ros2_run_looks_and_take_the_python_of_the_shell() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    assert config['develop']['script_dir'] == '$base/lib/mdepth_ros'
    assert config['install']['install_scripts'] == '$base/lib/mdepth_ros'
    assert config['build_scripts']['executable'] == '/usr/bin/env python3'


def test_every_executable_has_a_main(setup: dict[str, Any]) -> None:
    names = set()
    for line in setup['entry_points']['console_scripts']:
        name, _, target = line.partition(' = ')
        module, _, function = target.partition(':')
        source = (ROOT / module.replace('.', '/')).with_suffix('.py').read_text('utf-8')
        assert any(
            isinstance(node, ast.FunctionDef) and node.name == function
            for node in ast.parse(source).body
        )
        names.add(name)
    assert names == {'mdepth', 'mdepth_node', 'point_cloud_node', 'depth_odometry_node'}


def test_the_changelog_is_one_that_catkin_pkg_reads() -> None:
    lines = (ROOT / 'CHANGELOG.rst').read_text('utf-8').splitlines()
    title = 'Changelog for package mdepth_ros'
    assert lines[1] == title
    assert lines[0] == lines[2] == '^' * len(lines[0])
    assert len(lines[0]) >= len(title)
    heads = [line for line, under in pairwise(lines) if re.fullmatch('-{3,}', under)]
    assert heads
    for head in heads:
        assert re.fullmatch(r'Forthcoming|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)', head), head
    for line in lines[lines.index(heads[0]) + 2 :]:
        assert re.match(r'\* |  |$|-{3}|Forthcoming|\d', line), line


def test_the_quality_declaration_claims_a_level_of_rep_2004() -> None:
    text = (ROOT / 'QUALITY_DECLARATION.md').read_text('utf-8')
    assert 'quality level 4' in text
    for name in re.findall(r'\]\(([^)#]+)\)', text):
        assert name.startswith('https://') or (ROOT / name).exists(), name


def test_every_test_file_has_a_name_of_its_own() -> None:
    """launch_testing, which a shell with ROS 2 loads into pytest, imports tests by that name."""
    folders = ('test', 'training/test', 'standalone/test')
    tests = [path for folder in folders for path in (ROOT / folder).rglob('test_*.py')]
    names = Counter(path.name for path in tests)
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1] == []
