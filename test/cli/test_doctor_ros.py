# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth doctor` on middleware, network and graph."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdepth_ros.cli import doctor_ros
from mdepth_ros.cli.doctor_ros import BAD, GOOD, NOTE, Finding
from mdepth_ros.cli.free_domain import own_domain
from mdepth_ros.ros import bag_topics

# isort: split
import rclpy
from rclpy.context import Context
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

VARIABLES = (
    'ROS_AUTOMATIC_DISCOVERY_RANGE',
    'ROS_DOMAIN_ID',
    'ROS_LOCALHOST_ONLY',
    'ROS_STATIC_PEERS',
    'RMW_IMPLEMENTATION',
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def find(findings: list[Finding], subject: str) -> Finding:
    return {finding.subject: finding for finding in findings}[subject]


standalone = pytest.mark.skipif(doctor_ros._ros() is not None, reason='ROS 2 is installed')


@standalone
def test_what_stands_in_for_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = find(doctor_ros.middleware(), 'ROS 2')
    assert finding.state == GOOD
    assert f'Cyclone DDS {importlib.metadata.version("cyclonedds")}' in finding.found
    monkeypatch.setattr(doctor_ros, 'installed', lambda package: None)
    finding = find(doctor_ros.middleware(), 'ROS 2')
    assert finding.state == NOTE
    assert 'pip install cyclonedds' in finding.remedy
    assert doctor_ros.graph() == []


@standalone
def test_a_middleware_that_is_not_spoken_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_zenoh_cpp')
    assert find(doctor_ros.middleware(), 'RMW').state == NOTE
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    assert [finding.subject for finding in doctor_ros.middleware()] == ['ROS 2']


@pytest.mark.parametrize(
    'value, state', [(None, GOOD), ('42', GOOD), ('232', GOOD), ('233', BAD), ('one', BAD)]
)
def test_domain(monkeypatch: pytest.MonkeyPatch, value: str | None, state: str) -> None:
    if value is not None:
        monkeypatch.setenv('ROS_DOMAIN_ID', value)
    finding = find(doctor_ros.network(), 'ROS_DOMAIN_ID')
    assert (finding.state, finding.found) == (state, value or '0')


@pytest.mark.parametrize(
    'environment, state, text',
    [
        ({}, GOOD, 'the local network'),
        ({'ROS_STATIC_PEERS': '10.0.0.2'}, GOOD, 'the local network, and 10.0.0.2'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, GOOD, 'this machine only'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}, NOTE, 'OFF: no other process is found'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'WORLD'}, BAD, 'WORLD is no range'),
        ({'ROS_LOCALHOST_ONLY': '1'}, GOOD, 'this machine only (ROS_LOCALHOST_ONLY)'),
    ],
)
def test_discovery(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], state: str, text: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    finding = find(doctor_ros.network(), 'discovery')
    assert (finding.state, finding.found) == (state, text)
    assert finding.remedy or state == GOOD


@pytest.mark.parametrize('size, state', [(212_992, NOTE), (2_147_483_647, GOOD)])
def test_socket_buffers(monkeypatch: pytest.MonkeyPatch, size: int, state: str) -> None:
    monkeypatch.setattr(Path, 'read_text', lambda self, **_: f'{size}\n')
    finding = find(doctor_ros.network(), 'net.core.rmem_max')
    assert (finding.state, finding.found) == (state, f'{size} bytes')
    assert ('sysctl' in finding.remedy) == (state == NOTE)


def test_no_buffers_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Path, **_: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, 'read_text', missing)
    assert [finding.subject for finding in doctor_ros.network()] == ['ROS_DOMAIN_ID', 'discovery']


@pytest.fixture
def camera() -> Iterator[Any]:
    with own_domain():
        context = Context()
        rclpy.init(context=context)
        node = rclpy.create_node('driver', context=context)
        yield node
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_the_cameras_of_the_graph(camera: Any) -> None:
    assert bag_topics.message_class('sensor_msgs/msg/Image') is Image
    camera.create_publisher(Image, '/front/image_raw', qos_profile_sensor_data)
    camera.create_publisher(CompressedImage, '/front/image_raw/compressed', 1)
    camera.create_publisher(CameraInfo, '/front/camera_info', 1)
    camera.create_publisher(CompressedImage, '/rear/image/compressed', 1)
    camera.create_subscription(Image, '/nobody/image', print, 1)
    found = {finding.subject: finding for finding in doctor_ros.graph()}
    assert set(found) == {'/front/image_raw', '/rear/image/compressed'}
    front, rear = found['/front/image_raw'], found['/rear/image/compressed']
    assert (front.state, front.found) == (GOOD, 'raw, best_effort, by driver')
    assert (rear.state, rear.found) == (NOTE, 'compressed, reliable, by driver; no camera_info')
    assert '/rear/camera_info' in rear.remedy


def test_no_camera(camera: Any) -> None:
    (finding,) = doctor_ros.graph()
    assert (finding.subject, finding.state) == ('image topics', NOTE)
    assert 'start the camera' in finding.remedy
