# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The description of the parameters, and what a running node makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import live
import pytest
from ruamel.yaml import YAML

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import settings
from mdepth_ros.ros.node import BaseNode
from mdepth_ros.ros.parameter import Parameter, help_text, markdown_table, yaml_file
from mdepth_ros.ros.parameters import MDEPTH, NODES, POINT_CLOUD
from mdepth_ros.ros.settings import Settings, unknown_keys

# isort: split
from rcl_interfaces.srv import DescribeParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter as RosParameter

ALL = [one for described in NODES.values() for one in described]


def test_every_parameter_says_what_it_is_and_may_be() -> None:
    for described in NODES.values():
        names = [one.name for one in described]
        assert len(set(names)) == len(names)
    for one in ALL:
        assert one.text.endswith('.') and '|' not in one.text
        assert one.reason_against(one.value) == ''
        if isinstance(one.default, (int, float)) and not isinstance(one.default, bool):
            assert one.low is not None and one.high is not None
        if isinstance(one.default, (str, tuple)):
            assert bool(one.choices) != bool(one.pattern)
            assert all(new in one.choices for new in one.old_values.values())
            assert not one.pattern or one.constraints


@pytest.mark.parametrize(
    ('name', 'good', 'bad'),
    [
        ('device', ['auto', 'cpu', 'cuda', 'cuda:1'], ['gpu', 'cuda:', 'CPU', '']),
        (
            'scale',
            ['model', 'none', 'height', 'height+speed', '2', '0.5', '1e-3', '.5'],
            ['speed+', '0', '0.0', '-1', 'nan', '2 m', '1e-400'],
        ),
        ('threads', ['auto', '1', '8'], ['0', '2.5', 'all', '257', '']),
        ('camera_height', ['auto', '1', '1.65'], ['0', '0.05', '11', 'nan', 'low']),
        ('base_frame', ['base_link', 'robot1/base_link'], ['/base_link', '', 'base link']),
        ('depth_encoding', ['32FC1', '16UC1'], ['32fc1', 'mono16']),
        ('cloud_stride', [1, 64], [0, 65]),
        ('cloud_max_step', [0.0, 0.4], [-0.1, float('nan')]),
        ('min_confidence', [0.0, 0.5, 1.0], [-0.1, 1.1]),
        ('max_range', [0.1, 1000.0], [0.0, -1.0, float('inf'), float('nan')]),
        ('cameras', [[''], ['front', 'a/b']], [['/front'], ['front', '2nd'], ['a b']]),
    ],
)
def test_what_fits_and_what_does_not(name: str, good: list[Any], bad: list[Any]) -> None:
    one = next(one for one in MDEPTH if one.name == name)
    assert [one.reason_against(value) for value in good] == [''] * len(good)
    for value in bad:
        reason = one.reason_against(value)
        assert reason.startswith(f'{name} is {value!r}: use ') and one.allowed in reason


def test_the_config_file_holds_the_defaults() -> None:
    loaded = YAML(typ='safe').load(yaml_file(MDEPTH))
    assert loaded == {'/**': {'ros__parameters': {one.name: one.value for one in MDEPTH}}}


def test_the_table_and_the_help_name_every_parameter() -> None:
    rows = markdown_table(MDEPTH).splitlines()[2:]
    assert [row.split('|')[1].strip() for row in rows] == [f'`{p.name}`' for p in MDEPTH]
    assert all(len(row.split('|')) == 7 for row in rows)
    lines = help_text(POINT_CLOUD).splitlines()
    assert [line.split(':=')[0] for line in lines[::2]] == [one.name for one in POINT_CLOUD]


def test_the_module_prints_them() -> None:
    command = [sys.executable, '-m', 'mdepth_ros.ros.parameters']
    printed = subprocess.run([*command, 'yaml'], capture_output=True, text=True, check=True)
    assert printed.stdout == yaml_file(MDEPTH)
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and 'markdown|yaml|help' in refused.stderr


class Sample(BaseNode):
    """A node that has the parameters and nothing else."""

    def __init__(self, **options: Any) -> None:
        super().__init__('sample', **options)
        self.changes: list[Any] = []
        self.settings = Settings(self, MDEPTH, self.changes.append)


def change(running: live.Live, **values: Any) -> list[tuple[bool, str]]:
    """Set parameters by the node's service; (successful, reason) of each."""
    messages = [RosParameter(name, value=v).to_parameter_msg() for name, v in values.items()]
    request = SetParameters.Request(parameters=messages)
    answer = running.call(SetParameters, '/sample/set_parameters', request)
    return [(result.successful, result.reason) for result in answer.results]


def test_descriptions_and_ranges_are_seen_from_outside() -> None:
    with live.live(Sample) as running:
        request = DescribeParameters.Request(names=[one.name for one in MDEPTH])
        found = running.call(DescribeParameters, '/sample/describe_parameters', request)
        for one, descriptor in zip(MDEPTH, found.descriptors, strict=True):
            assert descriptor.description == one.text
            assert descriptor.read_only is not one.dynamic
            ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
            assert [(r.from_value, r.to_value) for r in ranges] == (
                [(one.low, one.high)] if one.kind in ('integer', 'double') else []
            )


def test_a_set_takes_effect_or_is_refused_with_the_reason() -> None:
    with live.live(Sample) as running:
        settings = running.node.settings
        assert change(running, max_range=50.0, publish_tf=False) == [(True, '')] * 2
        assert settings.values['max_range'] == 50.0 and settings.values['publish_tf'] is False
        before = settings.values
        for name, value, words in (
            ('device', 'cpu', 'read-only'),
            ('depth_encoding', 'mono8', 'use 32FC1, 16UC1'),
            ('scale', 'big', 'model, none, height, speed'),
            ('cloud_stride', 65, ''),
            ('max_range', 5000, ''),  # by its range
            ('max_range', 'far', 'rong parameter type'),
            ('max_range', True, 'rong parameter type'),
            ('cloud_stride', 2.5, 'rong parameter type'),
            ('publish_tf', 1, 'rong parameter type'),
            ('scale', False, "scale is 'false': use model, none"),
            ('scale', -1.0, "scale is '-1.0': use model, none"),
            ('scale', '1e-400', '0.0001 to 10000'),
            ('scale', None, ''),
            ('camera_height', 0.05, 'auto, 0.1 to 10'),
            ('cloud_min_range', 1000.0, 'cloud_min_range 1000 is not below cloud_max_range 1000'),
        ):
            ((successful, reason),) = change(running, **{name: value})
            assert not successful and reason and words in reason, name
        assert settings.values is before
        # What is refused one after the other can be right together.
        both = [
            RosParameter(name, value=value).to_parameter_msg()
            for name, value in (('cloud_max_range', 3.0), ('cloud_min_range', 2.0))
        ]
        running.call(
            SetParametersAtomically,
            '/sample/set_parameters_atomically',
            SetParametersAtomically.Request(parameters=both),
        )
        assert (settings.values['cloud_min_range'], settings.values['cloud_max_range']) == (2, 3)
        assert running.node.changes[-1] is settings.values


NEAR = [
    ('scale', 3.9, '3.9'),
    ('scale', 4, '4'),
    ('scale', '3.9', '3.9'),
    ('max_range', 60, 60.0),
    ('camera_height', 1, 1.0),
    ('camera_height', 'auto', None),
    ('cloud_stride', 2.0, 2),
]


def test_a_number_that_yaml_takes_for_a_text_can_be_set() -> None:
    """`ros2 param set /mdepth max_range 1e2`; in files and `-p` ROS 2 itself reads it so."""
    with live.live(Sample) as running:
        if not hasattr(running.node, 'add_pre_set_parameters_callback'):
            pytest.skip('Humble converts nothing')
        assert change(running, max_range='1e2', cloud_stride='2') == [(True, '')] * 2
        values = running.node.settings.values
        assert (values['max_range'], values['cloud_stride']) == (100.0, 2)
        for text in ('far', 'nan', 'inf', '1e9'):
            assert not change(running, max_range=text)[0][0]
        assert running.node.settings.values['max_range'] == 100.0


@pytest.mark.parametrize(('name', 'given', 'taken'), NEAR)
def test_a_value_of_a_type_that_is_near_is_taken(name: str, given: Any, taken: Any) -> None:
    """YAML and `ros2 param set` choose the type by the looks of a value."""
    with live.live(Sample, **{name: given}) as running:
        found = running.node.settings.values[name]
        assert found == taken and type(found) is type(taken)
    with live.live(Sample) as running:
        assert change(running, **{name: given}) == [(True, '')]
        found = running.node.settings.values[name]
        assert found == taken and type(found) is type(taken)
        value = running.node.get_parameter(name).value
        assert value == (str(given) if name == 'camera_height' else taken)


OLD_FILE = {'images_are': 'rectified', 'threads': 0, 'camera_height': 0.0, 'frame_interval': 0}


def test_names_and_values_of_the_version_before_work_with_one_warning(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with live.live(Sample, **OLD_FILE) as running:
        values = running.node.settings.values
        assert values['rectification'] == 'rectified'
        assert [values[name] for name in ('threads', 'camera_height', 'frame_interval')] == (
            [None] * 3
        )
        assert running.node.get_parameter('threads').value == 'auto'
        assert unknown_keys(running.node, MDEPTH) == []
    (line,) = [line for line in capfd.readouterr().err.splitlines() if 'WARN' in line]
    assert line.endswith(
        'threads: 0 (now auto), images_are (now rectification), camera_height: 0.0 (now auto), '
        'frame_interval: 0 (now auto)'
    )


def test_a_value_of_the_version_before_can_be_set(capfd: pytest.CaptureFixture[str]) -> None:
    with live.live(Sample, camera_height=1.5) as running:
        if not hasattr(running.node, 'add_pre_set_parameters_callback'):
            pytest.skip('Humble converts nothing')
        assert change(running, camera_height=0.0) == [(True, '')]
        assert running.node.settings.values['camera_height'] is None
        assert running.node.get_parameter('camera_height').value == 'auto'
    assert capfd.readouterr().err.count('camera_height: 0.0 (now auto)') == 1


def test_a_distribution_that_converts_nothing_takes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Humble has no callback before the type of a value is checked."""
    monkeypatch.setattr(settings, '_converts', lambda node: False)
    with live.live(Sample) as running:
        assert change(running, scale=3.9, max_range=60, cloud_stride=2.0) == [(True, '')] * 3
        values = running.node.settings.values
        assert [values[n] for n in ('scale', 'max_range', 'cloud_stride')] == ['3.9', 60.0, 2]
        for name, value, words in (
            ('max_range', 'far', "max_range is 'far' (a text): use 0.1 to 1000 (double"),
            ('max_range', True, 'max_range is true (a bool)'),
            ('max_range', 5000, 'max_range is 5000.0: use 0.1 to 1000'),
            ('cloud_stride', 2.5, 'cloud_stride is 2.5: use 1 to 64 (integer'),
            ('publish_tf', 1, 'publish_tf is 1: use true or false (bool'),
            ('scale', False, 'scale is false (a bool): use model, none'),
            ('scale', None, 'scale is None: use'),
        ):
            ((successful, reason),) = change(running, **{name: value})
            assert not successful and words in reason, reason
        assert running.node.settings.values is values


def test_the_same_values_in_a_file_and_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / 'params.yaml'
    file.write_text('/**:\n  ros__parameters:\n    scale: 3.9\n    max_range: 60\n', 'utf-8')
    with live.live(Sample, ['--params-file', str(file), '-p', 'camera_height:=1']) as running:
        values = running.node.settings.values
        assert [values[n] for n in ('scale', 'max_range', 'camera_height')] == ['3.9', 60.0, 1.0]


@pytest.mark.parametrize(
    ('values', 'line'),
    [
        ({'device': 'gpu'}, "device is 'gpu': use auto, cpu, cuda, cuda:N"),
        ({'device': 0}, "device is '0': use auto, cpu, cuda, cuda:N"),
        ({'precision': 16}, "precision is '16': use auto, fp32"),
        ({'scale': False}, 'scale is false (a bool): use model, none'),
        (
            {'max_range': '60'},
            "max_range is '60' (a text): use 0.1 to 1000 (double without",
        ),
        ({'max_range': True}, 'max_range is true (a bool): use 0.1 to 1000 (double'),
        ({'cloud_stride': 2.5}, 'cloud_stride is 2.5: use 1 to 64 (integer'),
        ({'cameras': 'front'}, "cameras is 'front' (a text): use relative namespaces, such as ["),
        ({'publish_tf': 'yes'}, "publish_tf is 'yes' (a text): use true or false (bool without"),
        ({'cloud_min_range': 9.0, 'cloud_max_range': 8.0}, 'no point is between'),
    ],
)
def test_start_values_that_cannot_be(values: dict[str, Any], line: str) -> None:
    with pytest.raises(MdepthError) as caught, live.live(Sample, **values):
        pass
    assert line in str(caught.value)


def test_a_key_that_nobody_knows_is_named_with_what_was_meant() -> None:
    given = {
        'max_rnage': 3.0,
        'colour': 'red',
        'max_range': 3.0,
        'qos_overrides./image.subscription.depth': 2,
        'qos_overrides./imgae.subscription.depth': 2,
        'qos_overrides./image.publisher.depth': 2,
        'qos_overrides./image.subscription.durability': 'volatile',
    }
    with live.live(Sample, **given) as running:
        lines = unknown_keys(running.node, MDEPTH, ['/image', '/odom'])
    assert lines == [
        "unknown parameter 'max_rnage' is not used: did you mean 'max_range'?",
        "unknown parameter 'colour' is not used: see the table of parameters",
        "unknown parameter 'qos_overrides./imgae.subscription.depth' is not used: did you mean "
        "'qos_overrides./image.subscription.depth'?",
        "unknown parameter 'qos_overrides./image.publisher.depth' is not used: did you mean "
        "'qos_overrides./image.subscription.depth'?",
        "unknown parameter 'qos_overrides./image.subscription.durability' is not used: did you "
        "mean 'qos_overrides./image.subscription.reliability'?",
    ]


def test_kinds() -> None:
    kinds = [Parameter('p', value, 'Text.').kind for value in (True, 1, 1.0, 'a', ('a',))]
    assert kinds == ['bool', 'integer', 'double', 'string', 'string array']
