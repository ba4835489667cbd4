# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from mdepth_ros.cli import free_domain as module
from mdepth_ros.cli.free_domain import DOMAINS, free_domain, own_domain
from mdepth_ros.errors import MdepthError

ROOT = Path(__file__).resolve().parents[2]


def ask() -> int:
    """The domain that a process gets that starts now."""
    code = 'from mdepth_ros.cli.free_domain import *\nwith free_domain() as it: print(it)'
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def test_nobody_else_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'getpid', lambda: 5)  # always asks for the same one first
    with free_domain() as one, free_domain() as other:
        assert one != other
        assert {one, other} <= set(DOMAINS)
        assert ask() not in (one, other)
    with free_domain() as again:
        assert again == one


@pytest.mark.parametrize('offset', [0, 1, 10, 11, 10 + 2 * 7])
def test_a_domain_with_a_participant_is_not_free(
    monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    """Whose socket shares its port, as those of DDS may, and is bound to one address."""
    monkeypatch.setattr(os, 'getpid', lambda: 5)
    with free_domain() as free:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        participant.bind(('127.0.0.1', 7400 + 250 * free + offset))
        with free_domain() as other:
            assert other != free


def test_a_real_participant_is_seen() -> None:
    pytest.importorskip('transport')
    from rclpy.node import Node
    from transport import context, domain

    first = 7400 + 250 * domain()
    assert module._is_silent(first)
    with context() as inside:
        node = Node('participant', context=inside)
        assert not module._is_silent(first)
        node.destroy_node()
    assert module._is_silent(first)


def test_no_domain_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with free_domain() as taken:
        monkeypatch.setattr(module, 'DOMAINS', [taken])
        with pytest.raises(MdepthError, match='is free on this machine: stop nodes that'):
            ExitStack().enter_context(free_domain())


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROS_STATIC_PEERS', '10.0.0.1')
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '0')
    before = dict(os.environ)
    with own_domain() as domain:
        assert os.environ['ROS_DOMAIN_ID'] == str(domain) != before['ROS_DOMAIN_ID']
        assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
        assert 'ROS_STATIC_PEERS' not in os.environ
    assert dict(os.environ) == before


@pytest.mark.parametrize(('distribution', 'only'), [('humble', '1'), ('jazzy', None)])
def test_on_this_machine_alone_in_every_ros(
    monkeypatch: pytest.MonkeyPatch, distribution: str, only: str | None
) -> None:
    monkeypatch.setenv('ROS_DISTRO', distribution)
    with own_domain():
        assert os.environ.get('ROS_LOCALHOST_ONLY') == only
