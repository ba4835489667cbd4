# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from ros2_standalone.cyclone import library
from ros2_standalone.dds import Participant
from ros2_standalone.domains import Discovery
from ros2_standalone.errors import StandaloneError
from transport import domain, only_standalone

pytestmark = only_standalone


def test_discovery_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Discovery.from_environment() == Discovery('LOCALHOST')
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE')
    assert Discovery.from_environment() == Discovery('SUBNET')
    monkeypatch.setenv('ROS_STATIC_PEERS', '10.0.0.1;robot.local;')
    assert Discovery.from_environment() == Discovery('SUBNET', ('10.0.0.1', 'robot.local'))
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    assert Discovery.from_environment() == Discovery('LOCALHOST')
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '0')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'EVERYWHERE')
    with pytest.raises(StandaloneError, match=r'EVERYWHERE.*set it to one of SUBNET, LOCALHOST'):
        Discovery.from_environment()


PORTS = '<ParticipantIndex>auto</ParticipantIndex>'
PORTS += '<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>'
QUIET = '<AllowMulticast>false</AllowMulticast>'
CLOSED = '<ParticipantIndex>none</ParticipantIndex>'
CLOSED += f'<Tag>ros_discovery_off_{os.getpid()}</Tag>'


@pytest.mark.parametrize(
    ('discovery', 'general', 'inside'),
    [  # as rmw_cyclonedds_cpp of Jazzy configures them
        (Discovery('SUBNET'), '', PORTS),
        (
            Discovery('SUBNET', ('10.0.0.1',)),
            '',
            f'{PORTS}<Peers><Peer address="10.0.0.1"/></Peers>',
        ),
        (Discovery('OFF', ('10.0.0.1',)), QUIET, CLOSED),
    ],
    ids=['subnet', 'peers', 'off'],
)
def test_discovery_is_configured_as_in_ros(
    discovery: Discovery, general: str, inside: str
) -> None:
    both = f'<General>{general}</General><Discovery>{inside}</Discovery>'
    assert discovery.config() == f'<CycloneDDS><Domain>{both}</Domain></CycloneDDS>,'
    assert accepted(discovery)


def accepted(discovery: Discovery) -> bool:
    handle = library().dds_create_domain(domain(), discovery.config().encode())
    return bool(handle > 0 and library().dds_delete(handle) == 0)


@pytest.mark.parametrize('own', ['10.1.2.3', '127.0.0.1', None])
def test_localhost_listens_wherever_this_machine_calls_from(
    monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    assert accepted(Discovery('LOCALHOST'))

    class Probe(socket.socket):
        def connect(self, address: Any) -> None:
            if own is None:
                raise OSError('Network is unreachable')

        def getsockname(self) -> Any:
            return own, 1

    monkeypatch.setattr(socket, 'socket', Probe)
    config = Discovery('LOCALHOST', ('10.0.0.1',)).config()
    addresses = ['10.1.2.3', '127.0.0.1'] if own == '10.1.2.3' else ['127.0.0.1']
    assert re.findall('NetworkInterface address="(.*?)"', config) == addresses
    assert re.findall('Peer address="(.*?)"', config) == [*addresses, '10.0.0.1']
    assert QUIET in config


def test_the_default_of_the_middleware_is_left_alone() -> None:
    assert Discovery('SYSTEM_DEFAULT').config() == ''


def test_a_domain_has_one_configuration(
    pair: Any, other_domain: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    with pytest.raises(StandaloneError, match=f'domain {domain()} is already open'):
        Participant(domain())
    log = tmp_path / 'cyclone.log'
    uri = f'<Tracing><Verbosity>config</Verbosity><OutputFile>{log}</OutputFile></Tracing>'
    monkeypatch.setenv('CYCLONEDDS_URI', uri)
    Participant(other_domain).delete()
    assert f'ros_discovery_off_{os.getpid()}' in log.read_text()
    monkeypatch.setenv('CYCLONEDDS_URI', '<nonsense/>')
    with pytest.raises(StandaloneError, match="not take CYCLONEDDS_URI '<nonsense/>'"):
        Participant(other_domain)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    interface = '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    monkeypatch.setenv('CYCLONEDDS_URI', f'<General>{interface}</General>')
    with pytest.raises(StandaloneError, match='now LOCALHOST; SYSTEM_DEFAULT leaves') as caught:
        Participant(other_domain)
    assert '\n' not in str(caught.value)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SYSTEM_DEFAULT')
    Participant(other_domain).delete()
