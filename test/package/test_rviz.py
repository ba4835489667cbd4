# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The view of RViz fits what the node publishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mdepth_ros.ros.outputs import TOPICS
from mdepth_ros.ros.parameters import MDEPTH

ROOT = Path(__file__).resolve().parents[2]
# Display -> type of the messages that it shows (plugins_description.xml of rviz_default_plugins).
SHOWS = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/PointCloud2': 'sensor_msgs/msg/PointCloud2',
    'rviz_default_plugins/Odometry': 'nav_msgs/msg/Odometry',
    'rviz_default_plugins/Path': 'nav_msgs/msg/Path',
}
WITHOUT_TOPIC = {'rviz_default_plugins/Grid', 'rviz_default_plugins/TF'}


@pytest.fixture(scope='module')
def view() -> Any:
    with (ROOT / 'rviz/mdepth.rviz').open(encoding='utf-8') as file:
        return YAML(typ='safe').load(file)


def displays(view: Any) -> Iterator[dict[str, Any]]:
    yield from view['Visualization Manager']['Displays']


def test_image_depth_cloud_path_odometry_and_tf_are_shown(view: Any) -> None:
    enabled = [display for display in displays(view) if display['Enabled']]
    topics = {display['Topic']['Value'] for display in enabled if 'Topic' in display}
    assert topics == {'image', 'depth/image_rect', 'depth/points', 'odom', 'path'}
    assert 'rviz_default_plugins/TF' in {display['Class'] for display in enabled}


def test_every_display_shows_the_type_of_its_topic(view: Any) -> None:
    for display in displays(view):
        if display['Class'] in WITHOUT_TOPIC:
            continue
        # Relative, so that they are found in a namespace.
        kind = {'image': 'sensor_msgs/msg/Image', **TOPICS}[display['Topic']['Value']]
        assert kind == SHOWS[display['Class']], display['Name']


def test_every_display_says_its_qos_and_it_fits(view: Any) -> None:
    for display in displays(view):
        if 'Topic' not in display:
            continue
        topic = display['Topic']
        # Cameras may offer best effort only; the node's outputs are reliable.
        wanted = 'Best Effort' if topic['Value'] == 'image' else 'Reliable'
        assert topic['Reliability Policy'] == wanted, display['Name']
        assert topic['Durability Policy'] == 'Volatile'
        assert topic['History Policy'] == 'Keep Last'


def test_frames_are_the_defaults_of_the_node(view: Any) -> None:
    defaults = {one.name: one.default for one in MDEPTH}
    manager = view['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == defaults['odom_frame']
    assert manager['Views']['Current']['Target Frame'] == defaults['base_frame']


def test_classes_are_of_ros_2(view: Any) -> None:
    def classes(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if name := part.get('Class'):
                yield name
            for value in part.values():
                yield from classes(value)
        elif isinstance(part, list):
            for value in part:
                yield from classes(value)

    found = set(classes(view))
    assert found
    assert {name.partition('/')[0] for name in found} == {'rviz_common', 'rviz_default_plugins'}
