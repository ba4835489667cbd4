# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Launch files, run by the real `launch`; what they start is a script that writes down how."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed')

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = """
import os, sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace
path, *given = sys.argv[1:]
pairs = [tuple(one.split(':=', 1)) for one in given]
included = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path), launch_arguments=pairs
)
around = [PushRosNamespace(os.environ['AROUND'])] if os.environ['AROUND'] else []
service = LaunchService()
service.include_launch_description(LaunchDescription([*around, included]))
sys.exit(service.run())
"""
# What it was called, with which arguments, and what the parameter files said, which launch_ros
# deletes. A node runs until SIGINT or until `finished` is there; a recorder until SIGINT.
STAND_IN = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ['SEEN'])
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
files = [b for a, b in zip(arguments, arguments[1:]) if a == '--params-file']
seen = {'name': name, 'arguments': arguments, 'omp': os.environ.get('OMP_WAIT_POLICY'),
        'files': [pathlib.Path(file).read_text() for file in files], 'time': time.time()}
(folder / f'{os.getpid()}.part').write_text(json.dumps(seen))
(folder / f'{os.getpid()}.part').rename(folder / f'{os.getpid()}.json')
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(1))
waits = name in ('mdepth_node', 'rviz2') or arguments[:1] == ['record']
end = time.monotonic() + 100
while waits and not stop and time.monotonic() < end:
    if name != 'mdepth' and (folder / 'finished').exists():
        break
    time.sleep(0.05)
if arguments[:2] == ['bag', 'play'] and os.environ.get('LAST') == 'bag':
    (folder / 'finished').touch()
"""


class Stage:
    """A prefix as `colcon build` makes it, whose executables are stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.seen = folder / 'seen'
        self.prefix = folder / 'prefix'
        self.output = folder / 'output'
        self.seen.mkdir()
        for package, names in {
            'mdepth_ros': ('mdepth_node', 'mdepth'),
            'rviz2': ('rviz2',),
        }.items():
            marker = self.prefix / 'share/ament_index/resource_index/packages' / package
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
            for name in names:
                self._executable(self.prefix / 'lib' / package / name)
        self._executable(self.prefix / 'bin/ros2')
        for part in ('launch', 'config', 'rviz'):
            shutil.copytree(ROOT / part, self.prefix / 'share/mdepth_ros' / part)

    def _executable(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!{sys.executable}\n{STAND_IN}', 'utf-8')
        path.chmod(0o755)

    def launch(
        self, name: str, *given: str, last: str = '', around: str = ''
    ) -> list[dict[str, Any]]:
        """What was started, in order of time.

        last    the process that ends a launch
        around  namespace that a launch file around it pushes
        """
        if not last:
            (self.seen / 'finished').touch()
        done = self.run(name, *given, last=last, around=around)
        assert done.returncode == 0, done.stdout + done.stderr
        seen = [json.loads(file.read_text('utf-8')) for file in self.seen.glob('*.json')]
        return sorted(seen, key=lambda one: one['time'])

    def run(
        self, name: str, *given: str, last: str = '', around: str = ''
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            'AROUND': around,
            'SEEN': str(self.seen),
            'LAST': last,
            'AMENT_PREFIX_PATH': f'{self.prefix}{os.pathsep}{os.environ["AMENT_PREFIX_PATH"]}',
            'PATH': f'{self.prefix / "bin"}{os.pathsep}{os.environ["PATH"]}',
            'ROS_LOG_DIR': str(self.seen.parent / 'log'),
        }
        environment.pop('OMP_WAIT_POLICY', None)
        path = self.prefix / 'share/mdepth_ros/launch' / name
        return subprocess.run(
            [sys.executable, '-c', LAUNCH, str(path), *given],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def rules(seen: dict[str, Any]) -> set[str]:
    """Remappings of a process."""
    pairs = zip(seen['arguments'], seen['arguments'][1:], strict=False)
    return {after for before, after in pairs if before == '-r'}


def parameters(seen: dict[str, Any]) -> dict[str, Any]:
    """What the files said in the end; each holds one node only."""
    found: dict[str, Any] = {}
    for text in seen['files']:
        (node,) = YAML(typ='safe').load(text).values()
        while 'ros__parameters' not in node:
            (node,) = node.values()
        found.update(node['ros__parameters'])
    return found


def test_without_arguments_the_node_has_the_parameters_of_the_file(stage: Stage) -> None:
    (node,) = stage.launch('mdepth.launch.py')
    assert node['name'] == 'mdepth_node'
    assert '__node:=mdepth' in rules(node)
    with (ROOT / 'config/mdepth.yaml').open(encoding='utf-8') as file:
        wanted = YAML(typ='safe').load(file)['/**']['ros__parameters']
    assert parameters(node) == {**wanted, 'use_sim_time': False}
    assert node['omp'] == 'PASSIVE'


def test_arguments_are_parameters_of_their_type(stage: Stage) -> None:
    given = ['model:=007', 'device:=cpu', 'publish_tf:=false', 'base_frame:=1', 'mask:=8']
    (node,) = stage.launch('mdepth.launch.py', *given)
    found = parameters(node)
    assert found['model'] == '007'
    assert (found['base_frame'], found['mask']) == ('1', '8')
    assert found['publish_tf'] is False
    assert found['max_range'] == 80.0


def test_namespace_and_topics_reach_the_node(stage: Stage) -> None:
    given = ['namespace:=robot1', 'image:=/cam/image_raw', 'camera_info:=/cam/info']
    (node,) = stage.launch('mdepth.launch.py', *given, 'log_level:=debug')
    assert {'__ns:=/robot1', 'image:=/cam/image_raw', 'camera_info:=/cam/info'} <= rules(node)
    # Of the node alone: debug for all buries what it says under what the middleware says.
    log = node['arguments'].index('--log-level')
    assert node['arguments'][log + 1] == 'robot1.mdepth:=debug'


@pytest.mark.parametrize(
    ('around', 'namespace', 'logger'),
    [
        ('', '', 'mdepth'),
        ('/fleet', 'robot1', 'fleet.robot1.mdepth'),
        ('fleet', '/a/b', 'a.b.mdepth'),
    ],
)
def test_the_level_is_that_of_the_node_in_any_namespace(
    stage: Stage, around: str, namespace: str, logger: str
) -> None:
    given = ['log_level:=warn', *([f'namespace:={namespace}'] if namespace else [])]
    (node,) = stage.launch('mdepth.launch.py', *given, around=around)
    log = node['arguments'].index('--log-level')
    assert node['arguments'][log + 1] == f'{logger}:=warn'
    # Where launch really puts it.
    namespaces = [rule for rule in rules(node) if rule.startswith('__ns:=')]
    where = ''.join(namespaces).removeprefix('__ns:=').strip('/').replace('/', '.')
    assert '.'.join(filter(None, [where, 'mdepth'])) == logger


@pytest.mark.parametrize(
    ('given', 'name'),
    [
        ('cameras:=front,1rear', '1rear'),
        ('cameras:=front right', 'front right'),
        ('image:=/cam-1/image', '/cam-1/image'),
        ('camera_info:=/cam//info', '/cam//info'),
        ('speed:=/wheels/', '/wheels/'),
        ('namespace:=7of9', '7of9'),
    ],
)
def test_what_is_no_name_is_said(stage: Stage, given: str, name: str) -> None:
    done = stage.run('mdepth.launch.py', given)
    assert done.returncode != 0
    assert f'{given}: {name} is no name in ROS' in done.stdout + done.stderr
    assert not list(stage.seen.glob('*.json'))


def test_a_scale_that_looks_like_a_number_is_taken(stage: Stage) -> None:
    (node,) = stage.launch('mdepth.launch.py', 'scale:=3.9', 'camera_height:=1')
    found = parameters(node)
    assert (found['scale'], found['camera_height']) == ('3.9', '1')  # words are allowed there too


def test_rviz_looks_into_the_namespace(stage: Stage) -> None:
    given = ['rviz:=true', 'namespace:=robot1', 'image:=/cam/image_raw', 'use_sim_time:=true']
    node, rviz = sorted(stage.launch('mdepth.launch.py', *given), key=lambda one: one['name'])
    assert rviz['name'] == 'rviz2'
    assert {'__ns:=/robot1', 'image:=/cam/image_raw'} <= rules(rviz)
    view = rviz['arguments'][rviz['arguments'].index('-d') + 1]
    assert view == str(stage.prefix / 'share/mdepth_ros/rviz/mdepth.rviz')
    assert parameters(node)['use_sim_time'] is True
    assert parameters(rviz)['use_sim_time'] is True


def test_a_bag_begins_when_the_model_is_there_and_its_clock_is_the_time(stage: Stage) -> None:
    bag = stage.prefix / 'drive.mcap'
    bag.touch()
    given = [f'bag:={bag}', 'bag_rate:=0.5', 'namespace:=/robot1', 'rviz:=true']
    seen = stage.launch('mdepth.launch.py', *given, last='bag')
    play = ['bag', 'play', '--clock', '200', '--rate', '0.5', '--delay', '2']
    qos = str(stage.prefix / 'share/mdepth_ros/config/play_qos.yaml')
    assert seen[-1]['arguments'] == [*play, '--qos-profile-overrides-path', qos, str(bag)]
    (ready,) = [one for one in seen if one['arguments'][:2] == ['topic', 'echo']]
    assert '/robot1/mdepth/model' in ready['arguments']
    assert 'transient_local' in ready['arguments']
    nodes = [one for one in seen if one['files']]
    assert {one['name'] for one in nodes} == {'mdepth_node', 'rviz2'}
    assert all(parameters(one)['use_sim_time'] is True for one in nodes)


@pytest.mark.parametrize('name', ['bag', 'params_file'])
def test_a_file_that_is_not_there_is_named(stage: Stage, name: str) -> None:
    done = stage.run('mdepth.launch.py', f'{name}:=/no/such/file')
    assert done.returncode != 0
    assert f'{name}:=/no/such/file: there is no such file' in done.stdout + done.stderr
    assert not list(stage.seen.glob('*.json'))


@pytest.mark.parametrize(
    ('given', 'use'),
    [
        ('camera_height:=tall', 'auto or a number above 0'),
        ('bag_rate:=fast', 'a number above 0'),
        ('bag_rate:=0', 'a number above 0'),
    ],
)
def test_what_is_no_number_is_named(stage: Stage, given: str, use: str) -> None:
    done = stage.run('mdepth.launch.py', given)
    assert done.returncode != 0
    assert f'{given}: use {use}' in done.stdout + done.stderr
    assert not list(stage.seen.glob('*.json'))


def test_several_cameras_are_one_process(stage: Stage) -> None:
    given = ['cameras:=front, rear', 'image:=image_raw', 'rviz:=true']
    node, rviz = sorted(stage.launch('multi_camera.launch.py', *given), key=lambda o: o['name'])
    assert parameters(node)['cameras'] == ['front', 'rear']
    assert {'front/image:=front/image_raw', 'rear/image:=rear/image_raw'} <= rules(node)
    assert {'__ns:=/front', 'image:=image_raw'} <= rules(rviz)


def test_an_evaluation_records_plays_and_reports(stage: Stage) -> None:
    bag = stage.prefix / 'drive.mcap'
    bag.touch()
    given = ['image:=/cam/image_raw', f'bag:={bag}', f'output:={stage.output}']
    seen = stage.launch('evaluate.launch.py', *given, last='evaluation')
    steps = [' '.join([one['name'], *one['arguments'][:1]]) for one in seen]
    assert steps.index('ros2 bag') < steps.index('mdepth evaluate') == len(steps) - 1
    (node,) = [one for one in seen if one['name'] == 'mdepth_node']
    assert '__ns:=/live' in rules(node)
    assert parameters(node)['publish_tf'] is False
    assert parameters(node)['use_sim_time'] is True
    (record,) = [one['arguments'] for one in seen if one['arguments'][:1] == ['record']]
    assert record[record.index('-o') + 1] == str(stage.output / 'bag')
    assert '/live/depth/image_rect' in record[record.index('--topics') + 1].split(',')
    assert seen[-1]['arguments'] == ['evaluate', str(stage.output)]
    # `mdepth evaluate` finds the truth by what the run read.
    assert json.loads((stage.output / 'run.json').read_text('utf-8'))['source'] == str(bag)


def test_an_evaluation_overwrites_nothing(stage: Stage) -> None:
    stage.output.mkdir()
    (stage.output / 'bag').mkdir()
    given = ['image:=/cam/image_raw', 'bag:=x', f'output:={stage.output}']
    done = stage.run('evaluate.launch.py', *given)
    assert done.returncode != 0
    assert 'name another directory' in done.stdout + done.stderr


def test_an_evaluation_that_recorded_nothing_is_begun_again(stage: Stage) -> None:
    """As where the node refused the mask: the same command with another mask just works."""
    stage.output.mkdir()
    (stage.output / 'run.json').write_text('{}', 'utf-8')
    bag = stage.prefix / 'drive.mcap'
    bag.touch()
    given = ['image:=/cam/image_raw', f'bag:={bag}', f'output:={stage.output}']
    seen = stage.launch('evaluate.launch.py', *given, last='evaluation')
    assert seen[-1]['arguments'] == ['evaluate', str(stage.output)]
    assert json.loads((stage.output / 'run.json').read_text('utf-8'))['source'] == str(bag)
