# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ros2_standalone
from ros2_standalone.errors import StandaloneError

ROOT = Path(__file__).resolve().parents[1]
HAS_ROS = importlib.util.find_spec('rclpy') is not None and not ros2_standalone.ensure()


def run(code: str, *paths: Path) -> str:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (ROOT, *paths)))}
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def fake(folder: Path, name: str, text: str) -> None:
    path = folder.joinpath(*name.split('.')) / '__init__.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.skipif(HAS_ROS, reason='ROS 2 is installed: its own modules are used')
def test_messages_come_from_here_where_there_is_no_ros() -> None:
    code = """
import sys
import ros2_standalone
before = list(sys.meta_path)
print(ros2_standalone.ensure(), ros2_standalone.ensure(), len(sys.meta_path) - len(before))
assert sys.meta_path[:-1] == before
assert not any(name.startswith(('rosbags', 'numpy')) for name in sys.modules)
from sensor_msgs.msg import Image
import geometry_msgs.msg
from rclpy.serialization import serialize_message, deserialize_message
print(deserialize_message(serialize_message(Image(width=3)), Image).width)
try:
    from sensor_msgs.msg import Picture
except ImportError:
    print('no Picture')
try:
    import rclpy.action
except ImportError:
    print('no actions')
"""
    assert run(code).split('\n') == ['True True 1', '3', 'no Picture', 'no actions']


@pytest.mark.skipif(HAS_ROS, reason='ROS 2 is installed: its own modules are used')
def test_every_name_that_is_served_is_there() -> None:
    code = """
import importlib
import ros2_standalone
ros2_standalone.ensure()
for module, sources in ros2_standalone.MODULES.items():
    served = importlib.import_module(module)
    named = [name for names in sources.values() for name in names.split()]
    assert sorted(named) == served.__all__ or (sources and not named and served.__all__), module
print('all')
"""
    assert run(code) == 'all'


def test_an_installed_ros_is_used_for_everything(tmp_path: Path) -> None:
    fake(tmp_path, 'rclpy', '')
    fake(tmp_path, 'sensor_msgs', '')
    fake(tmp_path, 'sensor_msgs.msg', 'Image = "the real one"')
    code = """
import ros2_standalone as s
print(s.ensure())
from sensor_msgs.msg import Image
print(Image)
try:
    import tf2_msgs.msg
except ImportError:
    print('no tf2_msgs')
"""
    assert run(code, tmp_path).split('\n') == ['False', 'the real one', 'no tf2_msgs']


def test_a_ros_of_another_python_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, 'rclpy', 'raise ImportError("No module named _rclpy_pybind11")')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, 'meta_path', [
        finder for finder in sys.meta_path if type(finder).__module__ != ros2_standalone.__name__
    ])  # fmt: skip
    for name in [name for name in sys.modules if name.split('.')[0] == 'rclpy']:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(StandaloneError, match='rclpy does not load in Python') as caught:
        ros2_standalone.ensure()
    assert '\n' not in str(caught.value)
