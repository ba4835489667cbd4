# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The half of `mdepth doctor` that looks at ROS 2: middleware, network, and the graph."""

from __future__ import annotations

import os
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from mdepth_ros import ros2

GOOD, NOTE, BAD = 'ok', 'note', 'broken'
ENOUGH_BUFFER = 8 * 1024**2
LARGEST_DOMAIN = 232
RANGES = ('SUBNET', 'LOCALHOST', 'OFF', 'SYSTEM_DEFAULT')
LISTEN = 2.0  # s
IMAGES = {'sensor_msgs/msg/Image': 'raw', 'sensor_msgs/msg/CompressedImage': 'compressed'}


class Finding(NamedTuple):
    """A line of the table: what was looked at, how it is, and what to do about it."""

    subject: str
    state: str
    found: str
    remedy: str = ''


def judged(subject: str, fine: bool, found: str, remedy: str, otherwise: str = NOTE) -> Finding:
    """A finding that has a remedy where it is not fine."""
    return Finding(subject, GOOD, found) if fine else Finding(subject, otherwise, found, remedy)


def middleware() -> list[Finding]:
    """ROS 2 itself with its RMW, or what stands in for it."""
    if (found := _ros()) is not None:
        import rclpy

        distro = os.environ.get('ROS_DISTRO', 'unknown distribution')
        return [
            Finding('ROS 2', GOOD, f'{distro}, {found}'),
            Finding('RMW', GOOD, rclpy.get_rmw_implementation_identifier()),
            _bridge(),
        ]
    if not ros2.has_standalone():
        text = 'not installed, nor is ros2_standalone: no bags, and no nodes'
        return [Finding('ROS 2', BAD, text, ros2.INSTALL)]
    cyclone = installed('cyclonedds')
    if cyclone is None:
        text = 'not installed: run, evaluate, synth, demo and the other offline commands work'
        remedy = (
            'for nodes under ROS 2: source /opt/ros/DISTRO/setup.bash first; for nodes without: '
            'pip install cyclonedds (Python 3.10 to 3.13)'
        )
        return [Finding('ROS 2', NOTE, text, remedy)]
    stand_in = Finding('ROS 2', GOOD, f'not installed: Cyclone DDS {cyclone} stands in for it')
    wanted = os.environ.get('RMW_IMPLEMENTATION', '')
    if 'zenoh' not in wanted:
        return [stand_in]
    text = f'RMW_IMPLEMENTATION is {wanted}, but only DDS is spoken here'
    remedy = 'export RMW_IMPLEMENTATION=rmw_cyclonedds_cpp on the machines with ROS 2'
    return [stand_in, Finding('RMW', NOTE, text, remedy)]


def _ros() -> str | None:
    """Where the rclpy of an installed ROS 2 lies."""
    spec = find_spec('rclpy')  # without an origin where it is our own
    return spec.origin if spec is not None else None


def installed(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _bridge() -> Finding:
    from mdepth_ros.ros.bridge import bridge_problem

    problem, _, remedy = bridge_problem().partition(': ')
    if not problem:
        return Finding('cv_bridge', GOOD, 'works with this NumPy')
    without = 'mdepth does without it; other nodes that call it in this environment may crash'
    return Finding('cv_bridge', NOTE, f'{problem}; {without}', remedy)


def network() -> list[Finding]:
    """Who can be found: domain, discovery range; and whether large images pass."""
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    fine = domain.isdigit() and int(domain) <= LARGEST_DOMAIN
    remedy = f'export ROS_DOMAIN_ID=N with N from 0 to {LARGEST_DOMAIN}'
    found = [judged('ROS_DOMAIN_ID', fine, domain, remedy, BAD), _discovery()]
    try:
        size = int(Path('/proc/sys/net/core/rmem_max').read_text(encoding='ascii'))
    except (OSError, ValueError):  # not Linux, or a container that hides it
        return found
    remedy = 'sudo sysctl -w net.core.rmem_max=2147483647, else large images may be lost'
    enough = size >= ENOUGH_BUFFER
    return [*found, judged('net.core.rmem_max', enough, f'{size} bytes', remedy)]


def _discovery() -> Finding:
    chosen = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or ''
    peers = os.environ.get('ROS_STATIC_PEERS') or ''
    also = f', and {peers}' if peers else ''
    name = 'discovery'
    if os.environ.get('ROS_LOCALHOST_ONLY') == '1':
        return Finding(name, GOOD, f'this machine only (ROS_LOCALHOST_ONLY){also}')
    if chosen and chosen not in RANGES:
        remedy = f'export ROS_AUTOMATIC_DISCOVERY_RANGE={"|".join(RANGES)}'
        return Finding(name, BAD, f'{chosen} is no range', remedy)
    if chosen == 'OFF':
        remedy = 'unset ROS_AUTOMATIC_DISCOVERY_RANGE to find others'
        return Finding(name, NOTE, f'OFF: no other process is found{also}', remedy)
    texts = {'LOCALHOST': 'this machine only', 'SYSTEM_DEFAULT': 'as the middleware is configured'}
    return Finding(name, GOOD, texts.get(chosen, 'the local network') + also)


def graph() -> list[Finding]:
    """The cameras that are there: publishers, QoS and camera_info of every image topic."""
    if _ros() is None and not (ros2.has_standalone() and installed('cyclonedds')):
        return []
    from mdepth_ros.cli.live import live_node

    found, topics = list[Finding](), dict[str, list[str]]()
    with live_node('mdepth_doctor') as node:
        time.sleep(LISTEN)
        topics = dict(node.get_topic_names_and_types())
        for topic, kinds in topics.items():
            if IMAGES.keys() & set(kinds):
                found += _image_topic(node, topic, topics)
    if found:
        return found
    text = f'none within {LISTEN:g} s, {len(topics)} topics in all'
    remedy = 'start the camera, or mdepth play BAG; are domain and discovery the same there?'
    return [Finding('image topics', NOTE, text, remedy)]


def _image_topic(node: Any, topic: str, topics: dict[str, list[str]]) -> list[Finding]:
    from mdepth_ros.sources.topics import base_topic, sibling_infos

    publishers = node.get_publishers_info_by_topic(topic)
    if not publishers:
        return []
    if base_topic(topic) != topic and node.get_publishers_info_by_topic(base_topic(topic)):
        return []  # the raw images are listed
    kind = IMAGES[next(kind for kind in topics[topic] if kind in IMAGES)]
    policies = sorted({p.qos_profile.reliability.name.lower() for p in publishers})
    nodes = ', '.join(sorted({p.node_name for p in publishers}))
    text = f'{kind}, {" and ".join(policies)}, by {nodes}'
    infos = sibling_infos(topic)
    if any(node.get_publishers_info_by_topic(info) for info in infos):
        return [Finding(topic, GOOD, text)]
    remedy = f'nobody publishes {infos[-1]}: name its camera_info with --camera-info'
    return [Finding(topic, NOTE, f'{text}; no camera_info', remedy)]
