# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The conventions of ROS that users rely on; each test names its rule.

Rules that other files test: odometry, TF and stamps (1 to 6): test_conventions_odometry.py;
depth, camera_info and clouds (7 to 11): test_conventions_depth.py; odometry without extrinsics
(4), stamps that go back (19): test_mdepth_node.py; K[0] == 0, binning and ROI (9): test_inputs.py;
names (12): test_image_topic.py; both kinds of peer (13): test_qos.py; parameters (15, 16):
test_parameters.py; steady watchdogs (20): test_reports.py; Ctrl-C (23): test_executables.py;
launch, bags and package: test/package.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import live

import mdepth_ros.ros
from mdepth_ros.ros.mdepth_node import MdepthNode
from mdepth_ros.ros.parameters import MDEPTH, NODES

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image


def test_12_no_name_is_absolute() -> None:
    """Rule 12: names are relative; only what is global in ROS 2 begins with a slash."""
    allowed = {'/tf', '/tf_static', '/clock', '/diagnostics', '/rosout', '/parameter_events'}
    for path in sorted(Path(mdepth_ros.ros.__file__).parent.glob('*.py')):
        nodes = list(ast.walk(ast.parse(path.read_text('utf-8'))))
        # What comes behind a placeholder begins no name: f'{name}/compressed'.
        behind = {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in n.values[1:]}
        constants = [n for n in nodes if isinstance(n, ast.Constant) and id(n) not in behind]
        names = {n.value for n in constants if isinstance(n.value, str)}
        absolute = {n for n in names if re.fullmatch(r'(/[a-z]\w*)+', n)}
        topics = {n for n in absolute if not Path('/', n.split('/')[1]).exists()}
        assert topics <= allowed, path.name


def test_12_no_parameter_is_the_name_of_a_topic() -> None:
    """Rule 12: topics are remapped, not set."""
    for described in NODES.values():
        for one in described:
            assert 'topic' not in one.name and not str(one.value).startswith('/')


def test_14_incompatible_qos_is_on_diagnostics_with_topic_and_policy(model: Path) -> None:
    """Rule 14: no output by QoS names the topic and the policy."""
    values = {
        'model': str(model),
        'device': 'cpu',
        'no_data_timeout': 0.2,
        'qos_overrides./image.subscription.reliability': 'reliable',
    }
    with live.live(MdepthNode, **values) as running:
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.publisher(Image, '/image', live.qos(reliable=False))

        def messages(task: str) -> str:
            return next(
                (s.message for m in reversed(reports) for s in m.status if s.name.endswith(task)),
                '',
            )

        running.until(lambda: 'incompatible' in messages('topics'), 'diagnostics')
        assert '/image' in messages('topics') and 'reliability' in messages('topics')
        running.until(lambda: 'policy reliability' in messages('input'), 'the reason')


def test_16_defaults_are_those_of_the_description(model: Path) -> None:
    """Rule 16: what the node declares is what the table says; use_sim_time is left alone."""
    with live.live(MdepthNode, enabled=False) as running:
        for one in MDEPTH:
            if one.name != 'enabled':
                assert running.node.get_parameter(one.name).value == one.value
        assert running.node.get_parameter('use_sim_time').value is False
