# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is written beside the code says the same as the code (convention 16)."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
from ros2_standalone.parameter_files import file_parameters
from ruamel.yaml import YAML

from mdepth_ros.ros.outputs import TOPICS
from mdepth_ros.ros.parameter import markdown_table, yaml_file
from mdepth_ros.ros.parameters import MDEPTH, POINT_CLOUD

ROOT = Path(__file__).resolve().parents[2]
VEHICLE = (ROOT / 'docs/vehicle.md').read_text('utf-8')
MAKE = 'made by `python -m mdepth_ros.ros.parameters'


def parameters(path: str, node: str) -> dict[str, Any]:
    """What a node of that name gets from a parameter file."""
    found = {}
    for pattern, name, value in file_parameters(str(ROOT / path)):
        if fnmatch.fnmatchcase(node, '/' + pattern.lstrip('/').replace('**', '*')):
            found[name] = value
    return found


def test_the_config_file_is_the_description() -> None:
    text = (ROOT / 'config/mdepth.yaml').read_text('utf-8')
    assert text == yaml_file(MDEPTH), f'config/mdepth.yaml is {MAKE} yaml`'


def test_the_config_file_gives_every_parameter_its_default_in_any_namespace() -> None:
    wanted = {one.name: one.value for one in MDEPTH}
    assert parameters('config/mdepth.yaml', '/mdepth') == wanted
    assert parameters('config/mdepth.yaml', '/robot1/front/mdepth') == wanted


def test_the_config_file_leaves_time_to_the_launch_file() -> None:
    assert 'use_sim_time' not in (ROOT / 'config/mdepth.yaml').read_text('utf-8')


@pytest.mark.parametrize('described', [MDEPTH, POINT_CLOUD], ids=['depth', 'cloud'])
def test_the_tables_of_parameters_are_the_description(described: Any) -> None:
    assert markdown_table(described) in VEHICLE, f'docs/vehicle.md has a table {MAKE} markdown`'


def test_every_output_is_in_the_table_of_topics() -> None:
    rows = [line for line in VEHICLE.splitlines() if line.startswith('| out |')]
    named = {name.lstrip('/') for row in rows for name in re.findall('`([^`]+)`', row)}
    assert named >= set(TOPICS)


@pytest.mark.parametrize('page', ['docs/vehicle.md', 'docs/recipes.md', 'CONTRIBUTING.md'])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r'\]\(([^)#]+)\)', path.read_text('utf-8'))
    assert links
    for link in links:
        assert link.startswith('https://') or (path.parent / link).exists(), link


def test_the_costmap_recipe_loads_and_listens_to_our_cloud() -> None:
    values = parameters('docs/nav2_costmap.yaml', '/local_costmap/local_costmap')
    assert values['plugins'][0] == 'camera_layer'
    assert values['camera_layer.plugin'] == 'nav2_costmap_2d::VoxelLayer'
    sources = values['camera_layer.observation_sources'].split()
    assert [s for s in sources if values[f'camera_layer.{s}.marking']] == ['mark']
    assert [s for s in sources if values[f'camera_layer.{s}.clearing']] == ['clear']
    for source in sources:
        one = f'camera_layer.{source}'
        assert values[f'{one}.topic'].removeprefix('/') in TOPICS
        assert values[f'{one}.data_type'] == 'PointCloud2'
        assert values[f'{one}.min_obstacle_height'] < values[f'{one}.max_obstacle_height']
    assert values['camera_layer.mark.obstacle_min_range'] > 0
    assert values['camera_layer.mark.obstacle_max_range'] <= values['width'] / 2
    # The grid of voxels holds what is marked, and has at most 16 levels.
    top = values['camera_layer.z_voxels'] * values['camera_layer.z_resolution']
    assert values['camera_layer.z_voxels'] <= 16
    assert top >= values['camera_layer.mark.max_obstacle_height']
    assert values['global_frame'] == 'odom'


def test_the_filter_recipe_loads_and_takes_velocities_only() -> None:
    values = parameters('docs/robot_localization.yaml', '/ekf_filter_node')
    assert values['odom0'].removeprefix('/') in TOPICS
    used = values['odom0_config']
    assert len(used) == 15
    assert not any(used[:6] + used[12:])
    assert [used[6], used[11]] == [True, True]  # forward, and about the vertical
    assert values['publish_tf'] is True
    defaults = {one.name: one.default for one in MDEPTH}
    assert values['odom_frame'] == values['world_frame'] == defaults['odom_frame']
    assert values['base_link_frame'] == defaults['base_frame']
    # Then the node must not broadcast the same transform.
    recipes = (ROOT / 'docs/recipes.md').read_text('utf-8')
    assert 'publish_tf:=false\nros2 run robot_localization' in recipes


def test_the_recording_recipe_asks_for_what_every_publisher_offers() -> None:
    with (ROOT / 'docs/record_qos.yaml').open(encoding='utf-8') as file:
        profiles = YAML(typ='safe').load(file)
    command = (ROOT / 'docs/recipes.md').read_text('utf-8')
    assert all(topic in command for topic in profiles)
    for topic, profile in profiles.items():
        latched = topic == '/tf_static'
        assert profile['reliability'] == ('reliable' if latched else 'best_effort')
        assert profile['durability'] == ('transient_local' if latched else 'volatile')


def test_a_bag_is_played_with_latched_static_transforms() -> None:
    with (ROOT / 'config/play_qos.yaml').open(encoding='utf-8') as file:
        profiles = YAML(typ='safe').load(file)
    assert {p['durability'] for p in profiles.values()} == {'transient_local'}
    assert list(profiles) == ['/tf_static']
    assert '--qos-profile-overrides-path' in (ROOT / 'launch/mdepth.launch.py').read_text('utf-8')


def test_the_container_copies_what_is_there() -> None:
    text = (ROOT / 'docker/Dockerfile').read_text('utf-8')
    copied = re.search(r'^COPY (.+) src/mdepth_ros/$', text, re.MULTILINE)
    assert copied
    for name in copied[1].split():
        assert (ROOT / name).is_file(), name
    entry = ROOT / 'docker/entrypoint.sh'
    assert 'docker/entrypoint.sh' in text
    assert entry.stat().st_mode & 0o111


def test_every_distribution_is_tested_and_named() -> None:
    with (ROOT / '.github/workflows/ros.yml').open(encoding='utf-8') as file:
        workflow = YAML(typ='safe').load(file)
    distros = workflow['jobs']['colcon']['strategy']['matrix']['distro']
    assert distros == ['humble', 'jazzy', 'kilted', 'lyrical']
    assert all(distro.capitalize() in VEHICLE for distro in distros)
