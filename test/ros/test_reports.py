# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes to /diagnostics, and that it goes there whatever the clock does."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import live
import pytest
import torch

from mdepth_ros.core.types import Scale
from mdepth_ros.ros import reports
from mdepth_ros.ros.diagnostics import Diagnostics
from mdepth_ros.ros.no_output import Cause
from mdepth_ros.ros.qos import Incompatible
from mdepth_ros.ros.reports import ERROR, OK, WARN, Report
from mdepth_ros.ros.statistics import Snapshot, Spread

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

GOOD = Snapshot(
    input_rate=10.0,
    input_age=Spread(0.005, 0.01, 0.02),
    since_input=0.05,
    output_rate=10.0,
    latency=Spread(0.04, 0.06, 0.07),
    since_output=0.06,
    received=100,
    processed=100,
    interval=0.1,
    status='tracking',
    scale=Scale(4.0, 0.0, 'fixed'),
    stages={'step': Spread(0.03, 0.05, 0.06)},
)
NONE, OFF = Cause(), Cause('disabled', expected=True)
BAD = Cause('nobody publishes /image')


def changed(**values: Any) -> Snapshot:
    return Snapshot(**{**GOOD.__dict__, **values})


def test_input() -> None:
    report = reports.input_report(GOOD, NONE, '/image', 'Image')
    assert dict(report.values)['assumed'] == 'nothing'
    guess = reports.input_report(GOOD, NONE, '/image', 'Image', 'it is taken for rectified')
    assert dict(guess.values)['assumed'] == 'it is taken for rectified' and guess.level == 0
    assert dict(report.values)['mask'] == 'none'
    masked = reports.input_report(GOOD, NONE, '/image', 'Image', mask='bonnet.png')
    assert dict(masked.values)['mask'] == 'bonnet.png'
    values = dict(report.values)
    assert (report.level, report.message) == (OK, '10.0 Hz')
    assert values['age at arrival, median [ms]'] == '5.0' and values['topic'] == '/image'
    silent = reports.input_report(GOOD, BAD, '/image', 'Image')
    assert (silent.level, silent.message) == (ERROR, 'nobody publishes /image')
    late = reports.input_report(changed(input_age=Spread(2.0, 2, 2)), NONE, '/image', 'Image')
    assert late.level == WARN and '2.0 s old' in late.message
    other = reports.input_report(changed(input_age=Spread(1e9, 1e9, 1e9)), NONE, '/image', 'Image')
    assert other.level == WARN and 'use_sim_time' in other.message
    assert dict(other.values)['age at arrival, median [ms]'] == 'unknown'
    never = reports.input_report(changed(since_input=None), NONE, '/image', 'Image')
    assert (never.level, never.message) == (WARN, 'no image so far')
    assert dict(never.values)['since the last image [s]'] == 'never'


def test_output() -> None:
    report = reports.output_report(GOOD, NONE)
    values = dict(report.values)
    assert (report.level, report.message) == (OK, '10.0 Hz, 40 ms after the image')
    assert values['latency [ms]'] == 'median 40.0, p99 60.0'
    assert values['step [ms]'] == 'median 30.0, p99 50.0'
    slow = reports.output_report(changed(output_rate=4.0), NONE)
    assert slow.level == WARN and 'slower than the camera' in slow.message
    assert reports.output_report(GOOD, BAD).level == ERROR
    assert reports.output_report(changed(since_output=None), NONE).level == WARN


def test_odometry() -> None:
    frames = ('base_link', 'camera')
    report = reports.odometry_report(GOOD, NONE, '', 'broadcast', frames, 0.1)
    values = dict(report.values)
    assert (report.level, report.message) == (OK, 'tracking')
    assert values['TF'] == 'broadcast'
    assert values['pair interval [s]'] == values['pair interval of training [s]'] == '0.100'
    problem = 'no base_link to camera'
    missing = reports.odometry_report(GOOD, NONE, problem, 'broadcast', frames, 0.1)
    assert (missing.level, missing.message) == (ERROR, 'no base_link to camera')
    assert dict(missing.values)['TF'] == 'withheld'
    held = changed(status='held', reason='gap of 1.20 s', held={'gap': 3})
    report = reports.odometry_report(held, NONE, '', 'off', frames, 0.1)
    assert (report.level, report.message) == (WARN, 'held: gap of 1.20 s')
    assert dict(report.values)['held'] == 'gap: 3'
    for status, level in (('standing', OK), ('degraded', WARN), ('lost', ERROR)):
        state = changed(status=status, reason='why')
        report = reports.odometry_report(state, NONE, '', '', frames, 0.1)
        assert report.level == level and report.message.startswith(status)


def test_what_is_switched_off_is_no_fault_and_its_last_status_is_none() -> None:
    frames = ('base_link', 'camera')
    for report in (
        reports.input_report(GOOD, OFF, '/image', 'Image'),
        reports.output_report(GOOD, OFF),
        reports.odometry_report(GOOD, OFF, 'no base_link to camera', 'broadcast', frames, 0.1),
    ):
        assert (report.level, report.message) == (OK, 'disabled')
    silent = reports.odometry_report(GOOD, BAD, '', 'broadcast', frames, 0.1)
    assert silent.level == WARN and 'nobody publishes' in silent.message
    assert dict(silent.values)['status'] == ''


def test_scale() -> None:
    report = reports.scale_report({'': Scale(4.0, 0.0, 'fixed')}, '', 0, {})
    assert (report.level, report.message) == (OK, 'fixed, 4 m per unit')
    unscaled = reports.scale_report({'': Scale(1.0, 0.0, 'none')}, '', 0, {})
    assert unscaled.level == WARN and 'not in metres' in unscaled.message
    good = Scale(4.0, 0.1, 'good', ('height', 'speed'), 0.12)
    report = reports.scale_report(
        {'front': good}, '/speed', 3, {'front': (1.65, 'TF from base_footprint')}
    )
    values = dict(report.values)
    assert (report.level, report.message) == (OK, 'front: good, 4 m per unit')
    assert values['front: measured from'] == 'height, speed'
    assert values['front: spread [%]'] == '2.5' and values['speed'] == '/speed, 3 so far'
    assert values['front: delay of the speed [s]'] == '0.12'
    assert values['front: camera height'] == '1.65 m, TF from base_footprint'
    lost = replace(good, state='degraded', sources=())
    report = reports.scale_report(
        {'front': good, 'rear': lost}, '/speed', 3, {'rear': (None, 'no height')}
    )
    assert report.level == WARN and 'rear: degraded' in report.message
    assert 'rear: no height' in report.message
    assert dict(report.values)['rear: measured from'] == 'nothing lately'
    report = reports.scale_report({}, '/speed', 0, {}, no_speed='no speed comes on /speed')
    assert (report.level, report.message) == (WARN, 'no speed comes on /speed')


def test_topics_name_topic_and_policy() -> None:
    assert reports.topics_report([]).level == OK
    report = reports.topics_report([Incompatible('/image', 'reliability', 2)])
    assert report.level == WARN
    assert '/image' in report.message and 'reliability' in report.message
    assert dict(report.values) == {'/image': 'reliability, 2 so far'}


def test_model() -> None:
    card = SimpleNamespace(name='nano', licence='Apache-2.0', input_size=(64, 96))
    estimator: Any = SimpleNamespace(
        card=card,
        device=torch.device('cpu'),
        precision='bf16',
        threads=2,
        warm_up_seconds=1.0,
        warnings=[],
    )
    report = reports.model_report(True, estimator, '')
    values = dict(report.values)
    assert report.level == OK and values['model'] == 'nano' and values['device'] == 'cpu'
    assert 20 < float(values['memory of the process [MB]']) < 1e5
    assert reports.model_report(True, None, '').message == 'loading'
    assert reports.model_report(False, None, '').level == OK
    assert reports.model_report(True, None, 'bad').level == ERROR
    assert reports.model_report(True, estimator, 'bad').level == ERROR
    estimator.warnings = ['another camera']
    assert reports.model_report(True, estimator, '').message == 'another camera'


class Reporter(Node):
    def __init__(self, **options: Any) -> None:
        super().__init__('reporter', **options)
        task = {'task': lambda: Report(WARN, 'so so', (('key', 'value'),))}
        self.diagnostics = Diagnostics(self, task)
        self.diagnostics.set_device('device 7')


def by_name(heard: list[Any]) -> dict[str, Any]:
    """The newest status of every name."""
    return {status.name: status for message in heard for status in message.status}


@pytest.mark.parametrize('use_sim_time', [False, True])
def test_reports_go_out_once_a_period_even_where_the_clock_stands(use_sim_time: bool) -> None:
    """Convention 20: watchdogs run on a steady clock."""
    values = {'use_sim_time': use_sim_time, 'diagnostic_updater.period': 0.2}
    with live.live(Reporter, **values) as running:
        heard = running.listen(DiagnosticArray, '/diagnostics')
        running.until(lambda: len(heard) >= 4, 'diagnostics')
        status = by_name(heard)['reporter: task']
        assert (status.level, status.message) == (b'\x01', 'so so')
        assert status.hardware_id == 'device 7'
        assert [(pair.key, pair.value) for pair in status.values] == [('key', 'value')]
        assert all(len(message.status) == 1 for message in heard)
